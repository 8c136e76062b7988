"""Claims: which events a run is loading, from the beginning of its attempt to the end.

A run that dies leaves its claim behind. A sensor that notices this releases the events; otherwise they are
due again after `attempts.ATTEMPT_TIMEOUT`.
"""

from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy import Connection, or_, select

from whoop_assets.webhooks import attempts
from whoop_assets.webhooks.events import COLUMNS, DONE, OPEN, Event, locked
from whoop_assets.webhooks.tables import webhook_events

RUN_DIED = "The run that was to load it ended without a result."


def claim(
    connection: Connection,
    streams: Collection[str],
    first: date,
    last: date,
    at: datetime,
    *,
    by: str,
    members: Collection[int] = (),
    limit: int,
) -> int:
    """Begin an attempt at the due events of the given streams, days and members (empty: all).

    Returns:
        The number of claimed events.
    """
    c = webhook_events.c
    query = select(c.trace_id).where(
        c.state == OPEN, c.next_attempt_at <= at, c.day.between(first, last), c.stream.in_(list(streams))
    )
    if members:
        query = query.where(c.user_id.in_(list(members)))
    # Order by attempts, so that an event that crashes its run cannot starve the others.
    query = query.order_by(c.attempts, c.next_attempt_at, c.trace_id).limit(limit)
    return len(attempts.begin_attempt(connection, connection.scalars(query).all(), at, by))


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


def release(connection: Connection, by: str, at: datetime) -> int:
    """Record a failed attempt for each event that an ended run still claims.

    Returns the number of released events.
    """
    c = webhook_events.c
    query = select(c.trace_id).where(c.state == OPEN, c.begun_by == by)
    still_claimed = [
        event.trace_id for event in locked(connection, connection.scalars(query)) if event.begun_by == by
    ]
    attempts.failed(connection, still_claimed, RUN_DIED, at)
    return len(still_claimed)
