"""The request budget: WHOOP counts requests per app, so every process asks here before it sends one.

The requests of the last day are kept in the database, and its clock decides: no window ever holds more of them than
its limit, whichever process or host they come from. Within that, lanes share the limits (`lanes`), and those who wait
are served in the order in which they came (`request_queue`).

What WHOOP's answers say is learned. The limits they state take the place of the configured ones. A 429 closes the
gate for everybody until the stated reset; after it half of the short windows' limits is in use, a tenth more with each
minute (additive increase, multiplicative decrease: Chiu and Jain 1989). Where WHOOP says that less is left than our
own count does, somebody else uses the same app: then its word counts, until its window starts afresh.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Text,
    bindparam,
    delete,
    exists,
    func,
    insert,
    not_,
    or_,
    select,
    update,
)

from whoop_assets.db.database import Database
from whoop_assets.db.prepared import Prepared
from whoop_assets.db.types import UtcDateTime
from whoop_assets.errors import BudgetExhausted
from whoop_assets.request_budget import stated_limits, wait_queue
from whoop_assets.request_budget.lanes import LANES, Line, line
from whoop_assets.request_budget.stated_limits import Gate, StatedLimits, nearest_window, opened
from whoop_assets.request_budget.tables import (
    request_allowances,
    request_gate,
    request_grants,
    request_waiters,
)
from whoop_assets.request_budget.wait_queue import LOOK_AGAIN, Ticket

DAY_SECONDS = 86_400
ON_THEIR_WAY = 2
"""By so many requests WHOOP's count may differ from ours while answers are on their way."""

_BEHIND_EACH_OTHER = timedelta(milliseconds=20)
"""Those who wait for the same slot look again one after the other: who is first has then taken it."""

_CLOCKS_DIFFER = timedelta(seconds=1)

SLOT_KEEPS = timedelta(milliseconds=350)
"""A slot whose transaction took longer to end is let go: the request would leave too long after it (`lanes.MARGIN`)."""
MOST_OLD_SLOTS = 3
"""After so many the request leaves late all the same: a database as slow as that would use up the budget with slots."""

_NOW = bindparam("now", type_=UtcDateTime())
_COLUMNS = ("granted_at", "lane", "used_by")
_ROW = select(_NOW, bindparam("lane", type_=Text()), bindparam("used_by", type_=Text()))
_ENTER = Prepared(insert(request_grants).from_select(_COLUMNS, _ROW))


