"""Table of webhook events."""

from sqlalchemy import BigInteger, Date, Index, Integer, String, Table, Text

from whoop_assets.db.columns import column, key, metadata
from whoop_assets.db.types import JsonText, UtcDateTime

webhook_events = Table(
    "webhook_events",
    metadata,
    key("trace_id", String(160), "WHOOP's id of the event; deliveries with the same trace id are one event"),
    column("user_id", BigInteger, "WHOOP user id", nullable=False),
    column("event_type", String(64), "workout.updated, sleep.deleted, ... as WHOOP sent it", nullable=False),
    column(
        "record_id", String(128), "id of the record, for a recovery that of its sleep; NULL if none was sent"
    ),
    column("stream", String(16), "sleeps, recoveries or workouts; NULL for an unknown event type"),
    column("payload", JsonText(), "the event as WHOOP sent it, unknown fields included", nullable=False),
    column("sent_at", UtcDateTime(), "the time in WHOOP's signature", nullable=False),
    column("received_at", UtcDateTime(), "when it was stored", nullable=False),
    column("state", String(8), "open, parked or done", nullable=False),
    column("reason", Text, "why it is parked; NULL unless parked"),
    column(
        "open_since",
        UtcDateTime(),
        "receipt or last replay; a request sent later can close the event",
        nullable=False,
    ),
    column("attempts", Integer, "attempts to load the record since `open_since`", nullable=False),
    column("next_attempt_at", UtcDateTime(), "when the next attempt is due; NULL unless open"),
    column("begun_by", String(64), "run that makes the current attempt; NULL if there is none"),
    column("last_error", Text, "error of the last failed attempt, one sentence"),
    column("day", Date, "WHOOP day under which it is loaded; NULL until assigned"),
    column("closed_at", UtcDateTime(), "when a load committed the announced change"),
    column("closed_by", String(64), "the load that closed it: a Dagster run, a command or a lane"),
    comment="Ledger: what WHOOP announced, and whether the announced change is committed.",
)

Index("ix_webhook_events_due", webhook_events.c.state, webhook_events.c.next_attempt_at)

Index(
    "ix_webhook_events_record", webhook_events.c.user_id, webhook_events.c.stream, webhook_events.c.record_id
)

Index("ix_webhook_events_received_at", webhook_events.c.received_at)
