"""No window exceeds its limit, lanes have their shares, and urgent lanes get slots quickly."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from whoop_assets.clock import SystemClock
from whoop_assets.db.database import Database
from whoop_assets.errors import BudgetExhausted
from whoop_assets.request_budget import budget as ledger
from whoop_assets.request_budget import lanes, tables
from whoop_assets.request_budget.budget import DAY_SECONDS, RequestBudget
from whoop_assets.schema import metadata
from whoop_assets_tests.request_budget.budget_rows import (
    DAY,
    MINUTE,
    WouldWait,
    assert_never_more_than,
    granted,
)
from whoop_assets_tests.support.data.factories import NOW
from whoop_assets_tests.support.manual_clock import ManualClock
from whoop_assets_tests.support.processes import together


def forget_everything(database):
    with database.write() as connection:
        for name in ("grants", "gate", "limits", "waiters", "allowances"):
            connection.execute(delete(metadata.tables[f"request_{name}"]))


requests = st.lists(
    st.tuples(
        st.sampled_from(["webhook", "schedule", "backfill"]),
        st.sampled_from([0, 0, 0, 0.1, 3, 30, 59, 61, 3600, 40_000]),
        st.integers(0, 1),
    ),
    max_size=60,
)
"""Lane, seconds since the previous request, and the number of the process."""


@given(requests, st.integers(1, 6), st.integers(1, 25))
def test_no_window_ever_holds_more_requests_than_its_limit(database, arrivals, per_minute, per_day):
    forget_everything(database)
    clock = database.clock
    assert isinstance(clock, ManualClock)
    processes = [RequestBudget(database, per_minute=per_minute, per_day=per_day) for _ in range(2)]
    for lane, gap, process in arrivals:
        clock.advance(gap)
        requested_at = clock.now()
        try:
            let_through = processes[process].acquire(lane)
        except BudgetExhausted as spent:
            assert spent.retry_at > requested_at + lanes.LANES[lane].max_wait - (clock.now() - requested_at)
            clock.advance(spent.retry_at - clock.now())
            let_through = processes[process].acquire(lane)
        assert let_through == clock.now()
    times = granted(database)
    assert_never_more_than(per_minute, MINUTE, times)
    assert_never_more_than(per_day, DAY, times)


def test_a_backfill_sends_60_percent_of_an_idle_minute_at_once_and_is_paced_afterwards(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    sent = [(budget.acquire("backfill") - NOW).total_seconds() for _ in range(98)]
    assert sent[59] == 0
    gaps = [later - earlier for earlier, later in pairwise(sent[59:])]
    assert all(gap == pytest.approx(60.75 / 39, abs=1e-5) for gap in gaps)


def test_an_endless_backfill_reaches_95_percent_of_the_rate(sqlite_database):
    budget = RequestBudget(sqlite_database, per_minute=100, per_day=10_000)
    sent = [(budget.acquire("backfill") - NOW).total_seconds() for _ in range(1000)]
    hour = [moment for moment in sent if 60 <= moment < 360]
    assert len(hour) >= 0.95 * 500


@settings(max_examples=10)
@given(st.lists(st.floats(0.1, 20.0), min_size=1, max_size=8))
def test_during_a_backfill_a_webhook_request_waits_at_most_1_6_seconds(sqlite_database, gaps):
    """The lanes leave two slots at once, and another every 1.6 seconds."""
    forget_everything(sqlite_database)
    clock = sqlite_database.clock
    backfill, webhook = (RequestBudget(sqlite_database, per_minute=100, per_day=10_000) for _ in range(2))
    for gap in gaps:
        until = clock.now() + timedelta(seconds=gap)
        while clock.now() < until:
            backfill.acquire("backfill")
        before = clock.now()
        webhook.acquire("webhook")
        assert clock.now() - before <= timedelta(seconds=1.6)


def test_a_backfill_leaves_a_tenth_of_the_day_to_others_and_a_schedule_a_twentieth(database):
    budget = RequestBudget(database, per_minute=10_000, per_day=100)
    for lane, leaves in (("backfill", 10), ("schedule", 5), ("webhook", 0)):
        with pytest.raises(BudgetExhausted):
            for _ in range(101):
                budget.acquire(lane)
        assert len(granted(database)) == 100 - leaves


def test_an_exhausted_day_is_an_error_with_the_time_to_retry(database):
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


def test_a_request_beyond_the_minute_limit_waits_for_the_next_window(database):
    budget = RequestBudget(database, per_minute=1, per_day=100)
    budget.acquire("webhook")
    second = budget.acquire("webhook")
    assert second - NOW == MINUTE + lanes.MARGIN
    assert database.clock.now() == second


def test_used_requests_are_counted_within_the_window(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    for _ in range(3):
        budget.acquire("webhook")
        database.clock.advance(40)
    with database.read() as connection:
        now = database.now(connection)
        assert ledger.used(connection, now, 60) == 1
        assert ledger.used(connection, now, DAY_SECONDS) == 3


def test_grants_older_than_the_day_limits_window_are_deleted(database):
    budget = RequestBudget(database, per_minute=1_000, per_day=10_000)
    for _ in range(10):
        budget.acquire("webhook")
    database.clock.advance(timedelta(days=2))
    later = RequestBudget(database, per_minute=1_000, per_day=10_000)
    for _ in range(10):
        later.acquire("webhook")
    assert len(granted(database)) == 10


def test_a_grant_records_the_run_or_command(database):
    RequestBudget(database, per_minute=100, per_day=10_000, used_by="run 1a2b3c4d").acquire("webhook")
    with database.read() as connection:
        assert connection.scalar(select(tables.request_grants.c.used_by)) == "run 1a2b3c4d"


@pytest.mark.parametrize(
    ("lane", "window", "share", "expected"),
    [
        ("webhook", 60, 1.0, (100, 100)),
        ("schedule", 60, 1.0, (99, 80)),
        ("backfill", 60, 1.0, (98, 60)),
        ("backfill", 3600, 1.0, (98, 60)),
        ("backfill", 3601, 1.0, (90, 90)),
        ("backfill", DAY_SECONDS, 0.5, (90, 90)),
        ("webhook", 60, 0.5, (50, 5)),
        ("backfill", 60, 0.1, (9, 1)),
    ],
)
def test_each_lane_has_its_share_of_a_limit_of_100(lane, window, share, expected):
    limit = lanes.lane_limit(lanes.LANES[lane], window, 100, share)
    assert (limit.total, limit.burst) == expected
    assert limit.window == timedelta(seconds=window) + lanes.MARGIN


@pytest.mark.parametrize("window", [60, DAY_SECONDS])
def test_every_lane_may_send_one_request_in_a_window(window):
    for lane in lanes.LANES.values():
        limit = lanes.lane_limit(lane, window, 1, 0.1)
        assert (limit.total, limit.burst) == (1, 1)


def ask(url, times):
    ledger.MAX_SLOT_AGE = timedelta(hours=1)  # a slow machine must not discard slots in this test
    database = Database(url)
    budget = RequestBudget(database, per_minute=20, per_day=10_000)
    answers = []
    for _ in range(times):
        database.clock = NoWaitSystemClock()
        try:
            answers.append(budget.acquire("webhook"))
        except WouldWait:
            break
    database.close()
    return answers


class NoWaitSystemClock(SystemClock):
    def sleep(self, seconds):
        raise WouldWait


@pytest.mark.slow
def test_concurrent_processes_share_one_limit(database_url):
    grants = [answer for answers in together(2, ask, database_url, 20) for answer in answers]
    assert len(grants) == 20
