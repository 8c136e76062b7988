"""The queue of requests that wait for a slot, across all processes.

A waiting request takes a ticket and states when it will wake up. A request that is late (its process may be
dead) is passed over but keeps its ticket for `EXPIRES_AFTER`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, insert, not_, select, update

from whoop_assets.request_budget.lanes import LANES
from whoop_assets.request_budget.tables import request_waiters

LATE_AFTER = timedelta(seconds=2)
EXPIRES_AFTER = timedelta(minutes=1)
MAX_SLEEP = timedelta(seconds=15)
"""A waiting request checks again at least this often: limits can rise, and earlier requests can give up."""

_ACTIVE = (
    select(request_waiters)
    .where(request_waiters.c.back_at.between(bindparam("earliest"), bindparam("latest")))
    .order_by(request_waiters.c.id)
)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A place in the queue. SQLite reuses numbers of deleted rows, so the time is part of the identity."""

    number: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Waiter:
    """A waiting request."""

    lane: str
    used_by: str
    since: datetime


def ahead(connection: Connection, lane: str, ticket: Ticket | None, now: datetime) -> int:
    """Return how many requests go first: those of more urgent lanes, and earlier ones of the same lane."""
    rows = connection.execute(_ACTIVE, _active_at(now)).all()
    rank, own = LANES[lane].rank, None if ticket is None else ticket.number
    return sum(
        LANES[row.lane].rank < rank or (row.lane == lane and (own is None or row.id < own))
        for row in rows
        if row.lane in LANES and row.id != own
    )


def wait(
    connection: Connection,
    lane: str,
    used_by: str | None,
    ticket: Ticket | None,
    now: datetime,
    wake_at: datetime,
) -> Ticket:
    """Take a ticket, or keep the one given unless it has expired. Returns the ticket.

    Args:
        ticket: The ticket so far; None at first.
        now: The time by the database clock.
        wake_at: When the request will check again.
    """
    if ticket is not None:
        kept = connection.execute(update(request_waiters).where(_is(ticket)).values(back_at=wake_at))
        if kept.rowcount:
            return ticket
    expired = not_(request_waiters.c.back_at.between(now - EXPIRES_AFTER, now + MAX_SLEEP))
    connection.execute(delete(request_waiters).where(expired))
    since = now if ticket is None else ticket.since
    row = {"lane": lane, "used_by": used_by, "since": since, "back_at": wake_at}
    number: int = connection.execute(
        insert(request_waiters).values(row).returning(request_waiters.c.id)
    ).scalar_one()
    return Ticket(number, since)


def leave(connection: Connection, ticket: Ticket) -> None:
    """Delete the ticket."""
    connection.execute(delete(request_waiters).where(_is(ticket)))


def waiting(connection: Connection, now: datetime) -> list[Waiter]:
    """Return the waiting requests in the order of arrival."""
    rows = connection.execute(_ACTIVE, _active_at(now))
    return [Waiter(row.lane, row.used_by or "", row.since) for row in rows]


def _is(ticket: Ticket) -> ColumnElement[bool]:
    return and_(request_waiters.c.id == ticket.number, request_waiters.c.since == ticket.since)


def _active_at(now: datetime) -> dict[str, datetime]:
    """Return the bounds of `_ACTIVE`: not late, and not from a clock that has been set back since."""
    return {"earliest": now - LATE_AFTER, "latest": now + MAX_SLEEP}
