"""Tables of members, invitations and API readers."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from whoop_assets.db.columns import column, key
from whoop_assets.db.metadata import metadata
from whoop_assets.db.types import Id, UtcDateTime

members = Table(
    "members",
    metadata,
    key("user_id", BigInteger, "WHOOP user id"),
    column(
        "status",
        String(32),
        "connected, reconnection_needed, disconnected, or export_only (all data come from an export)",
        nullable=False,
    ),
    column("status_reason", Text, "reason, if not connected"),
    column("scopes", Text, "granted scopes, separated by spaces", nullable=False),
    column("email", Text, "e-mail address"),
    column("first_name", Text, "first name"),
    column("last_name", Text, "last name"),
    column(
        "connected_at",
        UtcDateTime(),
        "when the member last gave consent; export_only: time of the first import",
        nullable=False,
    ),
    comment="Members: connected now or before, or known from an export.",
)

invitations = Table(
    "invitations",
    metadata,
    key("link_hash", String(64), "SHA-256 of the secret in the link"),
    column("made_at", UtcDateTime(), "creation time", nullable=False),
    column("expires_at", UtcDateTime(), "expiry", nullable=False),
    column("state_hash", String(64), "SHA-256 of the state of the current attempt; NULL without one"),
    column("state_expires_at", UtcDateTime(), "expiry of that attempt"),
    column("used_at", UtcDateTime(), "when an attempt finished; NULL while the link is valid"),
    comment="Links with which one member each can connect at the HTTP service.",
)

Index("ix_invitations_state_hash", invitations.c.state_hash, unique=True)

readers = Table(
    "readers",
    metadata,
    Column("id", Id, primary_key=True, comment="number of the reader"),
    Column("label", Text, nullable=False, comment="the operator's name for the reader"),
    Column("key_hash", String(64), nullable=False, comment="SHA-256 of the reader's key"),
    Column(
        "requests_per_minute",
        Integer,
        nullable=False,
        comment="rate limit, requests per minute",
    ),
    Column("made_at", UtcDateTime(), nullable=False, comment="creation time"),
    Column("revoked_at", UtcDateTime(), comment="when the key was revoked; NULL while it is valid"),
    comment="Readers of the daily API. No key is stored.",
)

Index("ix_readers_key_hash", readers.c.key_hash, unique=True)

reader_members = Table(
    "reader_members",
    metadata,
    Column("reader_id", BigInteger, primary_key=True, autoincrement=False, comment="number of the reader"),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, comment="WHOOP user id"),
    comment="The members that each reader may read.",
)
