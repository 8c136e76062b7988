"""What runs by itself: the sensor for stale days."""

from datetime import date, datetime, timedelta

import dagster as dg
import pytest
from sqlalchemy import true, update

from whoop_assets.definitions import NAMESPACE, defs
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors import stale_summaries, stale_weeks
from whoop_assets.records.stale_days import STALE_DAYS, STALE_TRENDS
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.tokens import tables
from whoop_assets_tests.support.fixed_time import NOW


def tick(p, sensor=stale_summaries):
    with dg.build_sensor_context(
        instance=p.instance, definitions=defs, resources={"whoop": WhoopResource()}
    ) as context:
        return sensor.build(NAMESPACE).evaluate_tick(context)


def names(request):
    return [key.path[-1] for key in request.asset_selection]


def asked(request):
    return [
        date.fromisoformat(request.tags[f"dagster/asset_partition_range_{side}"]) for side in ("start", "end")
    ]


def carry_out(p, request, *assets):
    return p.run(*asked(request), *(assets or names(request)))


def test_without_stale_days_the_sensor_asks_for_nothing(project):
    with project() as p:
        assert tick(p).run_requests == []


def test_the_sensor_asks_for_the_stale_days_as_ranges_and_their_run_clears_them(project):
    with project() as p:
        home, today = p.home, p.today
        first = today - timedelta(days=9)
        p.catch_up()
        home.load(first, today)
        requests = tick(p).run_requests
        assert requests
        for request in requests:
            assert names(request) == ["daily_summary", "trends"]
            assert carry_out(p, request).success
        assert tick(p).run_requests == []
        with home.database.read() as connection:
            assert STALE_DAYS.stale(connection) == []
            assert STALE_TRENDS.stale(connection) == []


@pytest.mark.slow
def test_trends_that_were_not_built_with_their_summaries_are_asked_for_alone(project):
    with project() as p:
        home, today = p.home, p.today
        p.catch_up()
        home.load(today - timedelta(days=9), today)
        for request in tick(p).run_requests:
            assert carry_out(p, request, "daily_summary").success
        requests = tick(p).run_requests
        assert requests
        for request in requests:
            assert names(request) == ["trends"]
            assert carry_out(p, request).success
        assert tick(p).run_requests == []


def test_weeks_whose_days_changed_are_asked_for_by_their_own_sensor(project):
    with project() as p:
        home, today = p.home, p.today
        p.catch_up()
        assert tick(p, stale_weeks).run_requests == []
        home.load(today - timedelta(days=16), today)
        rebuild_days(home.database, home.members, today - timedelta(days=16), today)
        (request,) = tick(p, stale_weeks).run_requests
        assert names(request) == ["weekly_summary"]
        assert all(day.weekday() == 0 for day in asked(request))
        assert carry_out(p, request).success
        assert tick(p, stale_weeks).run_requests == []
        weeks = home.rows("weekly_summary")
        days = home.rows("daily_summary")
        assert set(weeks) == {(one, day - timedelta(days=day.weekday())) for one, day in days}
        newest = max(weeks)
        assert weeks[newest]["is_partial"]
        assert p.metadata("weekly_summary", newest[1])["dagster/partition_row_count"] == 1


def test_a_change_while_the_summary_is_built_stays_stale(project):
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


def test_days_without_a_partition_wait_and_do_not_hold_up_the_others(project):
    with project() as p:
        home = p.home
        tomorrow, long_ago = p.today + timedelta(days=1), datetime(1999, 1, 1).date()
        with home.database.write() as connection:
            STALE_DAYS.mark(connection, home.member, [tomorrow, long_ago, p.today], home.clock.now())
        (request,) = tick(p).run_requests
        assert request.tags["dagster/asset_partition_range_start"] == p.today.isoformat()
        assert request.tags["dagster/asset_partition_range_end"] == p.today.isoformat()


def test_the_same_work_is_asked_for_under_the_same_key_and_new_work_under_another(project):
    with project() as p:
        home = p.home
        with home.database.write() as connection:
            STALE_DAYS.mark(connection, home.member, [p.today], home.clock.now())
        first = tick(p).run_requests[0].run_key
        assert tick(p).run_requests[0].run_key == first
        with home.database.write() as connection:
            STALE_DAYS.mark(connection, home.member, [p.today], home.clock.now())
        assert tick(p).run_requests[0].run_key != first


def keep_alive_tick(p):
    with dg.build_schedule_context(instance=p.instance, resources={"whoop": WhoopResource()}) as context:
        (keep_tokens_alive,) = (one for one in defs.schedules if one.name == "keep_tokens_alive")
        return keep_tokens_alive.evaluate_tick(context)


def left_alone(p, days, user_id=None):
    """As if these days had passed since the tokens were renewed."""
    then = NOW - timedelta(days=days)
    wanted = tables.tokens.c.user_id == user_id if user_id else true()
    with p.home.database.write() as connection:
        connection.execute(update(tables.tokens).where(wanted).values(refreshed_at=then))


def test_tokens_that_were_renewed_lately_need_no_run(project):
    with project() as p:
        left_alone(p, 2)
        tick = keep_alive_tick(p)
        assert tick.run_requests == []
        assert "3 days" in tick.skip_message


def test_tokens_that_nothing_used_for_days_are_renewed_and_one_members_failure_is_its_own(project):
    with project(members=3) as p:
        dead, alive, busy = p.home.members
        for user_id in (dead, alive):
            left_alone(p, 4, user_id)
        left_alone(p, 1, busy)
        p.home.world.revoke_tokens(dead)
        (request,) = keep_alive_tick(p).run_requests
        assert (request.tags["whoop/lane"], request.tags["dagster/max_runtime"]) == ("schedule", "7200")
        before = p.home.world.stats()
        result = defs.resolve_job_def("keep_tokens").execute_in_process(instance=p.instance)
        assert result.success
        after = p.home.world.stats()
        assert after["refreshes"] - before["refreshes"] == 1
        assert after["requests"] == before["requests"]
        assert p.home.rows("members")[dead]["status"] == "reconnection_needed"
        assert keep_alive_tick(p).run_requests == []
        (output,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
        shown = output.step_output_data.metadata
        assert shown["members_to_reconnect"].value == f"{dead}: run `whoop-assets connect`"
        assert shown["renewed"].value == 1


def test_what_may_pass_makes_the_run_red_and_is_due_again(project):
    with project(members=2) as p:
        left_alone(p, 4)
        p.home.world.inject_fault("status", status=503, count=1, path_prefix="/oauth/oauth2/token")
        result = defs.resolve_job_def("keep_tokens").execute_in_process(
            instance=p.instance, raise_on_error=False
        )
        assert not result.success
        assert p.home.world.stats()["refreshes"] == 1
        assert len(keep_alive_tick(p).run_requests) == 1
        assert defs.resolve_job_def("keep_tokens").execute_in_process(instance=p.instance).success
        assert keep_alive_tick(p).run_requests == []
