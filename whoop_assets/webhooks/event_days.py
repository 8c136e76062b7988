"""Assigns a webhook event to the day under which it is loaded. An event carries no day.

This is the record's own day if the record is stored, else the member's local day at receipt. That is nearly
always right, because WHOOP announces a night in the morning after it and a workout when it ends. The day only
selects the partition, and its run requests the record. The load finds the record's true day, which becomes
stale. If the day has no partition (in the east, a member's day begins earlier), the nearest partition is
used.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, or_, select

from whoop_assets.db.statements import batched
from whoop_assets.records.offsets import newest_offsets
from whoop_assets.records.tables import RECORD_KEYS, RECORD_TABLES
from whoop_assets.webhooks import attempts
from whoop_assets.webhooks.events import COLUMNS, OPEN, Event
from whoop_assets.webhooks.tables import webhook_events
from whoop_assets.whoop_day import local_date


def days_of(connection: Connection, events: Collection[Event]) -> dict[str, date]:
    """Return trace id -> day for the events."""
    known = {
        stream: _days_of_records(
            connection, stream, {event.record_id for event in events if event.stream == stream}
        )
        for stream in {event.stream for event in events if event.stream is not None}
    }
    offsets = newest_offsets(connection, {event.user_id for event in events})
    return {
        event.trace_id: known.get(event.stream or "", {}).get(event.record_id or "")
        or local_date(event.received_at, offsets.get(event.user_id, timedelta(0)))
        for event in events
    }


def assign_due(connection: Connection, at: datetime, first: date, last: date, *, limit: int) -> int:
    """Assign due events without a day, or with one outside first..last, to a day inside.

    Returns:
        The number of assigned events.
    """
    c = webhook_events.c
    outside = or_(c.day.is_(None), c.day < first, c.day > last)
    query = select(*COLUMNS).where(c.state == OPEN, c.next_attempt_at <= at, outside)
    events = [Event(*row) for row in connection.execute(query.order_by(c.next_attempt_at).limit(limit))]
    days = days_of(connection, events)
    attempts.set_days(connection, {trace_id: min(max(day, first), last) for trace_id, day in days.items()})
    return len(events)


def _days_of_records(connection: Connection, stream: str, keys: Collection[str | None]) -> dict[str, date]:
    table = RECORD_TABLES[stream]
    key = table.c[RECORD_KEYS[stream]]
    found: dict[str, date] = {}
    for batch in batched(sorted(name for name in keys if name is not None)):
        found.update(connection.execute(select(key, table.c.day).where(key.in_(batch))).all())
    return found
