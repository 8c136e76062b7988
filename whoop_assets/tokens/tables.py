"""Tables of the encrypted tokens."""

from sqlalchemy import BigInteger, Integer, String, Table, Text, text

from whoop_assets.db.columns import column, key, metadata
from whoop_assets.db.types import UtcDateTime

tokens = Table(
    "tokens",
    metadata,
    key("user_id", BigInteger, "WHOOP user id"),
    column("access_token", Text, "encrypted", nullable=False),
    column("refresh_token", Text, "encrypted; NULL without the offline scope"),
    column("expires_at", UtcDateTime(), "when the access token expires", nullable=False),
    column("refreshed_at", UtcDateTime(), "when the pair was stored", nullable=False),
    column("fence", BigInteger, "number of the last lease", nullable=False, server_default=text("0")),
    column(
        "lease_until",
        UtcDateTime(),
        "end of the lease of the process that is refreshing; NULL without a lease",
    ),
    column("intent_at", UtcDateTime(), "when an exchange began without a stored response yet"),
    column(
        "lease_holder",
        String(128),
        "host and process that is refreshing, or stopped during a refresh",
    ),
    column("key_id", String(16), "fingerprint of the key that encrypted the pair; NULL: unknown"),
    comment="The token pair of each member, encrypted, and the lease under which it is refreshed.",
)

token_key = Table(
    "token_key",
    metadata,
    key("id", Integer, "always 1"),
    column("key_id", String(16), "fingerprint of the key", nullable=False),
    column("since", UtcDateTime(), "when it became the current key", nullable=False),
    comment="The current key, so that processes that began before a rotation use it too.",
)
