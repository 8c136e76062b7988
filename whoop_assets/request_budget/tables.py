"""Tables of the shared request budget."""

from sqlalchemy import Column, Double, Index, Integer, String, Table

from whoop_assets.db.columns import column, key, metadata
from whoop_assets.db.types import Id, UtcDateTime

request_grants = Table(
    "request_grants",
    metadata,
    Column("id", Id, primary_key=True, comment="row number"),
    column("granted_at", UtcDateTime(), "when the request was granted", nullable=False),
    column("lane", String(16), "webhook, schedule or backfill", nullable=False),
    column("used_by", String(64), "who sends it: a Dagster run or a command"),
    comment="Granted requests to the WHOOP API of the last day.",
)

Index("ix_request_grants_granted_at", request_grants.c.granted_at)

request_limits = Table(
    "request_limits",
    metadata,
    key("window_seconds", Integer, "length of the window, seconds"),
    column("requests", Integer, "requests allowed in any window of that length", nullable=False),
    column("learned_at", UtcDateTime(), "when WHOOP last stated it", nullable=False),
    comment="WHOOP's limits as its responses state them.",
)

request_gate = Table(
    "request_gate",
    metadata,
    key("id", Integer, "always 1"),
    column("not_before", UtcDateTime(), "no request before this time", nullable=False),
    column("limited_at", UtcDateTime(), "when WHOOP last answered 429; NULL: never"),
    column("share", Double, "share of the short windows' limits in use after the 429; NULL: all"),
    comment="The last 429: no requests before the reset, then a share of the limits that grows each minute.",
)

request_waiters = Table(
    "request_waiters",
    metadata,
    Column("id", Id, primary_key=True, comment="place in the queue; lower numbers go first"),
    column("lane", String(16), "webhook, schedule or backfill", nullable=False),
    column("used_by", String(64), "who sends it: a Dagster run or a command"),
    column("since", UtcDateTime(), "when it began to wait", nullable=False),
    column(
        "back_at",
        UtcDateTime(),
        "when it will check again; a minute after that the row expires",
        nullable=False,
    ),
    comment="Requests that wait for a slot, in the order of arrival.",
)

request_allowances = Table(
    "request_allowances",
    metadata,
    key("window_seconds", Integer, "length of the window, seconds"),
    column("remaining", Integer, "requests left in it by WHOOP's count", nullable=False),
    column("as_of", UtcDateTime(), "when the request with this response was granted", nullable=False),
    column("until", UtcDateTime(), "when WHOOP's window starts again", nullable=False),
    comment="Requests left by WHOOP's count, if less than by ours: another program uses the same app.",
)
