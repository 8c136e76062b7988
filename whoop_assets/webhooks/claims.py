"""Claims: which events a run has taken on, from the attempt's beginning to its end.

A run that dies leaves its claim behind. Whoever sees that it has ended lets its events go; if nobody does, they are due
again by themselves (`attempts.UNHEARD_OF`).
"""

from collections.abc import Collection
from datetime import date, datetime

from sqlalchemy import Connection, or_, select

from whoop_assets.webhooks import attempts
from whoop_assets.webhooks.row_locks import COLUMNS, DONE, OPEN, Event, locked
from whoop_assets.webhooks.tables import webhook_events

NO_WORD = "The run that was to load it ended without a word."


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
    """Begin an attempt at the due events of these streams, days and members (none named: all); how many there were."""
    c = webhook_events.c
    query = select(c.trace_id).where(
        c.state == OPEN, c.next_attempt_at <= at, c.day.between(first, last), c.stream.in_(list(streams))
    )
    if members:
        query = query.where(c.user_id.in_(list(members)))
    # An event that ends whatever loads it must not stand in front of new ones: the least often tried come first.
    query = query.order_by(c.attempts, c.next_attempt_at, c.trace_id).limit(limit)
    return len(attempts.begin_attempt(connection, connection.scalars(query).all(), at, by))


def held(connection: Connection, by: str, streams: Collection[str]) -> list[Event]:
    """The events of these streams that are claimed by this run and not settled yet, the least often tried first."""
    c = webhook_events.c
    query = (
        select(*COLUMNS)
        .where(c.state == OPEN, c.begun_by == by, c.stream.in_(list(streams)))
        .order_by(c.attempts, c.received_at, c.trace_id)
    )
    return [Event(*row) for row in connection.execute(query)]


def served(connection: Connection, by: str) -> set[int]:
    """The members with events that this run has closed, or holds."""
    c = webhook_events.c
    closed = (c.state == DONE) & (c.closed_by == by)
    query = select(c.user_id).where(or_(closed, (c.state == OPEN) & (c.begun_by == by))).distinct()
    return set(connection.scalars(query))


def claimants(connection: Connection) -> set[str]:
    """Who has claimed open events."""
    c = webhook_events.c
    query = select(c.begun_by).where(c.state == OPEN, c.begun_by.is_not(None)).distinct()
    return {by for by in connection.scalars(query) if by is not None}


def let_go(connection: Connection, by: str, at: datetime) -> int:
    """This run has ended: whatever it still holds has failed, and is due again after a while; how many those were."""
    c = webhook_events.c
    query = select(c.trace_id).where(c.state == OPEN, c.begun_by == by)
    still = [
        event.trace_id for event in locked(connection, connection.scalars(query)) if event.begun_by == by
    ]
    attempts.failed(connection, still, NO_WORD, at)
    return len(still)
