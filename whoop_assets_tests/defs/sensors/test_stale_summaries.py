"""Sensors for stale summaries and stale weeks: the runs that they request, and the effect of those runs."""

from datetime import date, timedelta

import pytest

from whoop_assets.defs.sensors.summaries import stale_summaries, stale_weeks
from whoop_assets.records.stale_days import STALE_DAYS, STALE_TRENDS
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets_tests.defs.dagster_project import asset_names, requested_days


def requests(p, sensor=stale_summaries):
    return p.tick(sensor).run_requests


def test_without_stale_days_the_sensor_requests_no_run(project):
    with project() as p:
        assert p.tick(stale_summaries).skip_message == "No stale days."
        assert p.tick(stale_weeks).skip_message == "No stale weeks."


def test_the_sensor_requests_ranges_of_stale_days_and_the_runs_clear_them(project):
    with project() as p:
        home, today = p.home, p.today
        first = today - timedelta(days=9)
        p.catch_up()
        home.load(first, today)
        found = requests(p)
        assert found
        for request in found:
            assert asset_names(request) == ["daily_summary", "trends"]
            assert p.execute(request).success
        assert requests(p) == []
        with home.database.read() as connection:
            assert STALE_DAYS.stale(connection) == []
            assert STALE_TRENDS.stale(connection) == []


@pytest.mark.slow
def test_trends_that_are_older_than_their_summaries_are_requested_alone(project):
    with project() as p:
        home, today = p.home, p.today
        p.catch_up()
        home.load(today - timedelta(days=9), today)
        for request in requests(p):
            assert p.execute(request, "daily_summary").success
        found = requests(p)
        assert found
        for request in found:
            assert asset_names(request) == ["trends"]
            assert p.execute(request).success
        assert requests(p) == []


def test_weeks_with_changed_days_are_requested_by_a_separate_sensor(project):
    with project() as p:
        home, today = p.home, p.today
        p.catch_up()
        assert requests(p, stale_weeks) == []
        home.load(today - timedelta(days=16), today)
        rebuild_days(home.database, home.members, today - timedelta(days=16), today)
        (request,) = requests(p, stale_weeks)
        assert asset_names(request) == ["weekly_summary"]
        assert all(day.weekday() == 0 for day in requested_days(request))
        assert p.execute(request).success
        assert requests(p, stale_weeks) == []
        weeks = home.rows("weekly_summary")
        days = home.rows("daily_summary")
        assert set(weeks) == {(user_id, day - timedelta(days=day.weekday())) for user_id, day in days}
        newest = max(weeks)
        assert weeks[newest]["is_partial"]
        assert p.metadata("weekly_summary", newest[1])["dagster/partition_row_count"] == 1


def test_a_day_that_changes_while_its_summary_is_built_stays_stale(project):
    with project() as p:
        home, day = p.home, p.today - timedelta(days=3)
        with home.database.write() as connection:
            STALE_DAYS.mark(connection, home.member, [day], home.clock.now())
            (read,) = STALE_DAYS.generations(connection, [home.member], day, day)
        with home.database.write() as connection:
            STALE_DAYS.mark(connection, home.member, [day], home.clock.now())
            STALE_DAYS.clear(connection, [read])
            assert [entry.day for entry in STALE_DAYS.stale(connection)] == [day]
        rebuild_days(home.database, home.members, day, day)
        with home.database.read() as connection:
            assert STALE_DAYS.stale(connection) == []


def test_stale_days_without_a_partition_do_not_block_other_days(project):
    with project() as p:
        home = p.home
        tomorrow, long_ago = p.today + timedelta(days=1), date(1999, 1, 1)
        with home.database.write() as connection:
            STALE_DAYS.mark(connection, home.member, [tomorrow, long_ago, p.today], home.clock.now())
        (request,) = requests(p)
        assert requested_days(request) == (p.today, p.today)
        p.add_run(request)
        assert p.tick(stale_summaries).skip_message == (
            "A run in flight builds 1 stale day. No partition exists for 2 stale days."
        )


def test_the_run_key_changes_only_with_the_stale_days(project):
    with project() as p:
        home = p.home
        with home.database.write() as connection:
            STALE_DAYS.mark(connection, home.member, [p.today], home.clock.now())
        first = requests(p)[0].run_key
        assert requests(p)[0].run_key == first
        with home.database.write() as connection:
            STALE_DAYS.mark(connection, home.member, [p.today], home.clock.now())
        assert requests(p)[0].run_key != first
