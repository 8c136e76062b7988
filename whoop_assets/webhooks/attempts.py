"""Attempts to load what webhook events announced: which are due, how often they are tried, what closes them.

An attempt is counted when it begins, and the event becomes due again by itself when nothing is heard of that attempt: a
killed process leaves the work visible, and an event that kills processes is parked like any other that keeps failing.
Every function works in the caller's transaction; what has been closed or parked meanwhile stays so.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, select

from whoop_assets.webhooks.row_locks import COLUMNS, DONE, OPEN, PARKED, Event, change, locked, write
from whoop_assets.webhooks.tables import webhook_events

DELAYS = tuple(timedelta(minutes=minutes) for minutes in (0.5, 2, 10, 30, 120, 360, 720))
"""After the first failed attempt, the second, ...; they outlast a night in which WHOOP has a fault."""
MOST_ATTEMPTS = len(DELAYS) + 1
UNHEARD_OF = timedelta(minutes=15)
"""So long after an attempt began without a word of its end, the event is due again."""


def due(connection: Connection, at: datetime, *, limit: int | None = None) -> list[Event]:
    """The open events whose next attempt is due, the longest waiting first."""
    c = webhook_events.c
    query = (
        select(*COLUMNS)
        .where(c.state == OPEN, c.next_attempt_at <= at)
        .order_by(c.next_attempt_at, c.received_at, c.trace_id)
        .limit(limit)
    )
    return [Event(*row) for row in connection.execute(query)]


def open_of(connection: Connection, user_id: int) -> list[Event]:
    """The member's open events, due or not, in the order in which they came."""
    c = webhook_events.c
    query = select(*COLUMNS).where(c.user_id == user_id, c.state == OPEN).order_by(c.received_at, c.trace_id)
    return [Event(*row) for row in connection.execute(query)]


def begin_attempt(
    connection: Connection, trace_ids: Iterable[str], at: datetime, by: str | None = None
) -> list[Event]:
    """Count an attempt at each of these that is still due, and give back those: nobody else has begun the same one.

    `by` names who makes the attempt (a Dagster run), so that others can see when that has ended without a word.

    What has had its attempts is parked instead.
    """
    begun, changes = [], []
    for event in locked(connection, trace_ids):
        if event.state != OPEN or event.next_attempt_at is None or event.next_attempt_at > at:
            continue
        if event.attempts >= MOST_ATTEMPTS:
            changes.append(change(event, state=PARKED, reason=_spent(event.attempts, event.last_error)))
            continue
        again = at + max(UNHEARD_OF, DELAYS[min(event.attempts, len(DELAYS) - 1)])
        changes.append(change(event, attempts=event.attempts + 1, next_attempt_at=again, begun_by=by))
        begun.append(event.trace_id)
    write(connection, changes)
    return locked(connection, begun)


def failed(connection: Connection, trace_ids: Iterable[str], error: str, at: datetime) -> None:
    """The attempt failed: try again later, later each time, until the last attempt parks the event.

    `error` is one sentence without personal data.
    """
    changes = []
    for event in locked(connection, trace_ids):
        if event.state != OPEN:
            continue
        if event.attempts >= MOST_ATTEMPTS:
            reason = _spent(event.attempts, error)
            changes.append(change(event, state=PARKED, reason=reason, last_error=error))
        else:
            again = at + DELAYS[max(0, event.attempts - 1)]
            changes.append(change(event, next_attempt_at=again, begun_by=None, last_error=error))
    write(connection, changes)


def postpone(connection: Connection, trace_ids: Iterable[str], error: str, until: datetime) -> None:
    """It was not the event's fault (the request budget is spent, say): try again then, and count no attempt."""
    changes = [
        change(
            event,
            attempts=max(0, event.attempts - 1),
            next_attempt_at=until,
            begun_by=None,
            last_error=error,
        )
        for event in locked(connection, trace_ids)
        if event.state == OPEN
    ]
    write(connection, changes)


def park(connection: Connection, trace_ids: Iterable[str], reason: str) -> None:
    """Nothing will come of trying again by itself: `reason` is one sentence that says why."""
    changes = [
        change(event, state=PARKED, reason=reason)
        for event in locked(connection, trace_ids)
        if event.state == OPEN
    ]
    write(connection, changes)


def close(
    connection: Connection, user_id: int, asked: Mapping[tuple[str, str], datetime], at: datetime, by: str
) -> int:
    """Close what this transaction's answers settle, and say how many events that were.

    `asked`: (stream, record id) -> when WHOOP was asked for that record, by the database's clock; a recovery goes by its
    sleep's id. Whether the answer was a new content, the old one or a confirmed deletion is all the same. An answer to
    a request that was sent before the event came, or at the same instant, may be the state before the change: the event
    stays open. All streams of a transaction in one call, so that rows are locked in one order.
    """

    def settles(event: Event) -> bool:
        when = asked.get((event.stream or "", event.record_id or ""))
        return event.state == OPEN and when is not None and event.open_since < when

    # Looked at without a lock: what is not settled here is nobody's to wait for.
    settled = [event.trace_id for event in open_of(connection, user_id) if settles(event)]
    changes = [
        change(event, state=DONE, next_attempt_at=None, begun_by=None, closed_at=at, closed_by=by)
        for event in locked(connection, settled)
        if settles(event)
    ]
    write(connection, changes)
    return len(changes)


def file(connection: Connection, days: Mapping[str, date]) -> None:
    """Enter under which day each of these (trace id -> day) is loaded."""
    write(connection, [change(event, day=days[event.trace_id]) for event in locked(connection, days)])


def _spent(attempts: int, error: str | None) -> str:
    return f"{attempts} attempts came to nothing; the last: {error or 'its end was never heard of.'}"
