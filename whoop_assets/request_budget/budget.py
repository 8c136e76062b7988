"""The request budget.

WHOOP counts requests per app, so every process acquires a slot here before it sends a request.

The database keeps a sliding log of the requests of the last day, and its clock decides. No window ever
contains more requests than its limit, whichever process or host sends them. Lanes share the limits (`lanes`).
Requests that must wait are served in the order of arrival (`wait_queue`).

The budget learns from responses (`stated_limits`): limits that WHOOP states replace the configured ones, a
429 stops all requests, and a lower count of remaining requests than our own takes precedence.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from whoop_assets.db.database import Database
from whoop_assets.errors import BudgetExhausted
from whoop_assets.request_budget import stated_limits, wait_queue
from whoop_assets.request_budget.lanes import LANES, LaneLimit, lane_limit
from whoop_assets.request_budget.stated_limits import nearest_window
from whoop_assets.request_budget.tables import request_grants
from whoop_assets.request_budget.wait_queue import MAX_SLEEP, Ticket
from whoop_assets.whoop_api.protocols import RateLimit

DAY_SECONDS = 86_400
MAX_IN_FLIGHT = 2
"""WHOOP's count may differ from ours by this many requests while responses are in flight."""
MAX_SLOT_AGE = timedelta(milliseconds=350)
"""A slot with a longer transaction is not used: the request would leave too long after it (see
`lanes.MARGIN`)."""
MAX_EXPIRED_SLOTS = 3
"""After this number of expired slots the request is sent late, so that a slow database does not use up the
budget."""

_WAKE_UP_DISTANCE = timedelta(milliseconds=20)
"""Requests that wait for the same slot wake up with this distance."""
_MAX_CLOCK_SKEW = timedelta(seconds=1)
_PURGE_EVERY_GRANTS = 500

_LATEST = (
    select(request_grants.c.granted_at)
    .where(request_grants.c.granted_at > bindparam("since"))
    .order_by(request_grants.c.granted_at.desc())
    .offset(bindparam("unpaced"))
    .limit(bindparam("paced"))
)


