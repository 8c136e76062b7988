"""Attempts to load webhook events: under which day, by which run, how often, and what closes the event.

An attempt counts from its beginning, and the event becomes due again if the attempt reports no end. The work
of a killed process therefore stays visible, and an event that kills its process is parked like any other that
keeps failing.

A run claims the events that it loads. A run that dies leaves its claim behind: the sensor releases the events
when Dagster knows that the run has ended; otherwise they are due again after `ATTEMPT_TIMEOUT`.

An event carries no day. The day that it is assigned to only selects the partition whose run loads it: the
load finds the record's true day, which becomes stale.

Every function works in the caller's transaction and leaves events alone that were closed or parked meanwhile.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, or_, select

from whoop_assets.db.statements import batched
from whoop_assets.records.record_lookup import newest_offsets
from whoop_assets.records.tables import RECORD_KEYS, RECORD_TABLES
from whoop_assets.webhooks.inbox import COLUMNS, DONE, OPEN, PARKED, Event, change, locked, write
from whoop_assets.webhooks.tables import webhook_events
from whoop_assets.whoop_day import local_date

RETRY_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (0.5, 2, 10, 30, 120, 360, 720))
"""Delay after the first failed attempt, the second, and so on. Together they outlast an outage of a night."""
MAX_ATTEMPTS = len(RETRY_DELAYS) + 1
MAX_EVENTS_PER_RUN = 500
"""A run claims at most this many events; the next run claims the rest."""
ATTEMPT_TIMEOUT = timedelta(minutes=15)
"""An event is due again this long after an attempt began that has reported no end."""
RUN_DIED = "The run that was to load it ended without a result."


def due(connection: Connection, at: datetime, *, limit: int = MAX_EVENTS_PER_RUN) -> list[Event]:
    """Return the open events with a due attempt, the longest waiting first."""
    c = webhook_events.c
    query = (
        select(*COLUMNS)
        .where(c.state == OPEN, c.next_attempt_at <= at)
        .order_by(c.next_attempt_at, c.received_at, c.trace_id)
        .limit(limit)
    )
    return [Event(*row) for row in connection.execute(query)]


def open_of(connection: Connection, user_id: int) -> list[Event]:
    """Return the member's open events, due or not, in order of receipt."""
    c = webhook_events.c
    query = select(*COLUMNS).where(c.user_id == user_id, c.state == OPEN).order_by(c.received_at, c.trace_id)
    return [Event(*row) for row in connection.execute(query)]


def begin_attempt(
    connection: Connection, trace_ids: Iterable[str], at: datetime, by: str | None = None
) -> list[Event]:
    """Count an attempt for each event that is still due; park those without attempts left.

    Args:
        by: The Dagster run that makes the attempt. If that run dies, its events can be released.

    Returns:
        The events with a new attempt. No other process has begun the same attempt.
    """
    begun, changes = [], []
    for event in locked(connection, trace_ids):
        if event.state != OPEN or event.next_attempt_at is None or event.next_attempt_at > at:
            continue
        if event.attempts >= MAX_ATTEMPTS:
            changes.append(change(event, state=PARKED, reason=_no_attempts_left(event, event.last_error)))
            continue
        delay = RETRY_DELAYS[min(event.attempts, len(RETRY_DELAYS) - 1)]
        again = at + max(ATTEMPT_TIMEOUT, delay)
        changes.append(change(event, attempts=event.attempts + 1, next_attempt_at=again, begun_by=by))
        begun.append(event.trace_id)
    write(connection, changes)
    return locked(connection, begun)


def failed(connection: Connection, trace_ids: Iterable[str], error: str, at: datetime) -> None:
    """Record a failed attempt: retry later, with growing delays, or park the event after the last attempt.

    Args:
        error: One sentence without personal data.
    """
    changes = []
    for event in _open(connection, trace_ids):
        if event.attempts >= MAX_ATTEMPTS:
            reason = _no_attempts_left(event, error)
            changes.append(change(event, state=PARKED, reason=reason, last_error=error))
        else:
            again = at + RETRY_DELAYS[max(0, event.attempts - 1)]
            changes.append(change(event, next_attempt_at=again, begun_by=None, last_error=error))
    write(connection, changes)


def postpone(connection: Connection, trace_ids: Iterable[str], error: str, until: datetime) -> None:
    """Retry at `until` without counting the attempt, for example because the request budget was exhausted."""
    changes = [
        change(
            event,
            attempts=max(0, event.attempts - 1),
            next_attempt_at=until,
            begun_by=None,
            last_error=error,
        )
        for event in _open(connection, trace_ids)
    ]
    write(connection, changes)


def park(connection: Connection, trace_ids: Iterable[str], reason: str) -> None:
    """Park open events that no retry can load. `reason` is one sentence."""
    changes = [change(event, state=PARKED, reason=reason) for event in _open(connection, trace_ids)]
    write(connection, changes)


