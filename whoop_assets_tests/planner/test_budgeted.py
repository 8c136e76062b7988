"""First imports, webhooks and the budget together on the virtual clock: who is served when, and nobody above
the limits.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from whoop_assets.planner import Reason
from whoop_assets_tests.support.models.budgeted import BudgetedWhoop
from whoop_assets_tests.support.models.virtual_time import VirtualTime

NOW = datetime(2026, 8, 3, 12, tzinfo=UTC)
MINUTE, HOUR, ONE_DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MONTH, QUARTER, EVERYTHING = 30, 90, 0


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[BudgetedWhoop]:
    """Twenty members with half a year of history, and 400 requests a day: half of the necessary ones."""
    whoop = BudgetedWhoop(
        tmp_path,
        members=20,
        now=NOW,
        days=182,
        ahead=12,
        look_every=5 * MINUTE,
        per_day=400,
    )
    whoop.forget_webhooks()
    whoop.connect(whoop.members, milestones=(MONTH, QUARTER, EVERYTHING))
    yield whoop
    whoop.close()


@pytest.mark.slow
def test_everybody_has_the_last_month_before_anybody_has_everything_and_the_day_is_never_overdrawn(
    crowd: BudgetedWhoop,
) -> None:
    crowd.live(NOW + 30 * HOUR)
    reached = crowd.complete.values()
    last_month = max(one[MONTH] for one in reached)
    assert all(one.get(QUARTER, last_month) >= last_month for one in reached)
    pieces: dict[int, set[tuple[date, date]]] = {member.user_id: set() for member in crowd.members}
    for at, reading, _ in crowd.readings:
        if reading.reason is Reason.HISTORY:
            pieces[reading.user_id].add((reading.first, reading.last))
            # Whoever gets a piece, nobody else is more than one behind.
            numbers = [len(theirs) for theirs in pieces.values()]
            assert max(numbers) - min(numbers) <= 1, at
    assert max(map(len, pieces.values())) > 0
    sent = sorted(crowd.sent)
    assert len(sent) > 400
    for window, most in ((MINUTE, 100), (ONE_DAY, 400)):
        assert max(place + 1 - bisect_right(sent, at - window) for place, at in enumerate(sent)) <= most


@pytest.mark.slow
def test_a_first_import_that_could_take_the_whole_day_leaves_webhooks_what_they_need(
    crowd: BudgetedWhoop,
) -> None:
    crowd.live(NOW + ONE_DAY)
    assert len(crowd.counts.announced) > 60
    assert max(crowd.counts.announced) < HOUR
    assert crowd.counts.open_events < 10


@pytest.mark.slow
def test_where_nothing_is_left_for_re_reading_nights_are_still_found_in_time_and_at_no_more_requests(
    tmp_path: Path,
) -> None:
    """Ten requests a member and day, and no webhooks, as a thousand members on WHOOP's limit; after a dozen
    days of it.
    """
    members, days = 10, 2
    whoop = BudgetedWhoop(
        tmp_path,
        members=members,
        now=NOW,
        days=60,
        ahead=20,
        look_every=15 * MINUTE,
        webhooks=False,
        per_day=10 * members,
    )
    whoop.know_everything()
    whoop.live(NOW + 12 * ONE_DAY)
    whoop.forget()
    whoop.live(NOW + (12 + days) * ONE_DAY)
    whoop.close()
    ages = sorted(age for _, age in whoop.counts.nights)
    # Half of the fifty minutes between two looks, and two ticks of the sensor: one finds the night, one reads
    # it.
    assert ages[len(ages) // 2] <= HOUR
    asked_for = {reason: count / members / days for reason, count in whoop.counts.requests.items()}
    assert asked_for[Reason.RECOVERY] <= 4
    assert asked_for.get(Reason.UNREAD, 0) <= 1  # workouts, which no other reading renews


def test_tasks_wake_in_the_order_of_their_times_and_an_error_of_one_is_not_lost() -> None:
    time, woken = VirtualTime(NOW), []

    def waits(seconds: float) -> None:
        time.sleep(seconds)
        woken.append((seconds, time.now()))

    for seconds in (30.0, 10.0, 20.0):
        time.begin(lambda seconds=seconds: waits(seconds))  # type: ignore[misc]
    time.run(NOW + MINUTE)
    assert woken == [(seconds, NOW + timedelta(seconds=seconds)) for seconds in (10.0, 20.0, 30.0)]
    assert time.now() == NOW + MINUTE

    def fails() -> None:
        time.sleep(1)
        raise LookupError("gone")

    time.begin(fails)
    with pytest.raises(LookupError):
        time.run(NOW + HOUR)


def test_a_task_that_still_waits_at_the_end_does_not_go_on() -> None:
    time, woken = VirtualTime(NOW), []

    def waits() -> None:
        time.sleep(3600)
        woken.append(time.now())

    time.begin(waits)
    time.run(NOW + MINUTE)
    time.end()
    assert woken == []
