"""The request budget: never more than the limit in any window, whoever asks, and room kept for who may not wait."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select

from whoop_assets.clock import ManualClock, SystemClock
from whoop_assets.errors import BudgetExhausted
from whoop_assets.warehouse import budget as ledger
from whoop_assets.warehouse import tables
from whoop_assets.warehouse.budget import DAY_SECONDS, RequestBudget
from whoop_assets.warehouse.database import Database
from whoop_assets_tests.warehouse.factories import NOW
from whoop_assets_tests.warehouse.processes import together

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Stated:
    """What an answer's headers said."""

    limits: tuple[tuple[int, int], ...] = ((100, 60), (10_000, DAY_SECONDS))
    remaining: int = 50
    reset_seconds: float = 10.0


def granted(database):
    with database.read() as connection:
        c = tables.request_grants.c
        return list(connection.scalars(select(c.granted_at).order_by(c.granted_at)))


def forget_everything(database):
    with database.write() as connection:
        for table in (tables.request_grants, tables.request_gate, tables.request_limits):
            connection.execute(delete(table))


def assert_never_more_than(limit, window, times):
    for first, one_too_many in zip(times, times[limit:], strict=False):
        assert one_too_many - first >= window


requests = st.lists(
    st.tuples(
        st.sampled_from(["webhook", "schedule", "backfill"]),
        st.sampled_from([0, 0, 0, 0.1, 3, 30, 59, 61, 3600, 40_000]),
        st.integers(0, 1),
    ),
    max_size=60,
)
"""(lane, seconds since the request before, which of two processes)"""


@given(requests, st.integers(1, 6), st.integers(1, 25))
def test_no_window_ever_holds_more_requests_than_its_limit(database, arrivals, per_minute, per_day):
    forget_everything(database)
    clock = database.clock
    assert isinstance(clock, ManualClock)
    processes = [RequestBudget(database, per_minute=per_minute, per_day=per_day) for _ in range(2)]
    for lane, gap, process in arrivals:
        clock.advance(gap)
        asked = clock.now()
        try:
            let_through = processes[process].acquire(lane)
        except BudgetExhausted as spent:
            assert spent.retry_at > asked + ledger.LANES[lane].longest_wait - (clock.now() - asked)
            clock.advance(spent.retry_at - clock.now())
            let_through = processes[process].acquire(lane)
        assert let_through == clock.now()
    times = granted(database)
    assert_never_more_than(per_minute, MINUTE, times)
    assert_never_more_than(per_day, DAY, times)


def test_a_backfill_leaves_a_tenth_to_others_and_a_schedule_a_twentieth_to_webhooks(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    clock = database.clock
    for lane, until_it_waits in (("backfill", 90), ("schedule", 95), ("webhook", 100)):
        while len(granted(database)) < until_it_waits:
            budget.acquire(lane)
        assert clock.now() == NOW
    budget.acquire("webhook")
    assert clock.now() - NOW > MINUTE


def test_a_spent_day_is_an_error_that_says_when_to_come_back(database):
    budget = RequestBudget(database, per_minute=100, per_day=3)
    for _ in range(3):
        budget.acquire("webhook")
    with pytest.raises(BudgetExhausted) as error:
        budget.acquire("webhook")
    assert database.clock.now() == NOW
    assert DAY <= error.value.retry_at - NOW < DAY + MINUTE
    assert "2026-11-22 12:00:00 UTC" in str(error.value)
    assert "webhook" in str(error.value)
    assert error.value.transient


def test_the_wait_for_a_minute_is_waited_and_counted(database):
    budget = RequestBudget(database, per_minute=1, per_day=100)
    budget.acquire("webhook")
    second = budget.acquire("webhook")
    assert second - NOW == MINUTE + ledger.MARGIN
    assert budget.waited_seconds == (second - NOW).total_seconds()


def test_a_429_closes_the_gate_for_every_lane_and_every_process_until_whoops_reset(database):
    one, other = (RequestBudget(database, per_minute=100, per_day=10_000) for _ in range(2))
    one.observe(429, Stated(remaining=0, reset_seconds=42))
    assert other.acquire("webhook") == NOW + timedelta(seconds=42)


def test_a_429_without_headers_closes_the_gate_for_a_minute(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    budget.observe(429, None)
    assert budget.acquire("webhook") == NOW + MINUTE


def test_the_last_request_of_a_window_closes_the_gate_before_a_429_has_to(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    budget.observe(200, Stated(remaining=0, reset_seconds=7))
    assert budget.acquire("backfill") == NOW + timedelta(seconds=7)


def test_a_shorter_reset_does_not_open_a_gate_that_is_closed_for_longer(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    budget.observe(429, Stated(remaining=0, reset_seconds=50))
    budget.observe(429, Stated(remaining=0, reset_seconds=5))
    assert budget.acquire("webhook") == NOW + timedelta(seconds=50)


def test_limits_that_whoop_states_take_the_place_of_the_configured_ones(database):
    budget = RequestBudget(database, per_minute=1, per_day=10)
    budget.acquire("webhook")
    budget.observe(200, Stated(limits=((3, 60), (1000, DAY_SECONDS))))
    for number in range(2, 4):
        assert budget.acquire("webhook") == NOW, f"request {number}"
    assert budget.acquire("webhook") > NOW + MINUTE


def test_a_process_that_starts_later_knows_the_limits_that_others_learned(database):
    RequestBudget(database, per_minute=100, per_day=10_000).observe(200, Stated(limits=((2, 60),)))
    later = RequestBudget(database, per_minute=100, per_day=10_000)
    times = [later.acquire("webhook") for _ in range(3)]
    assert_never_more_than(2, MINUTE, times)


def test_what_is_used_is_counted_within_the_window(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    for _ in range(3):
        budget.acquire("webhook")
        database.clock.advance(40)
    with database.read() as connection:
        now = database.now(connection)
        assert ledger.used(connection, now, 60) == 1
        assert ledger.used(connection, now, DAY_SECONDS) == 3


def test_requests_of_the_day_before_yesterday_are_forgotten(database):
    budget = RequestBudget(database, per_minute=1_000, per_day=10_000)
    for _ in range(10):
        budget.acquire("webhook")
    database.clock.advance(timedelta(days=2))
    later = RequestBudget(database, per_minute=1_000, per_day=10_000)
    for _ in range(10):
        later.acquire("webhook")
    assert len(granted(database)) == 10


def ask(url, times):
    database = Database(url, SystemClock())
    budget = RequestBudget(database, per_minute=20, per_day=10_000)
    answers = []
    for _ in range(times):
        database.clock = _Impatient()
        try:
            answers.append(budget.acquire("webhook"))
        except _WouldWait:
            break
    database.close()
    return answers


class _WouldWait(Exception):
    pass


class _Impatient(SystemClock):
    def sleep(self, seconds):
        raise _WouldWait


def test_processes_that_ask_at_once_share_one_limit(database_url):
    grants = [answer for answers in together(2, ask, database_url, 20) for answer in answers]
    assert len(grants) == 20
