"""Limits that WHOOP states, 429s, and the gate that they close."""

from datetime import timedelta
from itertools import pairwise

import pytest

from whoop_assets.request_budget import lanes
from whoop_assets.request_budget.budget import DAY_SECONDS, RequestBudget
from whoop_assets.request_budget.stated_limits import Gate, read_gate
from whoop_assets_tests.request_budget.budget_rows import (
    DAY,
    MINUTE,
    Stated,
    assert_never_more_than,
)
from whoop_assets_tests.support.data.factories import NOW


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
