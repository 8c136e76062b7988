"""Table of the webhook events."""

from sqlalchemy import BigInteger, Date, Index, Integer, String, Table, Text

from whoop_assets.db.columns import column, key
from whoop_assets.db.metadata import metadata
from whoop_assets.db.types import JsonText, UtcDateTime

webhook_events = Table(
    "webhook_events",
    metadata,
    key("trace_id", String(160), "WHOOP's name of the event: what comes twice under it is one event"),
    column("user_id", BigInteger, "WHOOP user id", nullable=False),
    column("event_type", String(64), "workout.updated, sleep.deleted, ... as WHOOP sent it", nullable=False),
    column("record_id", String(128), "id of the record (of a recovery: its sleep's); NULL: none was sent"),
    column(
        "stream", String(16), "sleeps, recoveries or workouts; NULL for an event that names no such record"
    ),
    column("payload", JsonText(), "the event as WHOOP sent it, unknown fields included", nullable=False),
    column("sent_at", UtcDateTime(), "the time in WHOOP's signature", nullable=False),
    column("received_at", UtcDateTime(), "when it was stored, and then answered", nullable=False),
    column("state", String(8), "open, parked or done", nullable=False),
    column("reason", Text, "why it is parked"),
    column(
        "open_since",
        UtcDateTime(),
        "a request sent after this closes it: receipt, or the last replay",
        nullable=False,
    ),
    column("attempts", Integer, "attempts to load what it announces, since then", nullable=False),
    column("next_attempt_at", UtcDateTime(), "when the next attempt is due; NULL unless open"),
    column("begun_by", String(64), "who makes the attempt that is under way; NULL: none is"),
    column("last_error", Text, "what the last failed attempt came to, in one sentence"),
    column("day", Date, "WHOOP day under which it is loaded; NULL: not filed yet"),
    column("closed_at", UtcDateTime(), "when a load committed what it announced"),
    column("closed_by", String(64), "that load: a Dagster run, a command"),
    comment="Ledger: what WHOOP announced, and whether the announced change is committed.",
)

Index("ix_webhook_events_due", webhook_events.c.state, webhook_events.c.next_attempt_at)

Index(
    "ix_webhook_events_record", webhook_events.c.user_id, webhook_events.c.stream, webhook_events.c.record_id
)

Index("ix_webhook_events_received_at", webhook_events.c.received_at)
