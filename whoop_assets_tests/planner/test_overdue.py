"""Overdue work: late tasks, urgent tasks that the budget holds back, and nights that did not arrive."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from whoop_assets.planner.fetch_tasks import BACKFILL, SCHEDULE
from whoop_assets.planner.overdue import lateness
from whoop_assets.records import tables
from whoop_assets_tests.support.fixed_time import NOW, TODAY
from whoop_assets_tests.support.home import at_home, frozen_world

FIRST = TODAY - timedelta(days=20)


@pytest.fixture
def home(sqlite_url):
    with at_home(sqlite_url, frozen_world(members=2, days=20)) as connected:
        connected.load_and_summarise(FIRST, TODAY)
        yield connected


def lateness_now(home, **settings):
    return lateness(home.database, home.connection.settings.replace(start_date=FIRST, **settings))


def set_age_of_coverage(home, age):
    with home.database.write() as connection:
        connection.execute(update(tables.coverage).values(read_at=NOW - age))


def test_nothing_is_late_after_a_complete_load(home):
    found = lateness_now(home)
    assert (list(found.late), list(found.held), list(found.awaited), found.members) == ([], [], [], 2)


def test_a_gap_in_the_past_is_late_only_after_days_without_a_read(home):
    with home.database.write() as connection:
        connection.execute(
            delete(tables.recoveries).where(tables.recoveries.c.day == TODAY - timedelta(days=9))
        )
        connection.execute(
            update(tables.coverage)
            .where(tables.coverage.c.stream == "recoveries")
            .values(read_at=NOW - timedelta(days=8))
        )
    assert lateness_now(home).late == []
    set_age_of_coverage(home, timedelta(hours=3))
    assert {task.reason.value for task in lateness_now(home).late} == set()
    set_age_of_coverage(home, timedelta(days=8))
    assert "recovery" in {task.reason.value for task in lateness_now(home).late}


def test_a_task_is_late_after_two_hours_and_a_backfill_task_after_a_day(home):
    set_age_of_coverage(home, timedelta(hours=12))
    assert lateness_now(home).late == []
    set_age_of_coverage(home, timedelta(days=5))
    late = lateness_now(home).late
    assert {task.user_id for task in late} == set(home.members)
    assert {task.lane for task in late} == {SCHEDULE, BACKFILL}
    for task in late:
        limit = timedelta(hours=2) if task.lane == SCHEDULE else timedelta(hours=26)
        assert NOW - task.due > limit
    assert [task.due for task in late] == sorted(task.due for task in late)


def test_only_urgent_tasks_held_back_by_the_budget_are_reported(home):
    set_age_of_coverage(home, timedelta(days=5))
    found = lateness_now(home, requests_per_day=1)
    assert found.late == []
    assert found.held and {task.lane for task in found.held} == {SCHEDULE}


def test_a_missing_night_is_reported_six_hours_after_the_usual_waking_time(home):
    # It is 07:00 in the member's zone, and the night is not stored yet.
    assert list(lateness_now(home).awaited) == []
    home.clock.advance(timedelta(hours=5))
    assert list(lateness_now(home).awaited) == []
    home.clock.advance(timedelta(hours=3))
    assert list(lateness_now(home).awaited) == [home.member]
