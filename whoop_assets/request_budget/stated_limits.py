"""Limits from WHOOP's responses: the limits themselves, the remaining requests, and the gate after a 429.

After a 429 no process sends before the stated reset. Then half of the short windows' limits is in use, and a
tenth more with each minute (additive increase, multiplicative decrease: Chiu and Jain 1989).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Row, bindparam, delete, func, select

from whoop_assets.db.statements import insert_or_replace
from whoop_assets.request_budget.lanes import Lane, lane_limit
from whoop_assets.request_budget.tables import (
    request_allowances,
    request_gate,
    request_grants,
    request_limits,
)
from whoop_assets.whoop_api.protocols import RateLimit

DEFAULT_RESET_SECONDS = 60.0
"""How long a 429 without headers stops all requests: WHOOP's shorter window."""
MAX_WINDOW = timedelta(days=1)
"""Times further ahead come from a clock that was set back, and are ignored."""
DECREASE, MIN_SHARE = 0.5, 0.1
INCREASE_PER_MINUTE = 0.1

# Each request reads these three, so they are built only once.
_GATE = select(request_gate.c.not_before, request_gate.c.limited_at, request_gate.c.share)
_LIMITS = select(request_limits.c.window_seconds, request_limits.c.requests)
_ALLOWANCES = select(
    *(request_allowances.c[name] for name in ("window_seconds", "remaining", "as_of", "until"))
).where(request_allowances.c.until > bindparam("now"), request_allowances.c.until <= bindparam("latest"))


@dataclass(frozen=True, slots=True)
class Gate:
    """The effect of the last 429.

    Attributes:
        not_before: No request before this time.
        limited_at: When WHOOP last answered 429.
        share: The part of the short windows' limits in use now.
    """

    not_before: datetime | None = None
    limited_at: datetime | None = None
    share: float = 1.0


def read_gate(connection: Connection, now: datetime) -> Gate:
    """Return the gate as of now."""
    row = connection.execute(_GATE).first()
    if row is None:
        return Gate()
    if row.not_before is None or row.not_before > now + MAX_WINDOW:
        return Gate(limited_at=row.limited_at)
    minutes = max(0.0, (now - row.not_before) / timedelta(minutes=1))
    return Gate(row.not_before, row.limited_at, min(1.0, (row.share or 1.0) + INCREASE_PER_MINUTE * minutes))


def close_gate(connection: Connection, seconds: float | None, now: datetime) -> None:
    """Stop all requests after a 429, and halve the share of the limits.

    Args:
        seconds: The stated reset; None if the response did not say.
        now: The time by the database clock.
    """
    reset = min(timedelta(seconds=DEFAULT_RESET_SECONDS if seconds is None else seconds), MAX_WINDOW)
    gate = read_gate(connection, now)
    share = gate.share
    if gate.not_before is None or gate.not_before <= now:
        # While the gate is closed, a 429 answers a request sent before: it is the same event.
        share = max(MIN_SHARE, share * DECREASE)
    not_before = max(now + reset, gate.not_before or now)
    row = {"id": 1, "not_before": not_before, "limited_at": now, "share": share}
    insert_or_replace(connection, request_gate, [row], keep=set())


def store_limits(connection: Connection, limits: dict[int, int], now: datetime) -> None:
    """Replace the stored limits: window in seconds -> requests."""
    connection.execute(delete(request_limits).where(request_limits.c.window_seconds.not_in(list(limits))))
    rows = [
        {"window_seconds": window, "requests": requests, "learned_at": now}
        for window, requests in limits.items()
    ]
    insert_or_replace(connection, request_limits, rows, keep=set())


def read_limits(connection: Connection) -> dict[int, int]:
    """Return the limits that WHOOP stated last: window in seconds -> requests."""
    limits: dict[int, int] = dict(connection.execute(_LIMITS).all())
    return limits


def store_allowance(connection: Connection, stated: RateLimit, as_of: datetime, now: datetime) -> None:
    """Limit requests to what WHOOP says is left, until its window starts again.

    Args:
        stated: The limits of a response.
        as_of: When its request was granted.
        now: The time by the database clock.
    """
    row = {
        "window_seconds": nearest_window(stated),
        "remaining": stated.remaining,
        "as_of": as_of,
        "until": now + min(timedelta(seconds=stated.reset_seconds), MAX_WINDOW),
    }
    insert_or_replace(connection, request_allowances, [row], keep=set())


def read_allowances(connection: Connection, now: datetime) -> Sequence[Row[int, int, datetime, datetime]]:
    """Return the requests that WHOOP says are left: window in seconds, number, as of when, until when."""
    return connection.execute(_ALLOWANCES, {"now": now, "latest": now + MAX_WINDOW}).all()


def allowed_from(connection: Connection, lane: Lane, limits: dict[int, int], now: datetime) -> datetime:
    """Return when the remaining requests that WHOOP stated allow one more of the lane.

    The lane leaves the same number of requests to other lanes as usual.
    """
    opens_at = now
    for window, remaining, as_of, until in read_allowances(connection, now):
        # The request that got this response is among them.
        sent = (connection.scalar(select(func.count()).where(request_grants.c.granted_at >= as_of)) or 1) - 1
        limit = limits.get(window, 0)
        if sent >= remaining - max(0, limit - lane_limit(lane, window, limit).total):
            opens_at = max(opens_at, until)
    return opens_at


def nearest_window(stated: RateLimit) -> int:
    """Return the length in seconds of the window that Remaining and Reset concern."""
    return next((window for requests, window in stated.limits if requests == stated.nearest), 60)