def close(
    connection: Connection, user_id: int, asked: Mapping[tuple[str, str], datetime], at: datetime, by: str
) -> int:
    """Close the member's events that this transaction answers.

    The response may be new content, the same content or a confirmed deletion. A request that was sent before
    the event came, or at the same instant, may show the state before the change; the event then stays open.
    One call handles all streams of a transaction, so that rows are locked in one order.

    Args:
        asked: (stream, record id) -> when the record was requested, by the database's clock. A recovery has
            its sleep's id.
        by: Written to the event: a Dagster run, a command or a lane.

    Returns:
        The number of closed events.
    """

    def is_answered(event: Event) -> bool:
        when = asked.get((event.stream or "", event.record_id or ""))
        return event.state == OPEN and when is not None and event.open_since < when

    # Filter first; lock only the rows that this transaction will close.
    answered = [event.trace_id for event in open_of(connection, user_id) if is_answered(event)]
    changes = [
        change(event, state=DONE, next_attempt_at=None, begun_by=None, closed_at=at, closed_by=by)
        for event in locked(connection, answered)
        if is_answered(event)
    ]
    write(connection, changes)
    return len(changes)


def assign_days(connection: Connection, at: datetime, first: date, last: date) -> None:
    """Assign due events without a day, or with one outside first..last, to a day inside.

    If an event's day has no partition (in the east, a member's day begins earlier), the nearest one is used.
    """
    c = webhook_events.c
    outside = or_(c.day.is_(None), c.day < first, c.day > last)
    query = select(*COLUMNS).where(c.state == OPEN, c.next_attempt_at <= at, outside)
    query = query.order_by(c.next_attempt_at).limit(MAX_EVENTS_PER_RUN)
    days = days_of(connection, [Event(*row) for row in connection.execute(query)])
    set_days(connection, {trace_id: min(max(day, first), last) for trace_id, day in days.items()})


def days_of(connection: Connection, events: Collection[Event]) -> dict[str, date]:
    """Return trace id -> day for the events.

    This is the record's own day if the record is stored, else the member's local day at receipt. That is
    nearly always right: WHOOP announces a night in the morning after it, and a workout when it ends.
    """
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


def set_days(connection: Connection, days: Mapping[str, date]) -> None:
    """Set the day under which each event is loaded (trace id -> day)."""
    write(connection, [change(event, day=days[event.trace_id]) for event in locked(connection, days)])


def claim(
    connection: Connection,
    streams: Collection[str],
    first: date,
    last: date,
    at: datetime,
    *,
    by: str,
    members: Collection[int] = (),
) -> list[Event]:
    """Begin an attempt at the due events of the given streams, days and members (empty: all).

    Returns:
        All open events of the streams that the run has claimed, now or before.
    """
    c = webhook_events.c
    query = select(c.trace_id).where(
        c.state == OPEN, c.next_attempt_at <= at, c.day.between(first, last), c.stream.in_(list(streams))
    )
    if members:
        query = query.where(c.user_id.in_(list(members)))
    # Order by attempts, so that an event that crashes its run cannot starve the others.
    query = query.order_by(c.attempts, c.next_attempt_at, c.trace_id).limit(MAX_EVENTS_PER_RUN)
    begin_attempt(connection, connection.scalars(query).all(), at, by)
    return claimed(connection, by, streams)


def claimed(connection: Connection, by: str, streams: Collection[str]) -> list[Event]:
    """Return the open events that this run has claimed, those with the fewest attempts first."""
    c = webhook_events.c
    query = (
        select(*COLUMNS)
        .where(c.state == OPEN, c.begun_by == by, c.stream.in_(list(streams)))
        .order_by(c.attempts, c.received_at, c.trace_id)
    )
    return [Event(*row) for row in connection.execute(query)]


def served_members(connection: Connection, by: str) -> set[int]:
    """Return the members of events that this run has closed or claimed."""
    c = webhook_events.c
    closed = (c.state == DONE) & (c.closed_by == by)
    query = select(c.user_id).where(or_(closed, (c.state == OPEN) & (c.begun_by == by))).distinct()
    return set(connection.scalars(query))


def claimants(connection: Connection) -> set[str]:
    """Return the runs that have claimed open events."""
    c = webhook_events.c
    query = select(c.begun_by).where(c.state == OPEN, c.begun_by.is_not(None)).distinct()
    return {by for by in connection.scalars(query) if by is not None}


def release(connection: Connection, by: str, at: datetime) -> None:
    """Record a failed attempt for each event that an ended run still claims."""
    c = webhook_events.c
    query = select(c.trace_id).where(c.state == OPEN, c.begun_by == by)
    still_claimed = [
        event.trace_id for event in locked(connection, connection.scalars(query)) if event.begun_by == by
    ]
    failed(connection, still_claimed, RUN_DIED, at)


def _open(connection: Connection, trace_ids: Iterable[str]) -> list[Event]:
    return [event for event in locked(connection, trace_ids) if event.state == OPEN]


def _no_attempts_left(event: Event, error: str | None) -> str:
    return f"{event.attempts} attempts failed; the last one: {error or 'it reported no end.'}"


def _days_of_records(connection: Connection, stream: str, keys: Collection[str | None]) -> dict[str, date]:
    table = RECORD_TABLES[stream]
    key = table.c[RECORD_KEYS[stream]]
    found: dict[str, date] = {}
    for batch in batched(sorted(name for name in keys if name is not None)):
        found.update(connection.execute(select(key, table.c.day).where(key.in_(batch))).all())
    return found
