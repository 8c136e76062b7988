"""The request budget: WHOOP counts requests per app, so every process asks here before it sends one.

A sliding window over the requests of the last day, kept in the database and decided by its clock. The limits are the
configured ones until WHOOP's own answers say otherwise; a 429 closes the gate for everybody until WHOOP's stated
reset. Lanes: a backfill leaves a tenth of each window to schedules and webhooks, a schedule a twentieth to webhooks.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select

from whoop_assets.errors import BudgetExhausted
from whoop_assets.warehouse.database import Database
from whoop_assets.warehouse.statements import insert_or_replace
from whoop_assets.warehouse.tables import request_gate, request_grants, request_limits
from whoop_assets.warehouse.types import UtcDateTime

DAY_SECONDS = 86_400
_UNSTATED_RESET = 60.0
MARGIN = timedelta(milliseconds=250)
"""Added to each window: requests that leave evenly can arrive closer together than they left."""


class StatedLimits(Protocol):
    """What an answer's rate-limit headers said: (requests, window in seconds), what is left, seconds to wait."""

    @property
    def limits(self) -> tuple[tuple[int, int], ...]: ...

    @property
    def remaining(self) -> int: ...

    @property
    def reset_seconds(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Lane:
    """How much of each window a lane leaves to others, and how long one of its requests may wait."""

    reserve: float
    longest_wait: timedelta


LANES = {
    "webhook": Lane(0.0, timedelta(seconds=90)),
    "schedule": Lane(0.05, timedelta(minutes=3)),
    "backfill": Lane(0.10, timedelta(minutes=5)),
}


class RequestBudget:
    """The budget of the app, shared through the database by every process that opens it."""

    def __init__(self, database: Database, *, per_minute: int, per_day: int) -> None:
        self._database = database
        self._configured = {60: per_minute, DAY_SECONDS: per_day}
        self._limits: dict[int, int] | None = None
        self._grants = 0
        self.waited_seconds = 0.0

    def acquire(self, lane: str) -> datetime:
        """Wait until one request may be sent; the time at which it was let through, by the database's clock.

        Raises BudgetExhausted when that would take longer than the lane may wait.
        """
        rules = LANES[lane]
        waited = timedelta(0)
        while True:
            with self._database.write_budget() as connection:
                now = self._database.now(connection)
                opens = self._next_opening(connection, now, rules.reserve)
                if opens <= now:
                    connection.execute(insert(request_grants), {"granted_at": now, "lane": lane})
                    self._prune(connection, now)
                    return now
            wait = opens - now
            if waited + wait > rules.longest_wait:
                raise BudgetExhausted(
                    f"WHOOP's request limit leaves nothing to the {lane} lane before {opens:%Y-%m-%d %H:%M:%S} UTC:"
                    " what was read is kept; run the same again after that time and it goes on from there.",
                    retry_at=opens,
                )
            self._database.clock.sleep(wait.total_seconds())
            waited += wait
            self.waited_seconds += wait.total_seconds()

    def observe(self, status: int, rate_limit: StatedLimits | None) -> None:
        """Learn from an answer: the limits it states, and how long a 429 keeps everybody out."""
        stated = {} if rate_limit is None else {window: requests for requests, window in rate_limit.limits}
        news = bool(stated) and stated != self._limits
        exhausted = status == 429 or (rate_limit is not None and rate_limit.remaining <= 0)
        if not news and not exhausted:
            return
        with self._database.write_budget() as connection:
            now = self._database.now(connection)
            if news:
                rows = [
                    {"window_seconds": window, "requests": requests, "learned_at": now}
                    for window, requests in stated.items()
                ]
                insert_or_replace(connection, request_limits, rows, keep=set())
                self._limits = stated
            if exhausted:
                reset = _UNSTATED_RESET if rate_limit is None else rate_limit.reset_seconds
                self._close_until(connection, now + timedelta(seconds=reset))

    def _close_until(self, connection: Connection, opens: datetime) -> None:
        current = connection.scalar(select(request_gate.c.not_before))
        if current is None or current < opens:
            insert_or_replace(connection, request_gate, [{"id": 1, "not_before": opens}], keep=set())

    def _next_opening(self, connection: Connection, now: datetime, reserve: float) -> datetime:
        limits = tuple((self._configured | self._learned(connection)).items())
        horizons = {f"after_{window}": now - timedelta(seconds=window) - MARGIN for window, _ in limits}
        gate, *blocking = connection.execute(_question(limits, reserve), horizons).one()
        opens: datetime = max(now, gate or now)
        for (window, _), granted_at in zip(limits, blocking, strict=True):
            if granted_at is not None:
                opens = max(opens, granted_at + timedelta(seconds=window) + MARGIN)
        return opens

    def _learned(self, connection: Connection) -> dict[int, int]:
        if self._limits is None or self._grants % 20 == 0:
            query = select(request_limits.c.window_seconds, request_limits.c.requests)
            self._limits = dict(connection.execute(query).all())
        self._grants += 1
        return self._limits

    def _prune(self, connection: Connection, now: datetime) -> None:
        if self._grants % 500 == 1:
            old = now - timedelta(seconds=DAY_SECONDS) - timedelta(minutes=5)
            connection.execute(delete(request_grants).where(request_grants.c.granted_at < old))


@lru_cache(maxsize=32)
def _question(limits: tuple[tuple[int, int], ...], reserve: float) -> Select[Any]:
    """The gate, and per window the request that has to leave it before there is room for one more.

    One statement for all, made once: this is asked before every request.
    """
    answers: list[Any] = [select(request_gate.c.not_before).scalar_subquery()]
    for window, requests in limits:
        answers.append(
            select(request_grants.c.granted_at)
            .where(request_grants.c.granted_at > bindparam(f"after_{window}", type_=UtcDateTime()))
            .order_by(request_grants.c.granted_at.desc())
            .offset(max(1, int(requests * (1 - reserve))) - 1)
            .limit(1)
            .scalar_subquery()
        )
    return select(*answers)


def used(connection: Connection, now: datetime, window_seconds: int) -> int:
    """Requests let through within the last `window_seconds`."""
    since = now - timedelta(seconds=window_seconds)
    return connection.scalar(select(func.count()).where(request_grants.c.granted_at > since)) or 0
