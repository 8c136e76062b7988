"""Simulated weeks without webhooks: the planner finds every record within bounded time and requests."""

from datetime import UTC, date, datetime, timedelta
from statistics import median

import pytest

from whoop_assets_tests.planner.planning_loop import PlanningLoop
from whoop_assets_tests.support.fixed_time import NOW
from whoop_assets_tests.support.home import at_home, frozen_world, moment

ONE_DAY, HOUR = timedelta(days=1), timedelta(hours=1)

# WHOOP_TIMEZONE of the deployment: the members' easternmost zone.
TIMEZONE = "Pacific/Auckland"


def run_days(home, days, *, history=66):
    """Runs the first import, then simulates `days`; counts only the requests after the import."""
    loop = PlanningLoop(home, NOW.date() - timedelta(days=history), TIMEZONE)
    loop.run_until(NOW + 10 * timedelta(minutes=1))
    loop.requests.clear()
    loop.completed.clear()
    loop.run_until(NOW + days * ONE_DAY)
    return loop


def check_delays_and_requests(loop, days):
    home = loop.home
    now = home.clock.now()
    # The last days are read every hour, the last month every day.
    assert loop.differences(made_before=now - 1.5 * HOUR, changed_before=now - 1.2 * ONE_DAY) == []
    waits = []
    for member in home.members:
        naps = {sleep["id"] for sleep in home.truth(member)["sleeps"] if sleep["nap"]}
        for recovery in home.truth(member)["recoveries"]:
            created_at = moment(recovery["created_at"])
            row = home.rows("recoveries").get(recovery["sleep_id"])
            if row is not None and created_at > NOW + HOUR and recovery["sleep_id"] not in naps:
                waits.append(row["first_seen_at"] - created_at)
    assert len(waits) >= days - 2
    assert median(waits) <= timedelta(minutes=20)
    assert max(waits) <= 1.5 * HOUR
    per_day = {reason: cost / days / len(home.members) for reason, cost in loop.requests.items()}
    assert per_day["recent"] <= 4 * 24 + 4
    assert per_day["morning"] <= 45
    assert per_day["snapshot"] <= 3
    assert sum(per_day.values()) <= 150
    return per_day


@pytest.mark.slow
def test_four_days_of_one_member(sqlite_url):
    with at_home(sqlite_url, frozen_world(days=62, zones=["Europe/Berlin"])) as home:
        check_delays_and_requests(run_days(home, 4), 4)


@pytest.mark.slow
def test_three_weeks_of_two_members(sqlite_url):
    with at_home(sqlite_url, frozen_world(members=2, days=62)) as home:
        print(check_delays_and_requests(run_days(home, 21), 21))


def test_a_new_members_history_is_read_newest_first_across_restarts(database_url):
    with at_home(database_url, frozen_world(days=400)) as home:
        loop = PlanningLoop(home, NOW.date() - timedelta(days=390), TIMEZONE)
        first_days = []
        for _ in range(30):
            plan = loop.plan()
            if not plan.due:
                break
            loop.carry_out(plan)
            first_days += [task.first for task in plan.due if task.reason.value in ("unread", "history")]
            home.advance(60)
            # A restart: the planner keeps no state outside the database.
            loop = PlanningLoop(home, loop.start_date, TIMEZONE)
        assert first_days == sorted(first_days, reverse=True)
        assert len(first_days) >= 4
        first_day = loop.start_date + ONE_DAY
        rows = home.rows("cycles")
        existing = [
            cycle for cycle in home.truth()["cycles"] if date.fromisoformat(cycle["start"][:10]) > first_day
        ]
        assert {cycle["id"] for cycle in existing} <= rows.keys()
        final_plan = loop.plan()
        assert [task for task in final_plan.later if task.reason.value in ("history", "unread")] == []


@pytest.mark.slow
def test_records_of_thirty_days_without_a_planner_are_found_within_an_hour(sqlite_url):
    with at_home(sqlite_url, frozen_world(days=62, zones=["Europe/Berlin"])) as home:
        loop = run_days(home, 1)
        home.advance(30 * ONE_DAY)  # The computer was off.
        loop.run_until(home.clock.now() + HOUR)
        now = home.clock.now()
        assert loop.differences(made_before=now - HOUR, changed_before=datetime(2026, 1, 1, tzinfo=UTC)) == []
