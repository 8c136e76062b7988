"""Who waits for a slot: a line across processes, so that the slots go round instead of to the luckiest.

Each request that has to wait takes a number and says when it will look again. Whoever is late to do so is passed over
(its process may be dead) but keeps its number; long after that it is struck off.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, not_, select, update

from whoop_assets.request_budget.lanes import LANES
from whoop_assets.request_budget.tables import request_waiters

LATE = timedelta(seconds=2)
GIVEN_UP = timedelta(minutes=1)
LOOK_AGAIN = timedelta(seconds=15)
"""Nobody waits longer before looking again: limits are raised, and those who went first give up."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A place in the queue. Numbers come again on SQLite, once they are struck off; number and time do not."""

    number: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Waiter:
    """A request that waits."""

    lane: str
    used_by: str
    since: datetime


def ahead(connection: Connection, lane: str, ticket: Ticket | None, now: datetime) -> int:
    """How many go first: those of more urgent lanes, and of the same lane those who came before."""
    c = request_waiters.c
    rows = connection.execute(select(c.id, c.lane).where(_in_time(now))).all()
    rank, own = LANES[lane].rank, None if ticket is None else ticket.number
    return sum(
        LANES[other].rank < rank or (other == lane and (own is None or number < own))
        for number, other in rows
        if other in LANES and number != own
    )


def wait(
    connection: Connection,
    lane: str,
    used_by: str | None,
    ticket: Ticket | None,
    now: datetime,
    back_at: datetime,
) -> Ticket:
    """Take a number, or keep it."""
    if ticket is not None:
        kept = connection.execute(update(request_waiters).where(_is(ticket)).values(back_at=back_at))
        if kept.rowcount:
            return ticket
    given_up = not_(request_waiters.c.back_at.between(now - GIVEN_UP, now + LOOK_AGAIN))
    connection.execute(delete(request_waiters).where(given_up))
    since = now if ticket is None else ticket.since
    row = {"lane": lane, "used_by": used_by, "since": since, "back_at": back_at}
    number: int = connection.execute(
        insert(request_waiters).values(row).returning(request_waiters.c.id)
    ).scalar_one()
    return Ticket(number, since)


def leave(connection: Connection, ticket: Ticket) -> None:
    """Give the number back."""
    connection.execute(delete(request_waiters).where(_is(ticket)))


def waiting(connection: Connection, now: datetime) -> list[Waiter]:
    """Those who wait, in the order in which they came."""
    c = request_waiters.c
    rows = connection.execute(select(c.lane, c.used_by, c.since).where(_in_time(now)).order_by(c.id))
    return [Waiter(lane, used_by or "", since) for lane, used_by, since in rows]


def _is(ticket: Ticket) -> ColumnElement[bool]:
    return and_(request_waiters.c.id == ticket.number, request_waiters.c.since == ticket.since)


def _in_time(now: datetime) -> ColumnElement[bool]:
    """Not late, and not from a clock that has been set back since."""
    return request_waiters.c.back_at.between(now - LATE, now + LOOK_AGAIN)
