"""The asset graph in another team's deployment, from the installed wheel, with its prefix and settings."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from whoop_assets_tests.support.fixed_time import python_path
from whoop_assets_tests.support.wheel import ROOT, install_wheel

pytestmark = pytest.mark.slow

TEAM_SCRIPT = """
import json, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import whoop_assets
from another_team.definitions import defs

assert Path(whoop_assets.__file__).is_relative_to(sys.argv[1]), whoop_assets.__file__
dg.Definitions.validate_loadable(defs)
# Today has no cycle until the member's next sleep.
yesterday = (datetime.now(UTC).date() - timedelta(days=1)).isoformat()
repository = defs.get_repository_def()
found = {
    "groups": {spec.key.to_user_string(): spec.group_name for spec in defs.resolve_all_asset_specs()},
    "checks": [key.to_user_string() for key in defs.resolve_asset_graph().asset_check_keys],
    "jobs": [job.name for job in defs.jobs], "schedules": [schedule.name for schedule in defs.schedules],
    "sensors": [sensor.name for sensor in defs.sensors], "resources": list(defs.resources),
}


def run(*names, **tags):
    job = defs.resolve_implicit_global_asset_job_def()
    keys = [dg.AssetKey(name.split("/")) for name in names]
    result = job.execute_in_process(
        instance=instance, asset_selection=keys, tags=tags, raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        partition_key=None if names[0] == "health/sleep_report" else yesterday,
    )
    return result.success


with dg.DagsterInstance.ephemeral() as instance:
    records = [f"health/whoop/{name}" for name in ("cycles", "sleeps", "recoveries", "workouts")]
    found["loaded"] = run(*records)
    sensor = next(sensor for sensor in defs.sensors if sensor.name == "health_whoop_stale_summaries")
    with dg.build_sensor_context(
        instance, repository_def=repository, resources={"health_whoop": defs.resources["health_whoop"]}
    ) as context:
        requests = sensor.evaluate_tick(context).run_requests
    found["requested"] = [[key.to_user_string() for key in request.asset_selection] for request in requests]
    found["requested_checks"] = [
        [key.to_user_string() for key in request.asset_check_keys] for request in requests
    ]
    found["days"] = [list(request.tags.values())[:2] for request in requests]
    found["summaries_built"] = run("health/whoop/daily_summary", "health/whoop/trends")
    found["team_assets_built"] = run("health/sleep_report") and run("health/short_nights")
    event = instance.get_latest_materialization_event(dg.AssetKey(["health", "sleep_report"]))
    found["nights"] = event.asset_materialization.metadata["nights"].value
    found["materialized"] = sorted(
        instance.get_materialized_partitions(dg.AssetKey(["health", "whoop", "daily_summary"])))
    short = instance.get_latest_materialization_event(dg.AssetKey(["health", "short_nights"]))
    found["short_nights"] = short.asset_materialization.metadata["nights"].value


def requested(cursor):
    tick = dg.evaluate_automation_conditions(
        defs, instance=following, cursor=cursor, asset_selection=dg.AssetSelection.groups("health_reports"))
    days, report = (dg.AssetKey(["health", name]) for name in ("short_nights", "sleep_report"))
    return tick.cursor, [sorted(tick.get_requested_partitions(days)), tick.get_num_requested(report)]


with dg.DagsterInstance.ephemeral() as following:
    cursor, before = requested(None)
    following.report_runless_asset_event(
        dg.AssetMaterialization(dg.AssetKey(["health", "whoop", "daily_summary"]), partition="2026-01-05"))
    cursor, after = requested(cursor)
    cursor, then = requested(cursor)
    found["automation"] = [before, after, then]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the installed wheel, without the checkout."""
    return install_wheel(tmp_path_factory.mktemp("wheel"))


def test_another_team_gets_the_asset_graph_under_its_prefix(project, installed, tmp_path):
    with project(days=5) as p:
        settings = p.home.connection.settings
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        key = Path(p.home.database.url.database).with_suffix(".token-key").read_text().strip()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WHOOP_")}
        run = subprocess.run(
            [sys.executable, "-P", "-W", "ignore", "-c", TEAM_SCRIPT, str(installed)],
            cwd=elsewhere,
            env=environment
            | {
                "PYTHONPATH": python_path(installed, ROOT / "examples" / "another_team"),
                "TEAM_DATABASE_URL": settings.database_url,
                "TEAM_WHOOP_CLIENT_ID": settings.client_id,
                "TEAM_WHOOP_CLIENT_SECRET": settings.client_secret.get_secret_value(),
                "TEAM_WHOOP_TOKEN_KEY": key,
                # A team would not set these; here they lead to the simulator.
                "WHOOP_API_URL": settings.api_url,
                "WHOOP_OAUTH_URL": settings.oauth_url,
                # The team's resource uses its own variables, so these are ignored.
                "WHOOP_START_DATE": "nonsense",
                "WHOOP_DATABASE_URL": "mysql://nowhere",
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert run.returncode == 0, run.stderr
        found = json.loads(run.stdout.splitlines()[-1])
        records = len(p.home.rows("cycles"))
    ours = {name: group for name, group in found["groups"].items() if name.startswith("health/whoop/")}
    assert len(ours) == 13
    assert set(found["groups"]) - set(ours) == {"health/sleep_report", "health/short_nights"}
    assert set(ours.values()) == {"health", "health_weekly", "health_report", "health_journal", "health_api"}
    assert all(name.startswith("health/whoop/") for name in found["checks"])
    for kind in ("jobs", "schedules", "sensors"):
        assert found[kind]
        assert all(name.startswith("health_whoop_") for name in found[kind])
    assert found["resources"] == ["health_whoop"]
    assert found["loaded"]
    assert records >= 1
    assert found["requested"] == [["health/whoop/daily_summary", "health/whoop/trends"]]
    assert sorted(found["requested_checks"][0]) == [
        "health/whoop/daily_summary:events_loaded", "health/whoop/trends:loads_complete",
    ]  # fmt: skip
    assert found["summaries_built"]
    assert found["team_assets_built"]
    assert found["nights"] >= 1
    assert found["short_nights"] == 1
    # A materialized day requests the same day of one asset, and the asset without partitions.
    assert found["automation"] == [[[], 0], [["2026-01-05"], 1], [[], 0]]
    assert len(found["materialized"]) == 1
    assert list(elsewhere.iterdir()) == []
