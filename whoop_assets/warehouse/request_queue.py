"""Who waits for a slot: a line across processes, so that the slots go round instead of to the luckiest.

Each request that has to wait takes a number and says when it will look again. Whoever is late to do so is passed over
(its process may be dead) but keeps its number; long after that it is struck off.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update

from whoop_assets.warehouse.lanes import LANES
from whoop_assets.warehouse.tables import request_waiters

LATE = timedelta(seconds=2)
GIVEN_UP = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Waiter:
    """A request that waits."""

    lane: str
    used_by: str
    since: datetime


def ahead(connection: Connection, lane: str, ticket: int | None, now: datetime) -> int:
    """How many go first: those of more urgent lanes, and of the same lane those who came before."""
    c = request_waiters.c
    rows = connection.execute(select(c.id, c.lane).where(c.back_at >= now - LATE)).all()
    rank = LANES[lane].rank
    return sum(
        LANES[other].rank < rank or (other == lane and (ticket is None or number < ticket))
        for number, other in rows
        if other in LANES and number != ticket
    )


def wait(
    connection: Connection,
    lane: str,
    used_by: str | None,
    ticket: int | None,
    now: datetime,
    back_at: datetime,
) -> int:
    """Take a number, or keep it; returns it."""
    if ticket is not None:
        kept = connection.execute(
            update(request_waiters).where(request_waiters.c.id == ticket).values(back_at=back_at)
        )
        if kept.rowcount:
            return ticket
    connection.execute(delete(request_waiters).where(request_waiters.c.back_at < now - GIVEN_UP))
    row = {"lane": lane, "used_by": used_by, "since": now, "back_at": back_at}
    number: int = connection.execute(
        insert(request_waiters).values(row).returning(request_waiters.c.id)
    ).scalar_one()
    return number


def leave(connection: Connection, ticket: int) -> None:
    """Give the number back."""
    connection.execute(delete(request_waiters).where(request_waiters.c.id == ticket))


def waiting(connection: Connection, now: datetime) -> list[Waiter]:
    """Those who wait, in the order in which they came."""
    c = request_waiters.c
    rows = connection.execute(
        select(c.lane, c.used_by, c.since).where(c.back_at >= now - LATE).order_by(c.id)
    )
    return [Waiter(lane, used_by or "", since) for lane, used_by, since in rows]
