"""The request budget: no window exceeds its limit, and urgent lanes get slots quickly."""

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from whoop_assets.clock import ManualClock, SystemClock
from whoop_assets.db.database import Database
from whoop_assets.errors import BudgetExhausted
from whoop_assets.request_budget import budget as ledger
from whoop_assets.request_budget import lanes, tables, wait_queue
from whoop_assets.request_budget.budget import DAY_SECONDS, RequestBudget
from whoop_assets.request_budget.stated_limits import Gate, read_gate
from whoop_assets.schema import metadata
from whoop_assets_tests.support.data.factories import NOW
from whoop_assets_tests.support.processes import together

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Stated:
    """The limits of a response."""

    limits: tuple[tuple[int, int], ...] = ((100, 60), (10_000, DAY_SECONDS))
    nearest: int = 100
    remaining: int = 50
    reset_seconds: float = 10.0


def granted(database):
    with database.read() as connection:
        c = tables.request_grants.c
        return list(connection.scalars(select(c.granted_at).order_by(c.granted_at)))


def forget_everything(database):
    with database.write() as connection:
        for name in ("grants", "gate", "limits", "waiters", "allowances"):
            connection.execute(delete(metadata.tables[f"request_{name}"]))


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


def test_a_429_closes_the_gate_for_every_lane_and_every_process_until_whoops_reset(database):
    first, second = (RequestBudget(database, per_minute=100, per_day=10_000) for _ in range(2))
    first.observe(429, Stated(remaining=0, reset_seconds=42))
    assert second.acquire("webhook") == NOW + timedelta(seconds=42)


