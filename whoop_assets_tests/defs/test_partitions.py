"""Runs for partitions that do not exist."""

from datetime import date, timedelta

import dagster as dg
import pytest

from whoop_assets.cli.backfill.range_run import daily_assets
from whoop_assets.clock import SystemClock
from whoop_assets.definitions import NAMESPACE
from whoop_assets.defs.partitions import range_tags
from whoop_assets_tests.defs.dagster_project import job_of_assets
from whoop_assets_tests.support.marks import slow

YESTERDAY = SystemClock().now().date() - timedelta(days=1)
"""Dagster takes the last partition from the machine's clock."""


@pytest.mark.parametrize(
    "tags",
    [
        {"dagster/partition": "2015-01-01"},
        *slow({"dagster/partition": "2099-01-01"}, range_tags(date(2015, 1, 1), date(2015, 1, 2))),
        range_tags(date(2019, 12, 31), date(2020, 1, 2)),
        range_tags(YESTERDAY, YESTERDAY + timedelta(days=3)),
        {},
    ],
)
def test_a_run_without_existing_partitions_is_canceled_with_a_reason(project, tags):
    with project(days=1) as p:
        result = job_of_assets().execute_in_process(
            instance=p.instance, tags=tags, asset_selection=daily_assets(), raise_on_error=False
        )
        run = p.instance.get_run_by_id(result.run_id)
        messages = [entry.user_message for entry in p.instance.all_logs(result.run_id)]
        rows = p.home.rows("cycles")
    assert run.status is dg.DagsterRunStatus.CANCELED
    assert any(
        "The run is rejected because" in message and "from 2020-01-01 to" in message for message in messages
    )
    assert not [event for event in result.all_events if event.is_step_materialization]
    assert not rows


def test_a_rejected_run_leaves_the_results_of_the_checks_of_earlier_runs(project):
    key = dg.AssetCheckKey(NAMESPACE.key("profile"), "members_connected")
    with project(days=1) as p:
        executed = p.run(p.today, p.today)
        assert executed.success
        rejected = p.run(date(2015, 1, 1), date(2015, 1, 2))
        assert p.instance.get_run_by_id(rejected.run_id).status is dg.DagsterRunStatus.CANCELED
        (newest,) = p.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    assert newest.run_id == executed.run_id
    assert newest.status.value == "SUCCEEDED"
