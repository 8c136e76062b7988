"""Tables of members, invitations and API readers."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from whoop_assets.db.columns import column, key, metadata
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
    column("label", Text, "the operator's name for the reader", nullable=False),
    column("key_hash", String(64), "SHA-256 of the reader's key", nullable=False),
    column("requests_per_minute", Integer, "rate limit, requests per minute", nullable=False),
    column("made_at", UtcDateTime(), "creation time", nullable=False),
    column("revoked_at", UtcDateTime(), "when the key was revoked; NULL while it is valid"),
    comment="Readers of the daily API. No key is stored.",
)

Index("ix_readers_key_hash", readers.c.key_hash, unique=True)

reader_members = Table(
    "reader_members",
    metadata,
    key("reader_id", BigInteger, "number of the reader"),
    key("user_id", BigInteger, "WHOOP user id"),
    comment="The members that each reader may read.",
)

member_sessions = Table(
    "member_sessions",
    metadata,
    Column("id", Id, primary_key=True, comment="number of the session"),
    column("user_id", BigInteger, "WHOOP user id", nullable=False),
    column("token_hash", String(64), "SHA-256 of the token in the browser's cookie", nullable=False),
    column("made_at", UtcDateTime(), "when the member signed in", nullable=False),
    column("expires_at", UtcDateTime(), "when the session ends by itself", nullable=False),
    comment="Browsers in which a member is signed in to the web pages. No token is stored.",
)

Index("ix_member_sessions_token_hash", member_sessions.c.token_hash, unique=True)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    key("link_hash", String(64), "SHA-256 of the secret in the link"),
    column(
        "user_id",
        BigInteger,
        "WHOOP user id, or the negative number of a member from an export",
        nullable=False,
    ),
    column("made_at", UtcDateTime(), "when it was made", nullable=False),
    column("expires_at", UtcDateTime(), "when it ends", nullable=False),
    comment="Links with which the operator lets a member sign in once without WHOOP. A used link is deleted.",
)

sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    key("state_hash", String(64), "SHA-256 of the state of the attempt"),
    column("user_id", BigInteger, "member who was signed in when the attempt began; NULL: nobody"),
    column("expires_at", UtcDateTime(), "when it ends", nullable=False),
    comment="Attempts to sign in at WHOOP that have not ended yet. A finished attempt is deleted.",
)

page_actions = Table(
    "page_actions",
    metadata,
    Column("id", Id, primary_key=True, comment="row number"),
    column("user_id", BigInteger, "WHOOP user id of the member whom it concerns", nullable=False),
    column("actor", String(16), "member, operator or command", nullable=False),
    column("action", String(32), "what was done", nullable=False),
    column("form_hash", String(64), "SHA-256 of the number of the submitted form; NULL: no form"),
    column("done_at", UtcDateTime(), "when it was requested", nullable=False),
    comment="Audit log of the web pages: sign-ins and buttons. It contains no health data.",
)

Index("ix_page_actions_form_hash", page_actions.c.form_hash, unique=True)
Index("ix_page_actions_user_id", page_actions.c.user_id)