def test_a_429_without_headers_closes_the_gate_for_a_minute(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    budget.observe(429, None)
    assert budget.acquire("webhook") == NOW + MINUTE


@pytest.mark.slow
def test_after_a_429_half_of_the_rate_is_in_use_and_a_tenth_more_with_each_minute(sqlite_database):
    budget = RequestBudget(sqlite_database, per_minute=100, per_day=10_000)
    budget.observe(429, Stated(remaining=0, reset_seconds=30))
    opens = NOW + timedelta(seconds=30)
    sent = [budget.acquire("webhook") for _ in range(800)]
    assert sent[0] == opens
    per_minute = [
        sum(opens + number * MINUTE <= moment < opens + (number + 1) * MINUTE for moment in sent)
        for number in range(7)
    ]
    assert all(later > earlier for earlier, later in pairwise(per_minute[:5]))
    assert 45 <= per_minute[0] <= 60
    assert 95 <= per_minute[6] <= 100
    assert_never_more_than(100, MINUTE, sent)


def test_a_429_of_several_processes_at_the_same_time_counts_once(database):
    processes = [RequestBudget(database, per_minute=100, per_day=10_000) for _ in range(4)]
    for process in processes:
        process.observe(429, Stated(remaining=0, reset_seconds=30))
    with database.read() as connection:
        assert read_gate(connection, NOW).share == 0.5


def test_a_429_that_follows_an_opened_gate_halves_again_down_to_a_tenth(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    shares = []
    for _ in range(6):
        budget.observe(429, Stated(remaining=0, reset_seconds=1))
        with database.read() as connection:
            shares.append(read_gate(connection, database.clock.now()).share)
        database.clock.advance(1)
    assert shares == [0.5, 0.25, 0.125, 0.1, 0.1, 0.1]


def test_when_whoop_states_no_remaining_request_all_lanes_wait_for_the_reset(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    budget.observe(200, Stated(remaining=0, reset_seconds=7))
    for lane in lanes.LANES:
        assert budget.acquire(lane) == NOW + timedelta(seconds=7)


def test_the_remaining_requests_are_those_of_the_minute_if_whoop_states_no_window_for_them(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    budget.observe(200, Stated(limits=(), nearest=50, remaining=0, reset_seconds=7))
    assert budget.acquire("webhook") == NOW + timedelta(seconds=7)


def test_the_one_request_that_is_left_may_be_sent(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    budget.observe(200, Stated(remaining=1, reset_seconds=7))
    assert budget.acquire("webhook") == NOW


def test_requests_of_another_program_of_the_same_app_reduce_our_limit(database):
    """WHOOP states 10 remaining requests after our first, so another program has sent 89."""
    first, second = (RequestBudget(database, per_minute=100, per_day=10_000) for _ in range(2))
    first.acquire("webhook")
    first.observe(200, Stated(remaining=10, reset_seconds=40))
    sent = [second.acquire("webhook") for _ in range(11)]
    assert sent[9] == NOW
    assert sent[10] == NOW + timedelta(seconds=40)


def test_whoops_remaining_count_changes_nothing_if_it_agrees_with_ours(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    for number in range(1, 99):
        budget.acquire("webhook")
        budget.observe(200, Stated(remaining=100 - number, reset_seconds=55))
    assert database.clock.now() == NOW


def test_a_shorter_reset_does_not_open_a_gate_that_is_closed_for_longer(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    budget.observe(429, Stated(remaining=0, reset_seconds=50))
    budget.observe(429, Stated(remaining=0, reset_seconds=5))
    assert budget.acquire("webhook") == NOW + timedelta(seconds=50)


def test_limits_stated_by_whoop_replace_the_configured_ones(database):
    budget = RequestBudget(database, per_minute=1, per_day=10)
    budget.acquire("webhook")
    budget.observe(200, Stated(limits=((3, 60), (1000, DAY_SECONDS))))
    for number in range(2, 4):
        assert budget.acquire("webhook") == NOW, f"request {number}"
    assert budget.acquire("webhook") > NOW + MINUTE


def test_a_new_process_uses_the_limits_that_others_learned(database):
    RequestBudget(database, per_minute=100, per_day=10_000).observe(200, Stated(limits=((2, 60),)))
    later = RequestBudget(database, per_minute=100, per_day=10_000)
    times = [later.acquire("webhook") for _ in range(3)]
    assert_never_more_than(2, MINUTE, times)


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


def test_a_waiting_request_uses_limits_that_another_process_learned(database):
    waiting = RequestBudget(database, per_minute=2, per_day=10_000)
    knowing = RequestBudget(database, per_minute=2, per_day=10_000)
    for _ in range(2):
        waiting.acquire("webhook")

    class Raised(ManualClock):
        def sleep(self, seconds):
            knowing.observe(
                200, Stated(limits=((500, 60), (10_000, DAY_SECONDS)), nearest=500, remaining=498)
            )
            super().sleep(seconds)

    database.clock = Raised(database.clock.now())
    assert waiting.acquire("webhook") - NOW <= timedelta(seconds=15)


def test_a_grant_records_the_run_or_command(database):
    RequestBudget(database, per_minute=100, per_day=10_000, used_by="run 1a2b3c4d").acquire("webhook")
    with database.read() as connection:
        assert connection.scalar(select(tables.request_grants.c.used_by)) == "run 1a2b3c4d"


SOON = timedelta(seconds=10)


def test_waiting_requests_go_in_order_of_lane_and_arrival(database):
    with database.write() as connection:
        first, second, urgent = (
            wait_queue.wait(connection, lane, None, None, NOW, NOW + SOON)
            for lane in ("backfill", "backfill", "webhook")
        )
        assert wait_queue.ahead(connection, "webhook", urgent, NOW) == 0
        assert wait_queue.ahead(connection, "backfill", first, NOW) == 1
        assert wait_queue.ahead(connection, "backfill", second, NOW) == 2
        assert wait_queue.ahead(connection, "schedule", None, NOW) == 1
        assert wait_queue.ahead(connection, "backfill", None, NOW) == 3


def test_a_waiting_request_that_does_not_return_is_passed_over_and_later_removed(database):
    with database.write() as connection:
        dead = wait_queue.wait(connection, "backfill", None, None, NOW, NOW)
        later = NOW + wait_queue.LATE_AFTER
        assert wait_queue.ahead(connection, "backfill", None, later) == 1
        assert wait_queue.ahead(connection, "backfill", None, later + timedelta(seconds=1)) == 0
        long_after = NOW + timedelta(minutes=5)
        other = wait_queue.wait(connection, "schedule", None, None, long_after, long_after)
        # SQLite may have reused its number.
        back = wait_queue.wait(connection, "backfill", None, dead, long_after, long_after)
        assert back.number != other.number
        wait_queue.leave(connection, dead)
        assert [ticket.lane for ticket in wait_queue.waiting(connection, long_after)] == [
            "schedule",
            "backfill",
        ]


def test_a_clock_that_was_set_back_delays_no_request(database):
    """Grants in the future count as sent now. A gate or a ticket from the future is ignored."""
    budget = RequestBudget(database, per_minute=3, per_day=1000)
    for _ in range(3):
        budget.acquire("webhook")
    with database.write() as connection:
        wait_queue.wait(connection, "webhook", None, None, NOW, NOW + SOON)
    stated = Stated(limits=((3, 60), (1000, DAY_SECONDS)), nearest=3, remaining=0, reset_seconds=86_400)
    budget.observe(429, stated)
    database.clock = ManualClock(NOW - timedelta(days=3))
    slot = RequestBudget(database, per_minute=3, per_day=1000).acquire("webhook")
    assert slot == NOW - timedelta(days=3) + MINUTE + lanes.MARGIN


def test_a_slot_whose_transaction_ended_late_is_not_used(database):
    budget = RequestBudget(database, per_minute=100, per_day=1000)

    class Slow(ManualClock):
        looks = 0

        def now(self):
            self.looks += 1
            if self.looks == 3:  # after the first slot was entered
                self.advance(20)
            return super().now()

    database.clock = Slow(NOW)
    assert budget.acquire("webhook") == NOW + timedelta(seconds=20)
    assert len(granted(database)) == 2


def test_after_three_late_slots_the_request_is_sent(database):
    class AlwaysSlow(ManualClock):
        def now(self):
            self.advance(1)
            return super().now()

    budget = RequestBudget(database, per_minute=100, per_day=1000)
    database.clock = AlwaysSlow(NOW)
    budget.acquire("webhook")
    assert len(granted(database)) == 3


def test_a_request_that_others_precede_for_too_long_is_an_error(database):
    """A waiting webhook request checks again and again, as if many of them came one after another."""
    with database.write() as connection:
        urgent = wait_queue.wait(connection, "webhook", None, None, NOW, NOW + SOON)

    class Crowded(ManualClock):
        def sleep(self, seconds):
            super().sleep(seconds)
            with database.write() as connection:
                wait_queue.wait(connection, "webhook", None, urgent, self.now(), self.now() + SOON)

    database.clock = Crowded(NOW)
    budget = RequestBudget(database, per_minute=100, per_day=1000)
    with pytest.raises(BudgetExhausted, match=r"Too many .* schedule lane got no slot within 180 s") as error:
        budget.acquire("schedule")
    waited = database.clock.now() - NOW
    assert timedelta(minutes=3) < waited <= timedelta(minutes=3, seconds=15)
    assert error.value.retry_at == database.clock.now()
    assert granted(database) == []
    with database.read() as connection:
        assert [waiter.lane for waiter in wait_queue.waiting(connection, database.clock.now())] == ["webhook"]


def test_a_requirement_fails_if_a_request_would_wait_too_long_and_takes_no_slot(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    budget.observe(429, Stated(remaining=0, reset_seconds=181))
    with pytest.raises(BudgetExhausted, match="schedule lane before 2026-11-21 12:03:01 UTC") as error:
        budget.require("schedule")
    assert error.value.retry_at == NOW + timedelta(seconds=181)
    budget.require("backfill")
    database.clock.advance(1)
    budget.require("schedule")
    assert granted(database) == []


def test_waiting_requests_are_listed_with_lane_sender_and_time(database):
    with database.write() as connection:
        wait_queue.wait(connection, "backfill", "run 1", None, NOW, NOW + SOON)
        wait_queue.wait(connection, "webhook", None, None, NOW + timedelta(seconds=1), NOW + SOON)
        assert wait_queue.waiting(connection, NOW + timedelta(seconds=1)) == [
            wait_queue.Waiter("backfill", "run 1", NOW),
            wait_queue.Waiter("webhook", "", NOW + timedelta(seconds=1)),
        ]


def test_a_request_that_waits_again_keeps_its_place_and_its_time(database):
    with database.write() as connection:
        ticket = wait_queue.wait(connection, "backfill", None, None, NOW, NOW + SOON)
        later = NOW + timedelta(seconds=5)
        assert wait_queue.wait(connection, "backfill", None, ticket, later, later + SOON) == ticket
        after_its_expiry = NOW + timedelta(minutes=5)
        wait_queue.wait(connection, "webhook", None, None, after_its_expiry, after_its_expiry)
        again = wait_queue.wait(connection, "backfill", None, ticket, after_its_expiry, after_its_expiry)
        assert again.since == NOW


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


def test_a_backfill_leaves_its_reserve_of_what_whoop_says_is_left(database):
    """Of the ten requests left, two of a hundred are not a backfill's."""
    one, other = (RequestBudget(database, per_minute=100, per_day=10_000) for _ in range(2))
    one.acquire("webhook")
    one.observe(200, Stated(remaining=10, reset_seconds=40))
    sent = [other.acquire("backfill") for _ in range(9)]
    assert sent[7] == NOW
    assert sent[8] == NOW + timedelta(seconds=40)


def test_the_gate_reports_the_last_429_and_opens_within_a_day(database):
    budget = RequestBudget(database, per_minute=100, per_day=10_000)
    with database.read() as connection:
        assert read_gate(connection, NOW) == Gate()
    budget.observe(429, Stated(remaining=0, reset_seconds=1e9))
    with database.read() as connection:
        assert read_gate(connection, NOW) == Gate(NOW + DAY, NOW, 0.5)
        assert read_gate(connection, NOW + DAY + 2 * MINUTE).share == pytest.approx(0.7)
        assert read_gate(connection, NOW + 2 * DAY).share == 1.0
        assert read_gate(connection, NOW - MINUTE) == Gate(limited_at=NOW)


def test_a_window_that_whoop_no_longer_states_is_forgotten(database):
    budget = RequestBudget(database, per_minute=100, per_day=1000)
    budget.observe(200, Stated(limits=((2, 3600), (100, 60)), nearest=100, remaining=99))
    budget.observe(200, Stated(limits=((100, 60), (1000, DAY_SECONDS)), nearest=100, remaining=99))
    for process in (budget, RequestBudget(database, per_minute=100, per_day=1000)):
        for _ in range(3):
            assert process.acquire("webhook") == NOW


def test_a_429_with_half_its_headers_closes_the_gate_for_as_long_as_it_asks(database):
    budget = RequestBudget(database, per_minute=100, per_day=1000)
    budget.observe(429, None, 80.0)
    assert budget.acquire("webhook") == NOW + timedelta(seconds=80)


def test_an_interrupted_wait_leaves_no_ticket_in_the_queue(database):
    budget = RequestBudget(database, per_minute=1, per_day=100)
    budget.acquire("backfill")
    database.clock = _Impatient(NOW)
    with pytest.raises(_WouldWait):
        budget.acquire("backfill")
    with database.read() as connection:
        assert not wait_queue.waiting(connection, NOW)


def ask(url, times):
    ledger.MAX_SLOT_AGE = timedelta(hours=1)  # a slow machine must not discard slots in this test
    database = Database(url)
    budget = RequestBudget(database, per_minute=20, per_day=10_000)
    answers = []
    for _ in range(times):
        database.clock = _ImpatientNow()
        try:
            answers.append(budget.acquire("webhook"))
        except _WouldWait:
            break
    database.close()
    return answers


class _WouldWait(Exception):
    pass


class _Impatient(ManualClock):
    def sleep(self, seconds):
        raise _WouldWait


class _ImpatientNow(SystemClock):
    def sleep(self, seconds):
        raise _WouldWait


@pytest.mark.slow
def test_concurrent_processes_share_one_limit(database_url):
    grants = [answer for answers in together(2, ask, database_url, 20) for answer in answers]
    assert len(grants) == 20
