"""What is used of the request budget, by whom, and when there is more: for people and for metadata."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from whoop_assets.request_budget import wait_queue
from whoop_assets.request_budget.budget import RequestBudget
from whoop_assets.request_budget.lanes import LANES
from whoop_assets.request_budget.stated_limits import Gate, read_gate
from whoop_assets.request_budget.tables import request_allowances, request_grants, request_limits
from whoop_assets.request_budget.wait_queue import Waiter


@dataclass(frozen=True, slots=True)
class WindowUse:
    """One of WHOOP's windows: `limit` requests in any `seconds`, and how many were sent in the last so many.

    `stated_at`: when WHOOP stated the limit; None: it is the configured one. `whoop_left`: what WHOOP said is left,
    where that is less than our own count.
    """

    seconds: int
    limit: int
    stated_at: datetime | None
    used: int
    by_lane: dict[str, int]
    whoop_left: int | None


@dataclass(frozen=True, slots=True)
class User:
    """Requests sent on somebody's behalf (a Dagster run, a command), in the last minute and day."""

    used_by: str
    lane: str
    minute: int
    day: int


@dataclass(frozen=True, slots=True)
class Report:
    """`next_slot`: per lane, when one more request may be sent; not later than `at` means now."""

    at: datetime
    windows: list[WindowUse]
    users: list[User]
    waiting: list[Waiter]
    gate: Gate
    next_slot: dict[str, datetime]

    @property
    def closed(self) -> bool:
        """Whether a 429 keeps everybody out at this moment."""
        return self.gate.not_before is not None and self.gate.not_before > self.at


def report(connection: Connection, budget: RequestBudget, now: datetime) -> Report:
    """The budget as it is; `now` is the time by the database's clock."""
    return Report(
        at=now,
        windows=windows(connection, budget, now),
        users=_users(connection, now),
        waiting=wait_queue.waiting(connection, now),
        gate=read_gate(connection, now),
        next_slot={lane: budget.next_slot(connection, lane, now) for lane in LANES},
    )


def windows(connection: Connection, budget: RequestBudget, now: datetime) -> list[WindowUse]:
    """What is used of each window, the shortest first."""
    limits = budget.limits(connection)
    c = request_limits.c
    stated = dict(connection.execute(select(c.window_seconds, c.learned_at)).all())
    a = request_allowances.c
    left = dict(connection.execute(select(a.window_seconds, a.remaining).where(a.until > now)).all())
    found = []
    for seconds, limit in sorted(limits.items()):
        by_lane = _by_lane(connection, now, seconds)
        found.append(
            WindowUse(seconds, limit, stated.get(seconds), sum(by_lane.values()), by_lane, left.get(seconds))
        )
    return found


def _by_lane(connection: Connection, now: datetime, seconds: int) -> dict[str, int]:
    c = request_grants.c
    query = (
        select(c.lane, func.count()).where(c.granted_at > now - timedelta(seconds=seconds)).group_by(c.lane)
    )
    found: dict[str, int] = dict(connection.execute(query).all())
    return {lane: found.get(lane, 0) for lane in LANES}


def _users(connection: Connection, now: datetime) -> list[User]:
    c = request_grants.c
    recent = func.count().filter(c.granted_at > now - timedelta(minutes=1))
    query = (
        select(c.used_by, c.lane, recent, func.count())
        .where(c.granted_at > now - timedelta(days=1))
        .group_by(c.used_by, c.lane)
        .order_by(func.count().desc(), c.used_by, c.lane)
    )
    return [
        User(used_by or "", lane, minute, day)
        for used_by, lane, minute, day in connection.execute(query).all()
    ]
