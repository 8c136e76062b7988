"""Reports the use of the request budget per window, lane and caller, and the next slot."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from whoop_assets.request_budget import wait_queue
from whoop_assets.request_budget.budget import RequestBudget
from whoop_assets.request_budget.lanes import LANES
from whoop_assets.request_budget.stated_limits import Gate, read_allowances, read_gate
from whoop_assets.request_budget.tables import request_grants, request_limits
from whoop_assets.request_budget.wait_queue import Waiter


@dataclass(frozen=True, slots=True)
class WindowUse:
    """The use of one window.

    Attributes:
        seconds: Its length.
        limit: Requests allowed in it.
        stated_at: When WHOOP stated the limit; None if it is the configured one.
        used: Requests sent in the last `seconds`.
        by_lane: The same per lane.
        whoop_left: Requests left by WHOOP's count, where that is less than by ours.
    """

    seconds: int
    limit: int
    stated_at: datetime | None
    used: int
    by_lane: dict[str, int]
    whoop_left: int | None


@dataclass(frozen=True, slots=True)
class CallerUse:
    """Requests that one Dagster run or command sent in the last minute and day."""

    used_by: str
    lane: str
    minute: int
    day: int


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """The state of the budget at one time.

    Attributes:
        at: The time by the database clock.
        windows: Use of each window, shortest first.
        users: Use per run or command, most requests first.
        waiting: The wait queue.
        gate: The effect of the last 429.
        next_slot: Lane -> when one more request may be sent; at most `at` means now.
    """

    at: datetime
    windows: list[WindowUse]
    users: list[CallerUse]
    waiting: list[Waiter]
    gate: Gate
    next_slot: dict[str, datetime]

    @property
    def closed(self) -> bool:
        """Whether a 429 stops all requests now."""
        return self.gate.not_before is not None and self.gate.not_before > self.at


def report(connection: Connection, budget: RequestBudget, now: datetime) -> BudgetReport:
    """Return the state of the budget; `now` is the time by the database clock."""
    return BudgetReport(
        at=now,
        windows=windows(connection, budget, now),
        users=_users(connection, now),
        waiting=wait_queue.waiting(connection, now),
        gate=read_gate(connection, now),
        next_slot={lane: budget.next_slot(connection, lane, now) for lane in LANES},
    )


def windows(connection: Connection, budget: RequestBudget, now: datetime) -> list[WindowUse]:
    """Return the use of each window, shortest first."""
    c = request_limits.c
    stated = dict(connection.execute(select(c.window_seconds, c.learned_at)).all())
    left = {window: remaining for window, remaining, *_ in read_allowances(connection, now)}
    found = []
    for seconds, limit in sorted(budget.limits(connection).items()):
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


def _users(connection: Connection, now: datetime) -> list[CallerUse]:
    c = request_grants.c
    recent = func.count().filter(c.granted_at > now - timedelta(minutes=1))
    query = (
        select(c.used_by, c.lane, recent, func.count())
        .where(c.granted_at > now - timedelta(days=1))
        .group_by(c.used_by, c.lane)
        .order_by(func.count().desc(), c.used_by, c.lane)
    )
    return [CallerUse(used_by or "", *rest) for used_by, *rest in connection.execute(query)]
