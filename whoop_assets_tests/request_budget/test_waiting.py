"""The queue of waiting requests: order, late slots, and errors of long waits."""

from datetime import timedelta

import pytest

from whoop_assets.errors import BudgetExhausted
from whoop_assets.request_budget import lanes, wait_queue
from whoop_assets.request_budget.budget import DAY_SECONDS, RequestBudget
from whoop_assets_tests.request_budget.budget_rows import MINUTE, Stated, WouldWait, granted
from whoop_assets_tests.support.data.factories import NOW
from whoop_assets_tests.support.manual_clock import ManualClock


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
            super().sleep(max(seconds, 2.0))
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


def test_an_interrupted_wait_leaves_no_ticket_in_the_queue(database):
    budget = RequestBudget(database, per_minute=1, per_day=100)
    budget.acquire("backfill")
    database.clock = NoWaitManualClock(NOW)
    with pytest.raises(WouldWait):
        budget.acquire("backfill")
    with database.read() as connection:
        assert not wait_queue.waiting(connection, NOW)


class NoWaitManualClock(ManualClock):
    def sleep(self, seconds):
        raise WouldWait
