"""The sensor that acts on the plan: what it asks for, what it leaves alone, and that its runs do the work."""

from datetime import timedelta

import dagster as dg
import pytest

from whoop_assets.definitions import NAMESPACE, defs
from whoop_assets.defs.partitions import range_tags
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.readings import MAX_RUNS_PER_TICK, due_readings, in_flight
from whoop_assets_tests.defs.conftest import job_of_assets

ONE_DAY = timedelta(days=1)


def tick(p):
    with dg.build_sensor_context(
        instance=p.instance, definitions=defs, resources={"whoop": WhoopResource()}
    ) as context:
        return due_readings.build(NAMESPACE).evaluate_tick(context)


def do(p, request):
    """Carry a request out, as the daemon would."""
    job = job_of_assets()
    return job.execute_in_process(
        instance=p.instance,
        run_config=request.run_config,
        asset_selection=request.asset_selection,
        tags=request.tags,
        raise_on_error=False,
    )


@pytest.mark.slow
def test_new_members_share_a_run_of_the_last_month_and_its_work_leaves_less_to_ask_for(project, monkeypatch):
    with project(members=2, days=25) as p:
        monkeypatch.setenv("WHOOP_START_DATE", (p.today - 24 * ONE_DAY).isoformat())
        p.catch_up()
        asked = tick(p).run_requests
        reasons = {request.tags["whoop/reason"]: request for request in asked}
        assert set(reasons) == {"unread", "snapshot"}
        first = reasons["unread"]
        members = first.run_config["resources"]["whoop"]["config"]["members"]
        assert sorted(members) == sorted(p.home.members)
        assert (first.tags["whoop/lane"], first.tags["dagster/max_runtime"]) == ("schedule", "7200")
        assert {key.path[-1] for key in first.asset_selection} == {
            "cycles", "sleeps", "recoveries", "workouts", "daily_summary", "trends",
        }  # fmt: skip
        for request in asked:
            assert do(p, request).success
        assert len(p.home.rows("cycles")) >= 40
        assert len(p.home.rows("daily_summary")) >= 40
        assert [r.tags["whoop/reason"] for r in tick(p).run_requests if "new" in r.tags["whoop/reason"]] == []


def test_what_a_run_under_way_does_is_left_to_it(project):
    with project(days=25) as p:
        p.catch_up()
        asked = tick(p).run_requests
        job = job_of_assets()
        for request in asked:
            p.instance.create_run_for_job(
                job_def=job,
                run_config=request.run_config,
                tags=request.tags,
                asset_selection=frozenset(request.asset_selection),
                status=dg.DagsterRunStatus.STARTED,
            )
        assert len(in_flight(p.instance, NAMESPACE)) == len(asked)
        assert tick(p).run_requests == []


def test_a_run_of_everything_by_hand_counts_too(project):
    with project(days=25) as p:
        p.catch_up()
        p.instance.add_run(
            dg.DagsterRun(
                job_name=job_of_assets().name,
                tags=range_tags(p.today - 100 * ONE_DAY, p.today),
                status=dg.DagsterRunStatus.STARTED,
            )
        )
        assert tick(p).run_requests == []


def test_the_same_work_has_the_same_key_within_the_hour(project):
    with project(days=25) as p:
        p.catch_up()
        assert [r.run_key for r in tick(p).run_requests] == [r.run_key for r in tick(p).run_requests]
        assert (
            len({r.run_key for r in tick(p).run_requests}) == len(tick(p).run_requests) <= MAX_RUNS_PER_TICK
        )


def test_without_members_a_tick_says_that_nothing_is_due(project):
    with project(days=25) as p:
        for member in p.home.members:
            p.home.world.revoke_tokens(member)
        with p.home.database.write() as connection:
            from whoop_assets.members.store import RECONNECTION_NEEDED, set_status

            for member in p.home.members:
                set_status(connection, member, RECONNECTION_NEEDED, "a reason")
        result = tick(p)
        assert result.run_requests == []
        assert "Nothing is due" in result.skip_message