class RequestBudget:
    """The budget of the app, shared by all processes that open the database. Not thread-safe."""

    def __init__(self, database: Database, *, per_minute: int, per_day: int, used_by: str = "") -> None:
        """Open the budget.

        Args:
            per_minute: Limit of requests per minute until WHOOP states one.
            per_day: The same per day.
            used_by: Who sends the requests, for reports: a Dagster run or a command.
        """
        self._database = database
        self._configured = {60: per_minute, DAY_SECONDS: per_day}
        self._learned: dict[int, int] | None = None
        self._used_by = used_by[:64] or None
        self._grants = 0
        self._last_grant: datetime | None = None

    def acquire(self, lane: str) -> datetime:
        """Wait until one request may be sent.

        Returns:
            The time of the slot by the database clock.

        Raises:
            BudgetExhausted: The wait would exceed the lane's `max_wait`.
        """
        ticket: Ticket | None = None
        started: datetime | None = None
        clock, slots = self._database.clock, 0
        try:
            while True:
                with self._database.write_budget() as connection:
                    now = self._database.now(connection)
                    opened = clock.now()
                    opens_at, ahead = self._prospect(connection, lane, ticket, now)
                    granted = opens_at <= now and not ahead
                    if granted:
                        self._grant(connection, lane, ticket, now)
                    else:
                        started = started or now
                        if max(opens_at, now) - started > LANES[lane].max_wait:
                            raise _exhausted(lane, opens_at, now)
                        wake_at = min(max(opens_at, now) + ahead * _WAKE_UP_DISTANCE, now + MAX_SLEEP)
                        ticket = wait_queue.wait(connection, lane, self._used_by, ticket, now, wake_at)
                if granted:
                    ticket, slots = None, slots + 1
                    if clock.now() - opened <= MAX_SLOT_AGE or slots == MAX_EXPIRED_SLOTS:
                        return now
                else:
                    clock.sleep((wake_at - now).total_seconds())
        finally:
            if ticket is not None:
                with self._database.write_budget() as connection:
                    wait_queue.leave(connection, ticket)

    def observe(
        self, status: int, rate_limit: RateLimit | None, seconds_to_wait: float | None = None
    ) -> None:
        """Learn from a response.

        Args:
            status: HTTP status.
            rate_limit: The limits that it states; None if its headers are incomplete.
            seconds_to_wait: The wait that a 429 asks for if its headers are incomplete.
        """
        limits = {} if rate_limit is None else {window: requests for requests, window in rate_limit.limits}
        changed = bool(limits) and limits != self._learned
        scarce = status != 429 and rate_limit is not None and self._counts_more_than_we_sent(rate_limit)
        if status != 429 and not changed and not scarce:
            return
        with self._database.write_budget() as connection:
            now = self._database.now(connection)
            if changed:
                stated_limits.store_limits(connection, limits, now)
                self._learned = limits
            if status == 429:
                reset = None if rate_limit is None else rate_limit.reset_seconds
                stated_limits.close_gate(connection, seconds_to_wait if reset is None else reset, now)
            if scarce and rate_limit is not None:
                stated_limits.store_allowance(connection, rate_limit, self._last_grant or now, now)

    def require(self, lane: str) -> None:
        """Raise BudgetExhausted if a request of the lane would wait too long. Acquires no slot."""
        with self._database.read() as connection:
            now = self._database.now(connection)
            opens_at = self.next_slot(connection, lane, now)
        if opens_at - now > LANES[lane].max_wait:
            raise _exhausted(lane, opens_at, now)

    def next_slot(self, connection: Connection, lane: str, now: datetime) -> datetime:
        """Return when the limits allow one more request of the lane; `now` if at once.

        Ignores the wait queue.
        """
        limits = self.limits(connection)
        gate = stated_limits.read_gate(connection, now)
        opens_at = max(now, gate.not_before or now)
        for window, requests in limits.items():
            limit = lane_limit(LANES[lane], window, requests, gate.share)
            opens_at = max(opens_at, limit.opens_at(_latest(connection, limit, now)) or now)
        return max(opens_at, stated_limits.allowed_from(connection, LANES[lane], limits, now))

    def limits(self, connection: Connection) -> dict[int, int]:
        """Return the limits: window in seconds -> requests.

        Those that WHOOP stated replace the configured ones.
        """
        self._learned = stated_limits.read_limits(connection)
        return self._configured | self._learned

    def _prospect(
        self, connection: Connection, lane: str, ticket: Ticket | None, now: datetime
    ) -> tuple[datetime, int]:
        """Return when the limits allow one more request, and how many waiting requests go first."""
        opens_at = self.next_slot(connection, lane, now)
        if opens_at > now and _correct_future_grants(connection, now):
            opens_at = self.next_slot(connection, lane, now)
        return opens_at, wait_queue.ahead(connection, lane, ticket, now)

    def _grant(self, connection: Connection, lane: str, ticket: Ticket | None, now: datetime) -> None:
        if ticket is not None:
            wait_queue.leave(connection, ticket)
        row = {"granted_at": now, "lane": lane, "used_by": self._used_by}
        connection.execute(insert(request_grants), row)
        self._last_grant = now
        self._grants += 1
        if self._grants % _PURGE_EVERY_GRANTS == 1:
            old = now - timedelta(seconds=DAY_SECONDS) - timedelta(minutes=5)
            connection.execute(delete(request_grants).where(request_grants.c.granted_at < old))

    def _counts_more_than_we_sent(self, stated: RateLimit) -> bool:
        """Return whether another user of the same app must have sent requests.

        False while half of the limit is left.
        """
        if stated.remaining >= stated.nearest // 2:
            return False
        with self._database.read() as connection:
            sent = used(connection, self._database.now(connection), nearest_window(stated))
        return stated.remaining < max(1, stated.nearest - sent - MAX_IN_FLIGHT)


def used(connection: Connection, now: datetime, window_seconds: int) -> int:
    """Return the number of requests granted in the last `window_seconds`."""
    since = now - timedelta(seconds=window_seconds)
    return connection.scalar(select(func.count()).where(request_grants.c.granted_at > since)) or 0


def _latest(connection: Connection, limit: LaneLimit, now: datetime) -> list[datetime]:
    """Return the grants in the window that pace the next one, latest first."""
    values = {"since": now - limit.window, "unpaced": limit.unpaced, "paced": limit.paced}
    return list(connection.scalars(_LATEST, values))


def _correct_future_grants(connection: Connection, now: datetime) -> bool:
    """Set grants with a future time, from before the clock was set back, to now.

    Returns whether there were any.
    """
    future = update(request_grants).where(request_grants.c.granted_at > now + _MAX_CLOCK_SKEW)
    return connection.execute(future.values(granted_at=now)).rowcount > 0


def _exhausted(lane: str, opens_at: datetime, now: datetime) -> BudgetExhausted:
    if opens_at <= now:
        return BudgetExhausted(
            f"Too many requests wait for WHOOP's request limit: a request of the {lane} lane got no slot"
            f" within {LANES[lane].max_wait.total_seconds():.0f} s. Stored data are kept; run the same again"
            " to continue.",
            retry_at=now,
        )
    return BudgetExhausted(
        f"WHOOP's request limit leaves nothing to the {lane} lane before {opens_at:%Y-%m-%d %H:%M:%S} UTC."
        " Stored data are kept; run the same again after that time to continue.",
        retry_at=opens_at,
    )
