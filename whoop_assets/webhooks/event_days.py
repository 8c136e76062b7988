"""The day under which a webhook event is loaded while its record is not known: an event carries no day.

The record's own day when it is stored; else the member's local day when the event came, which is nearly always right,
since WHOOP announces a night in the morning after it and a workout when it ends. It only chooses the partition whose
run asks for the record: what the record's true day is, the load finds out, and that day becomes stale. So a day that has
no partition (a member east of WHOOP_TIMEZONE lives in tomorrow) gives way to the nearest one that has.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, or_, select

from whoop_assets.db.statements import batched
from whoop_assets.records.day_assignment import offset_of
from whoop_assets.records.incoming import KEY
from whoop_assets.records.tables import RECORD_TABLES, cycles
from whoop_assets.webhooks import attempts
from whoop_assets.webhooks.row_locks import COLUMNS, OPEN, Event
from whoop_assets.webhooks.tables import webhook_events
from whoop_assets.whoop_day import local_date, parse_offset

_UNKNOWN_OFFSET = parse_offset("Z")


def days_of(connection: Connection, events: Collection[Event]) -> dict[str, date]:
    """Trace id -> day, for each of these events."""
    known = {
        stream: _days_of_records(
            connection, stream, {event.record_id for event in events if event.stream == stream}
        )
        for stream in {event.stream for event in events if event.stream is not None}
    }
    offsets = {
        user_id: _offset_of_member(connection, user_id) for user_id in {event.user_id for event in events}
    }
    return {
        event.trace_id: known.get(event.stream or "", {}).get(event.record_id or "")
        or local_date(event.received_at, offsets[event.user_id])
        for event in events
    }


def file_due(connection: Connection, at: datetime, first: date, last: date, *, limit: int) -> int:
    """File the due events that have no day yet, or one outside first..last, under a day within; how many those were."""
    c = webhook_events.c
    outside = or_(c.day.is_(None), c.day < first, c.day > last)
    query = select(*COLUMNS).where(c.state == OPEN, c.next_attempt_at <= at, outside)
    events = [Event(*row) for row in connection.execute(query.order_by(c.next_attempt_at).limit(limit))]
    days = days_of(connection, events)
    attempts.file(connection, {trace_id: min(max(day, first), last) for trace_id, day in days.items()})
    return len(events)


def _days_of_records(connection: Connection, stream: str, keys: Collection[str | None]) -> dict[str, date]:
    table = RECORD_TABLES[stream]
    key = table.c[KEY[stream]]
    found: dict[str, date] = {}
    for lot in batched(sorted(name for name in keys if name is not None)):
        found.update(connection.execute(select(key, table.c.day).where(key.in_(lot))).all())
    return found


def _offset_of_member(connection: Connection, user_id: int) -> timedelta:
    """The offset of the member's newest cycle; none is known of a member without cycles."""
    query = (
        select(cycles.c.timezone_offset)
        .where(cycles.c.user_id == user_id, cycles.c.deleted_at.is_(None))
        .order_by(cycles.c.start_time.desc())
        .limit(1)
    )
    offset = connection.scalar(query)
    return _UNKNOWN_OFFSET if offset is None else offset_of(offset)