class RequestBudget:
    """The budget of the app, shared through the database by every process that opens it. Not for several threads at once.

    `used_by` says on whose behalf, for who looks at what was used: a Dagster run, a command.
    """

    def __init__(self, database: Database, *, per_minute: int, per_day: int, used_by: str = "") -> None:
        self._database = database
        self._configured = {60: per_minute, DAY_SECONDS: per_day}
        self._learned: dict[int, int] | None = None
        self._used_by = used_by[:64] or None
        self._grants = 0
        self._last_grant: datetime | None = None

    def acquire(self, lane: str) -> datetime:
        """Wait until one request may be sent; the time at which it was let through, by the database's clock.

        Raises BudgetExhausted when that would take longer than the lane may wait.
        """
        ticket: Ticket | None = None
        since: datetime | None = None
        clock, old_slots = self._database.clock, 0
        try:
            while True:
                with self._database.write_budget() as connection:
                    now = self._database.now(connection)
                    looked = clock.now()
                    opens, others = self._enter(connection, lane, ticket, now)
                    free = opens <= now and not others
                    if not free:
                        since = since or now
                        if max(opens, now) - since > LANES[lane].longest_wait:
                            raise _exhausted(lane, opens, now)
                        back_at = min(max(opens, now) + others * _BEHIND_EACH_OTHER, now + LOOK_AGAIN)
                        ticket = wait_queue.wait(connection, lane, self._used_by, ticket, now, back_at)
                if free:
                    ticket, old_slots = None, old_slots + 1
                    if clock.now() - looked <= SLOT_KEEPS or old_slots == MOST_OLD_SLOTS:
                        return now
                else:
                    clock.sleep((back_at - now).total_seconds())
                    self._learned = None
        finally:
            if ticket is not None:
                with self._database.write_budget() as connection:
                    wait_queue.leave(connection, ticket)

    def observe(
        self, status: int, rate_limit: StatedLimits | None, seconds_to_wait: float | None = None
    ) -> None:
        """Learn from an answer: the limits it states, what is left, and how long a 429 keeps everybody out.

        `seconds_to_wait`: what a 429 asked for, where its headers are not complete.
        """
        limits = {} if rate_limit is None else {window: requests for requests, window in rate_limit.limits}
        news = bool(limits) and limits != self._learned
        scarce = status != 429 and rate_limit is not None and self._is_less_than_ours(rate_limit)
        if status != 429 and not news and not scarce:
            return
        with self._database.write_budget() as connection:
            now = self._database.now(connection)
            if news:
                stated_limits.learn(connection, limits, now)
                self._learned = limits
            if status == 429:
                stated = None if rate_limit is None else rate_limit.reset_seconds
                stated_limits.close_gate(connection, seconds_to_wait if stated is None else stated, now)
            if scarce and rate_limit is not None:
                stated_limits.allow(connection, rate_limit, self._last_grant or now, now)

    def require(self, lane: str) -> None:
        """Raise BudgetExhausted when a request of the lane would wait for too long; takes no slot."""
        with self._database.read() as connection:
            now = self._database.now(connection)
            opens = self.next_slot(connection, lane, now)
        if opens - now > LANES[lane].longest_wait:
            raise _exhausted(lane, opens, now)

    def next_slot(self, connection: Connection, lane: str, now: datetime) -> datetime:
        """When one more request of the lane may be sent, but for those who wait already; `now`: at once."""
        return self._prospect(connection, lane, None, now)[0]

    def _prospect(
        self, connection: Connection, name: str, ticket: Ticket | None, now: datetime
    ) -> tuple[datetime, int]:
        """When the limits leave room for one more request of the lane, and how many others go first."""
        lane = LANES[name]
        limits = self.limits(connection)
        lines = self._lines(connection, name)
        (row,) = _question(lines).rows(connection, now=now, **_since(lines, now))
        not_before, limited_at, share, waiters, allowances, *full = row
        gate = opened(Gate(not_before, limited_at, share or 1.0), now)
        if gate.share < 1.0:
            lines = tuple(line(lane, window, requests, gate.share) for window, requests in limits.items())
            full = [True] * len(lines)
        opens = max(now, gate.not_before or now)
        for limit, is_full in zip(lines, full, strict=True):
            if is_full is not None:
                opens = max(opens, limit.opens(_latest(connection, limit, now)) or now)
        if allowances:
            opens = max(opens, stated_limits.allowed_from(connection, lane, limits, now))
        others = wait_queue.ahead(connection, name, ticket, now) if waiters else 0
        return opens, others

    def limits(self, connection: Connection) -> dict[int, int]:
        """Window in seconds -> requests: what WHOOP stated last, else what is configured."""
        if self._learned is None or self._grants % 20 == 0:
            self._learned = stated_limits.learned(connection)
        return self._configured | self._learned

    def _enter(
        self, connection: Connection, lane: str, ticket: Ticket | None, now: datetime
    ) -> tuple[datetime, int]:
        """Enter the request, and give up its place in the queue, if it may go now; `_prospect`'s answer."""
        lines = self._lines(connection, lane)
        row = {"now": now, "lane": lane, "used_by": self._used_by}
        # Nearly always nothing at all is in the way: one statement looks and enters.
        if _enter_at_once(lines).run(connection, **row, **_since(lines, now)):
            self._count(connection, now)
            return now, 0
        opens, others = self._prospect(connection, lane, ticket, now)
        if opens > now and _brought_to_the_present(connection, now):
            opens, others = self._prospect(connection, lane, ticket, now)
        if opens <= now and not others:
            if ticket is not None:
                wait_queue.leave(connection, ticket)
            _ENTER.run(connection, **row)
            self._count(connection, now)
        return opens, others

    def _lines(self, connection: Connection, lane: str) -> tuple[Line, ...]:
        return tuple(
            line(LANES[lane], window, requests) for window, requests in self.limits(connection).items()
        )

    def _count(self, connection: Connection, now: datetime) -> None:
        self._last_grant = now
        self._grants += 1
        if self._grants % 500 == 1:
            old = now - timedelta(seconds=DAY_SECONDS) - timedelta(minutes=5)
            connection.execute(delete(request_grants).where(request_grants.c.granted_at < old))

    def _is_less_than_ours(self, stated: StatedLimits) -> bool:
        """Whether WHOOP has counted more than we have sent. Looked up only when it says that half is gone."""
        if stated.remaining >= stated.nearest // 2:
            return False
        with self._database.read() as connection:
            sent = used(connection, self._database.now(connection), nearest_window(stated))
        return stated.remaining < max(1, stated.nearest - sent - ON_THEIR_WAY)


