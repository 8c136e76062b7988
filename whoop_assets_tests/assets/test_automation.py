"""What runs by itself: the sensor for stale days."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from whoop_assets.definitions import defs
from whoop_assets.ingest.summarise import rebuild_days
from whoop_assets.resources import WhoopResource
from whoop_assets.sensors import ranges, stale_summaries
from whoop_assets.warehouse import stale_days


def tick(p):
    with dg.build_sensor_context(
        instance=p.instance, definitions=defs, resources={"whoop": WhoopResource()}
    ) as context:
        return stale_summaries.evaluate_tick(context)


def test_without_stale_days_the_sensor_asks_for_nothing(project):
    with project() as p:
        assert tick(p).run_requests == []


def test_the_sensor_asks_for_the_stale_days_as_ranges_and_their_run_clears_them(project):
    with project() as p:
        home, today = p.home, p.today
        first = today - timedelta(days=9)
        home.clock.advance(datetime.now(UTC) - home.clock.now())
        home.load(first, today)
        requests = tick(p).run_requests
        assert requests
        for request in requests:
            start, end = (request.tags[f"dagster/asset_partition_range_{side}"] for side in ("start", "end"))
            assert p.run(*map(date.fromisoformat, (start, end)), "daily_summary").success
        assert tick(p).run_requests == []
        with home.database.read() as connection:
            assert stale_days.stale(connection) == []


def test_a_change_while_the_summary_is_built_stays_stale(project):
    with project() as p:
        home, day = p.home, p.today - timedelta(days=3)
        with home.database.write() as connection:
            stale_days.mark(connection, home.member, [day], home.clock.now())
            (read,) = stale_days.generations(connection, [home.member], day, day)
        with home.database.write() as connection:
            stale_days.mark(connection, home.member, [day], home.clock.now())
            stale_days.clear(connection, [read])
            assert [entry.day for entry in stale_days.stale(connection)] == [day]
        rebuild_days(home.database, home.members, day, day)
        with home.database.read() as connection:
            assert stale_days.stale(connection) == []


def test_days_without_a_partition_wait_and_do_not_hold_up_the_others(project):
    with project() as p:
        home = p.home
        tomorrow, long_ago = p.today + timedelta(days=1), datetime(1999, 1, 1).date()
        with home.database.write() as connection:
            stale_days.mark(connection, home.member, [tomorrow, long_ago, p.today], home.clock.now())
        (request,) = tick(p).run_requests
        assert request.tags["dagster/asset_partition_range_start"] == p.today.isoformat()
        assert request.tags["dagster/asset_partition_range_end"] == p.today.isoformat()


def test_the_same_work_is_asked_for_under_the_same_key_and_new_work_under_another(project):
    with project() as p:
        home = p.home
        with home.database.write() as connection:
            stale_days.mark(connection, home.member, [p.today], home.clock.now())
        first = tick(p).run_requests[0].run_key
        assert tick(p).run_requests[0].run_key == first
        with home.database.write() as connection:
            stale_days.mark(connection, home.member, [p.today], home.clock.now())
        assert tick(p).run_requests[0].run_key != first


def test_days_are_grouped_into_ranges_newest_first():
    day = datetime(2026, 11, 1).date()
    days = [day + timedelta(days=n) for n in (5, 1, 0, 9, 6)]
    assert ranges(days) == [
        (day + timedelta(days=9), day + timedelta(days=9)),
        (day + timedelta(days=5), day + timedelta(days=6)),
        (day, day + timedelta(days=1)),
    ]
