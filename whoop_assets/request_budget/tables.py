"""Tables of the shared request budget."""

from sqlalchemy import Column, Double, Index, Integer, String, Table

from whoop_assets.db.columns import column, key
from whoop_assets.db.metadata import metadata
from whoop_assets.db.types import Id, UtcDateTime

request_grants = Table(
    "request_grants",
    metadata,
    Column("id", Id, primary_key=True, comment="row number"),
    column("granted_at", UtcDateTime(), "when the request was let through", nullable=False),
    column("lane", String(16), "webhook, schedule or backfill", nullable=False),
    column("used_by", String(64), "on whose behalf: a Dagster run, a command"),
    comment="Every request to the WHOOP API of the last day.",
)

Index("ix_request_grants_granted_at", request_grants.c.granted_at)

request_limits = Table(
    "request_limits",
    metadata,
    key("window_seconds", Integer, "length of the window, seconds"),
    column("requests", Integer, "requests allowed in any window of that length", nullable=False),
    column("learned_at", UtcDateTime(), "when WHOOP last said so", nullable=False),
    comment="WHOOP's limits as its answers state them.",
)

request_gate = Table(
    "request_gate",
    metadata,
    key("id", Integer, "always 1"),
    column("not_before", UtcDateTime(), "no request before this time", nullable=False),
    column("limited_at", UtcDateTime(), "when WHOOP last answered 429; NULL: never"),
    column("share", Double, "share of the short windows' limits in use after that 429; NULL: all"),
    comment="Closed by a 429 until WHOOP's stated reset; then it opens gently.",
)

request_waiters = Table(
    "request_waiters",
    metadata,
    Column("id", Id, primary_key=True, comment="place in the queue: lower numbers came earlier"),
    column("lane", String(16), "webhook, schedule or backfill", nullable=False),
    column("used_by", String(64), "on whose behalf: a Dagster run, a command"),
    column("since", UtcDateTime(), "since when it waits", nullable=False),
    column("back_at", UtcDateTime(), "when it will look again; long past that it is dead", nullable=False),
    comment="Who waits for a slot, so that the slots go round in the order in which they were asked for.",
)

request_allowances = Table(
    "request_allowances",
    metadata,
    key("window_seconds", Integer, "length of the window, seconds"),
    column("remaining", Integer, "requests that WHOOP said were left in it", nullable=False),
    column("as_of", UtcDateTime(), "send time of the request whose answer said so", nullable=False),
    column("until", UtcDateTime(), "when WHOOP's window starts afresh", nullable=False),
    comment="What WHOOP says is left, where that is less than our own count: somebody else uses the same app.",
)
