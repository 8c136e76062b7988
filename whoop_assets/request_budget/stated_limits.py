"""What WHOOP's answers say about its limits: the limits themselves, what is left of them, and the gate of a 429."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import Connection, delete, func, select

from whoop_assets.db.prepared import Prepared
from whoop_assets.db.statements import insert_or_replace
from whoop_assets.request_budget.lanes import Lane, line
from whoop_assets.request_budget.tables import (
    request_allowances,
    request_gate,
    request_grants,
    request_limits,
)

UNSTATED_RESET = 60.0
"""Seconds that a 429 without headers keeps everybody out: the shorter of WHOOP's windows."""
LONGEST_WINDOW = timedelta(days=1)
"""What would last longer was written by a clock that has been set back since, and does not count."""

DECREASE, SMALLEST_SHARE = 0.5, 0.1
INCREASE_PER_MINUTE = 0.1

_LEARNED = Prepared(select(request_limits.c.window_seconds, request_limits.c.requests))


class StatedLimits(Protocol):
    """What an answer's rate-limit headers said: (requests, window in seconds), and of the one that is nearest to being
    used up its limit, what is left, and the seconds to wait."""

    @property
    def limits(self) -> tuple[tuple[int, int], ...]: ...

    @property
    def nearest(self) -> int: ...

    @property
    def remaining(self) -> int: ...

    @property
    def reset_seconds(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Gate:
    """What the last 429 left behind; `share` is what of the short windows' limits is in use at this moment."""

    not_before: datetime | None = None
    limited_at: datetime | None = None
    share: float = 1.0


def read_gate(connection: Connection, now: datetime) -> Gate:
    """The gate as it is now."""
    c = request_gate.c
    row = connection.execute(select(c.not_before, c.limited_at, c.share)).first()
    return Gate() if row is None else opened(Gate(row[0], row[1], row[2] or 1.0), now)


def opened(stored: Gate, now: datetime) -> Gate:
    """The gate as it has opened since it was stored."""
    if stored.not_before is None or stored.not_before > now + LONGEST_WINDOW:
        return Gate(limited_at=stored.limited_at)
    if stored.share >= 1.0:
        return stored
    minutes = max(0.0, (now - stored.not_before) / timedelta(minutes=1))
    return Gate(stored.not_before, stored.limited_at, min(1.0, stored.share + INCREASE_PER_MINUTE * minutes))


def close_gate(connection: Connection, seconds: float | None, now: datetime) -> None:
    """After a 429: nobody sends for as many seconds as it said, and half as much from then on."""
    reset = min(timedelta(seconds=UNSTATED_RESET if seconds is None else seconds), LONGEST_WINDOW)
    gate = read_gate(connection, now)
    share = gate.share
    if gate.not_before is None or gate.not_before <= now:
        # Those that were on their way when it closed are the same 429, told several times.
        share = max(SMALLEST_SHARE, share * DECREASE)
    not_before = max(now + reset, gate.not_before or now)
    row = {"id": 1, "not_before": not_before, "limited_at": now, "share": share}
    insert_or_replace(connection, request_gate, [row], keep=set())


def learn(connection: Connection, limits: dict[int, int], now: datetime) -> None:
    """Store the limits, window in seconds -> requests, as WHOOP stated them; a window it no longer states is gone."""
    connection.execute(delete(request_limits).where(request_limits.c.window_seconds.not_in(list(limits))))
    rows = [
        {"window_seconds": window, "requests": requests, "learned_at": now}
        for window, requests in limits.items()
    ]
    insert_or_replace(connection, request_limits, rows, keep=set())


def learned(connection: Connection) -> dict[int, int]:
    """The limits that WHOOP stated last."""
    return dict(map(tuple, _LEARNED.rows(connection)))


def allow(connection: Connection, stated: StatedLimits, as_of: datetime, now: datetime) -> None:
    """Until its window starts afresh no more is sent than WHOOP said is left, in the answer to a request of `as_of`."""
    row = {
        "window_seconds": nearest_window(stated),
        "remaining": stated.remaining,
        "as_of": as_of,
        "until": now + min(timedelta(seconds=stated.reset_seconds), LONGEST_WINDOW),
    }
    insert_or_replace(connection, request_allowances, [row], keep=set())


def allowed_from(connection: Connection, lane: Lane, limits: dict[int, int], now: datetime) -> datetime:
    """When what WHOOP says is left leaves room for the lane, which leaves to others what it always leaves to them."""
    opens = now
    c = request_allowances.c
    query = select(c.window_seconds, c.remaining, c.as_of, c.until).where(
        c.until > now, c.until <= now + LONGEST_WINDOW
    )
    for window, remaining, as_of, until in connection.execute(query).all():
        # The request that was answered is among them.
        sent = (connection.scalar(select(func.count()).where(request_grants.c.granted_at >= as_of)) or 1) - 1
        limit = limits.get(window, 0)
        if sent >= remaining - max(0, limit - line(lane, window, limit).most):
            opens = max(opens, until)
    return opens


def nearest_window(stated: StatedLimits) -> int:
    """The length in seconds of the window that the answer's Remaining and Reset are about."""
    return next((window for requests, window in stated.limits if requests == stated.nearest), 60)
