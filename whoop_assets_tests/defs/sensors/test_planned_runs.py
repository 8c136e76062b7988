"""The sensor that requests the runs of the planner's due tasks."""

from datetime import timedelta

import dagster as dg
import pytest

from whoop_assets.definitions import NAMESPACE
from whoop_assets.defs.partitions import range_tags
from whoop_assets.defs.sensors.readings import MAX_RUNS_PER_TICK, due_readings, in_flight
from whoop_assets.members.store import RECONNECTION_NEEDED, set_status
from whoop_assets_tests.defs.dagster_project import job_of_assets

ONE_DAY = timedelta(days=1)


@pytest.mark.slow
def test_new_members_share_one_run_of_the_last_month(project, monkeypatch):
    with project(members=2, days=25) as p:
        monkeypatch.setenv("WHOOP_START_DATE", (p.today - 24 * ONE_DAY).isoformat())
        p.catch_up()
        requests = p.tick(due_readings).run_requests
        reasons = {request.tags["whoop/reason"]: request for request in requests}
        assert set(reasons) == {"unread", "snapshot"}
        first = reasons["unread"]
        members = first.run_config["resources"]["whoop"]["config"]["members"]
        assert sorted(members) == sorted(p.home.members)
        assert (first.tags["whoop/lane"], first.tags["dagster/max_runtime"]) == ("schedule", "7200")
        assert {key.path[-1] for key in first.asset_selection} == {
            "cycles", "sleeps", "recoveries", "workouts", "daily_summary", "trends",
        }  # fmt: skip
        for request in requests:
            assert p.execute(request).success
        assert len(p.home.rows("cycles")) >= 40
        assert len(p.home.rows("daily_summary")) >= 40
        assert [
            r.tags["whoop/reason"]
            for r in p.tick(due_readings).run_requests
            if "new" in r.tags["whoop/reason"]
        ] == []


def test_tasks_of_an_active_run_are_not_requested_again(project):
    with project(days=25) as p:
        p.catch_up()
        requests = p.tick(due_readings).run_requests
        for request in requests:
            p.add_run(request)
        assert len(in_flight(p.instance, NAMESPACE)) == len(requests)
        assert p.tick(due_readings).run_requests == []


def test_an_active_run_that_a_user_started_counts_as_well(project):
    with project(days=25) as p:
        p.catch_up()
        p.instance.add_run(
            dg.DagsterRun(
                job_name=job_of_assets().name,
                tags=range_tags(p.today - 100 * ONE_DAY, p.today),
                status=dg.DagsterRunStatus.STARTED,
            )
        )
        assert p.tick(due_readings).run_requests == []


def test_the_run_key_stays_the_same_within_the_hour(project):
    with project(days=25) as p:
        p.catch_up()
        assert [r.run_key for r in p.tick(due_readings).run_requests] == [
            r.run_key for r in p.tick(due_readings).run_requests
        ]
        assert (
            len({r.run_key for r in p.tick(due_readings).run_requests})
            == len(p.tick(due_readings).run_requests)
            <= MAX_RUNS_PER_TICK
        )


def test_without_connected_members_nothing_is_due(project):
    with project(days=25) as p:
        for member in p.home.members:
            p.home.world.revoke_tokens(member)
        with p.home.database.write() as connection:
            for member in p.home.members:
                set_status(connection, member, RECONNECTION_NEEDED, "a reason")
        result = p.tick(due_readings)
        assert result.run_requests == []
        assert "Nothing is due" in result.skip_message
