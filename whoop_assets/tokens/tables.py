"""Tables of the encrypted tokens."""

from sqlalchemy import BigInteger, Integer, String, Table, Text, text

from whoop_assets.db.columns import column, key
from whoop_assets.db.metadata import metadata
from whoop_assets.db.types import UtcDateTime

tokens = Table(
    "tokens",
    metadata,
    key("user_id", BigInteger, "WHOOP user id"),
    column("access_token", Text, "encrypted", nullable=False),
    column("refresh_token", Text, "encrypted; NULL when offline access was not granted"),
    column("expires_at", UtcDateTime(), "when the access token ends", nullable=False),
    column("refreshed_at", UtcDateTime(), "when the pair was stored", nullable=False),
    column("fence", BigInteger, "number of the last lease", nullable=False, server_default=text("0")),
    column("lease_until", UtcDateTime(), "end of the lease of who is refreshing; NULL when nobody is"),
    column("intent_at", UtcDateTime(), "when an exchange was begun whose answer is not stored yet"),
    column(
        "lease_holder",
        String(128),
        "host and process of who is refreshing, or stopped in the middle; NULL: nobody",
    ),
    column("key_id", String(16), "fingerprint of the key that encrypted the pair; NULL: not known"),
    comment="The token pair of each member, encrypted, and the lease under which it is refreshed.",
)

token_key = Table(
    "token_key",
    metadata,
    key("id", Integer, "always 1"),
    column("key_id", String(16), "fingerprint of the key", nullable=False),
    column("since", UtcDateTime(), "when it became the one that encrypts", nullable=False),
    comment="Which key encrypts tokens now, so that processes that began before a rotation use it too.",
)
