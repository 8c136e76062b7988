"""What is late: readings that have long been due, urgent ones that the budget holds back, nights that do not
come.
"""

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
    with at_home(sqlite_url, frozen_world(members=2, days=20)) as made:
        made.load_and_summarise(FIRST, TODAY)
        yield made


def seen(home, **settings):
    return lateness(home.database, home.connection.settings.replace(start_date=FIRST, **settings))


def read_ago(home, by):
    with home.database.write() as connection:
        connection.execute(update(tables.coverage).values(read_at=NOW - by))


def test_what_has_just_been_read_is_not_late(home):
    found = seen(home)
    assert (list(found.late), list(found.held), list(found.awaited), found.members) == ([], [], [], 2)


def test_a_gap_in_the_past_that_has_just_come_to_light_is_not_late(home):
    with home.database.write() as connection:
        connection.execute(
            delete(tables.recoveries).where(tables.recoveries.c.day == TODAY - timedelta(days=9))
        )
        connection.execute(
            update(tables.coverage)
            .where(tables.coverage.c.stream == "recoveries")
            .values(read_at=NOW - timedelta(days=8))
        )
    assert seen(home).late == []
    read_ago(home, timedelta(hours=3))
    assert {one.reason.value for one in seen(home).late} == set()
    read_ago(home, timedelta(days=8))
    assert "recovery" in {one.reason.value for one in seen(home).late}


def test_a_reading_is_late_two_hours_after_it_was_due_and_one_that_can_wait_after_a_day(home):
    read_ago(home, timedelta(hours=12))
    assert seen(home).late == []
    read_ago(home, timedelta(days=5))
    late = seen(home).late
    assert {one.user_id for one in late} == set(home.members)
    assert {one.lane for one in late} == {SCHEDULE, BACKFILL}
    for one in late:
        limit = timedelta(hours=2) if one.lane == SCHEDULE else timedelta(hours=26)
        assert NOW - one.due > limit
    assert [one.due for one in late] == sorted(one.due for one in late)


def test_an_urgent_reading_that_the_budget_holds_back_is_told_and_one_that_can_wait_is_not(home):
    read_ago(home, timedelta(days=5))
    found = seen(home, requests_per_day=1)
    assert found.late == []
    assert found.held and {one.lane for one in found.held} == {SCHEDULE}


def test_a_night_that_does_not_come_is_awaited_six_hours_after_the_usual_time_of_waking(home):
    # It is 07:00 where the member lives, and the night is not here yet.
    assert list(seen(home).awaited) == []
    home.clock.advance(timedelta(hours=5))
    assert list(seen(home).awaited) == []
    home.clock.advance(timedelta(hours=3))
    assert list(seen(home).awaited) == [home.member]