def used(connection: Connection, now: datetime, window_seconds: int) -> int:
    """Requests let through within the last `window_seconds`."""
    since = now - timedelta(seconds=window_seconds)
    return connection.scalar(select(func.count()).where(request_grants.c.granted_at > since)) or 0


@lru_cache(maxsize=64)
def _enter_at_once(lines: tuple[Line, ...]) -> Prepared:
    """The request's entry, which finds none of what `_question` asks for; made once, as this stands before every request."""
    c = request_gate.c
    in_the_way = [
        select(c.id).where(or_(c.share < 1.0, c.not_before > _NOW)),
        _waiters(),
        _allowances(),
        *(_fuller(place, limit) for place, limit in enumerate(lines)),
    ]
    free = _ROW.where(*(not_(exists(one.subquery())) for one in in_the_way))
    return Prepared(insert(request_grants).from_select(_COLUMNS, free))


@lru_cache(maxsize=64)
def _question(lines: tuple[Line, ...]) -> Prepared:
    """The gate; whether anybody waits or an allowance is stored; and per window whether it is fuller than what passes
    unpaced. One statement for all."""
    answers = [select(request_gate.c[name]) for name in ("not_before", "limited_at", "share")]
    answers += [
        _waiters(),
        _allowances(),
        *(_fuller(place, limit) for place, limit in enumerate(lines)),
    ]
    return Prepared(select(*(answer.scalar_subquery() for answer in answers)))


def _waiters() -> Select[Any]:
    return select(request_waiters.c.id).limit(1)


def _allowances() -> Select[Any]:
    return select(request_allowances.c.window_seconds).where(request_allowances.c.until > _NOW).limit(1)


def _fuller(place: int, limit: Line) -> Select[Any]:
    """The first of the window's requests that does not pass unpaced, if there are so many."""
    granted_at = request_grants.c.granted_at
    return (
        select(granted_at)
        .where(granted_at > bindparam(f"after_{place}", type_=UtcDateTime()))
        .order_by(granted_at.desc())
        .offset(limit.unpaced)
        .limit(1)
    )


def _since(lines: tuple[Line, ...], now: datetime) -> dict[str, datetime]:
    """When each of the windows began."""
    return {f"after_{place}": now - limit.window for place, limit in enumerate(lines)}


def _latest(connection: Connection, limit: Line, now: datetime) -> list[datetime]:
    """The window's requests, the latest first, without those that pass unpaced."""
    granted_at = request_grants.c.granted_at
    query = (
        select(granted_at)
        .where(granted_at > now - limit.window)
        .order_by(granted_at.desc())
        .offset(limit.unpaced)
        .limit(limit.paced)
    )
    return list(connection.scalars(query))


def _brought_to_the_present(connection: Connection, now: datetime) -> bool:
    """Whether requests were entered under times to come, by a clock that has been set back since: they are counted
    as sent now, so that nobody waits for the clock to catch up."""
    late = update(request_grants).where(request_grants.c.granted_at > now + _CLOCKS_DIFFER)
    return connection.execute(late.values(granted_at=now)).rowcount > 0


def _exhausted(lane: str, opens: datetime, now: datetime) -> BudgetExhausted:
    if opens <= now:
        return BudgetExhausted(
            f"So many requests wait for WHOOP's request limit that one of the {lane} lane was not served within"
            f" {LANES[lane].longest_wait.total_seconds():.0f} s: what was read is kept; run the same again and it goes"
            " on from there.",
            retry_at=now,
        )
    return BudgetExhausted(
        f"WHOOP's request limit leaves nothing to the {lane} lane before {opens:%Y-%m-%d %H:%M:%S} UTC:"
        " what was read is kept; run the same again after that time and it goes on from there.",
        retry_at=opens,
    )
