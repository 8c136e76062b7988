"""First imports and webhooks share one request budget, on a virtual clock."""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from whoop_assets.planner import Reason
from whoop_assets_tests.support.models.budgeted_whoop import BudgetedWhoop
from whoop_assets_tests.support.models.virtual_time import VirtualTime

NOW = datetime(2026, 8, 3, 12, tzinfo=UTC)
MINUTE, HOUR, ONE_DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MONTH_DAYS, QUARTER_DAYS, ALL_DAYS = 30, 90, 0


@pytest.fixture
def twenty_members(tmp_path: Path) -> Iterator[BudgetedWhoop]:
    """Twenty members with half a year of history, and 400 requests a day: half of the need."""
    whoop = BudgetedWhoop(
        tmp_path,
        members=20,
        now=NOW,
        days=182,
        ahead=12,
        plan_interval=5 * MINUTE,
        per_day=400,
    )
    whoop.forget_events()
    whoop.connect(whoop.members, milestones=(MONTH_DAYS, QUARTER_DAYS, ALL_DAYS))
    yield whoop
    whoop.close()


@pytest.mark.slow
def test_first_imports_share_the_budget_equally_and_never_exceed_it(
    twenty_members: BudgetedWhoop,
) -> None:
    twenty_members.run_until(NOW + 30 * HOUR)
    reached = twenty_members.complete.values()
    last_month = max(times[MONTH_DAYS] for times in reached)
    assert all(times.get(QUARTER_DAYS, last_month) >= last_month for times in reached)
    pieces: dict[int, set[tuple[date, date]]] = {member.user_id: set() for member in twenty_members.members}
    for at, task, _ in twenty_members.executed:
        if task.reason is Reason.HISTORY:
            pieces[task.user_id].add((task.first, task.last))
            # All members' imports advance at the same pace.
            counts = [len(done) for done in pieces.values()]
            assert max(counts) - min(counts) <= 1, at
    assert max(map(len, pieces.values())) > 0
    sent = sorted(twenty_members.sent)
    assert len(sent) > 400
    for window, limit in ((MINUTE, 100), (ONE_DAY, 400)):
        assert max(index + 1 - bisect_right(sent, at - window) for index, at in enumerate(sent)) <= limit


@pytest.mark.slow
def test_first_imports_leave_budget_for_webhooks(
    twenty_members: BudgetedWhoop,
) -> None:
    twenty_members.run_until(NOW + ONE_DAY)
    assert len(twenty_members.counts.announced) > 60
    assert max(twenty_members.counts.announced) < HOUR
    assert twenty_members.counts.open_events < 10


@pytest.mark.slow
def test_new_nights_are_found_within_an_hour_when_no_budget_is_left_for_rereading(
    tmp_path: Path,
) -> None:
    """Ten requests per member and day, without webhooks, as for 1,000 members within WHOOP's limit."""
    members, days = 10, 2
    whoop = BudgetedWhoop(
        tmp_path,
        members=members,
        now=NOW,
        days=60,
        ahead=20,
        plan_interval=15 * MINUTE,
        webhooks=False,
        per_day=10 * members,
    )
    whoop.import_everything()
    whoop.run_until(NOW + 12 * ONE_DAY)
    whoop.reset_counts()
    whoop.run_until(NOW + (12 + days) * ONE_DAY)
    whoop.close()
    ages = sorted(age for _, age in whoop.counts.nights)
    # Half of the 50 minutes between two reads, and two sensor ticks: one finds the night, one reads it.
    assert ages[len(ages) // 2] <= HOUR
    requests_per_member_day = {
        reason: count / members / days for reason, count in whoop.counts.requests.items()
    }
    assert requests_per_member_day[Reason.RECOVERY] <= 4
    assert requests_per_member_day.get(Reason.UNREAD, 0) <= 1  # Only this reason reads workouts.


def test_virtual_time_wakes_tasks_in_order_and_reraises_their_errors() -> None:
    time, woken = VirtualTime(NOW), []

    def sleep_and_record(seconds: float) -> None:
        time.sleep(seconds)
        woken.append((seconds, time.now()))

    for seconds in (30.0, 10.0, 20.0):
        time.begin(lambda seconds=seconds: sleep_and_record(seconds))  # type: ignore[misc]
    time.run(NOW + MINUTE)
    assert woken == [(seconds, NOW + timedelta(seconds=seconds)) for seconds in (10.0, 20.0, 30.0)]
    assert time.now() == NOW + MINUTE

    def sleep_and_raise() -> None:
        time.sleep(1)
        raise LookupError("gone")

    time.begin(sleep_and_raise)
    with pytest.raises(LookupError):
        time.run(NOW + HOUR)


def test_virtual_time_cancels_tasks_that_still_wait_at_the_end() -> None:
    time, woken = VirtualTime(NOW), []

    def sleep_and_record() -> None:
        time.sleep(3600)
        woken.append(time.now())

    time.begin(sleep_and_record)
    time.run(NOW + MINUTE)
    time.end()
    assert woken == []
