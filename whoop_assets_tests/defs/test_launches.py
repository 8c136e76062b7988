"""Launches through Dagster's GraphQL, as other programs send them, for partitions that do not exist."""

import json
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from click.testing import CliRunner
from dagster_graphql.cli import cli

from whoop_assets_tests.support.deployments.dagster_ui import keys

RUNS = {
    "too_early": {"dagster/partition": "2015-01-01"},
    "a_range": {
        "dagster/asset_partition_range_start": "2015-01-01",
        "dagster/asset_partition_range_end": "2015-01-02",
    },
    "no_partition": {},
    "no_date": {"dagster/partition": "tomorrow"},
}
"""Name -> tags of a run."""
BACKFILLS = {
    "backfill_too_early": "2015-01-01",
    "backfill_too_late": "2099-01-01",
    "backfill_no_date": "tomorrow",
}
"""Name -> partition of a backfill."""

LAUNCHES = """
mutation ({arguments}) {{
  {runs}
  {backfills}
}}""".format(
    arguments=", ".join(
        [f"${name}: ExecutionParams!" for name in RUNS]
        + [f"${name}: LaunchBackfillParams!" for name in BACKFILLS]
    ),
    runs="\n".join(
        f"{name}: launchRun(executionParams: ${name}) {{ __typename ... on Error {{ message }} }}"
        for name in RUNS
    ),
    backfills="\n".join(
        f"{name}: launchPartitionBackfill(backfillParams: ${name})"
        " { __typename ... on Error { message } }"
        for name in BACKFILLS
    ),
)
CHECKS = """
query ($assets: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $assets) {
    assetChecksOrError { ... on AssetChecks { checks { executionForLatestMaterialization { status } } } }
  }
}"""


def graphql(query: str, **variables: Any) -> dict[str, Any]:
    """Send a query to the definitions by Dagster's command for it; return the data."""
    arguments = ["-m", "whoop_assets.definitions", "-t", query, "-v", json.dumps(variables)]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    (answer,) = (line for line in result.stdout.splitlines() if line.startswith('{"'))
    found: dict[str, Any] = json.loads(answer)["data"]
    return found


def run_of(tags: dict[str, str]) -> dict[str, Any]:
    return {
        "selector": {
            "repositoryLocationName": "whoop_assets.definitions",
            "repositoryName": "__repository__",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": keys(),
        },
        "runConfigData": "{}",
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }


def backfill_of(partition: str) -> dict[str, Any]:
    return {"assetSelection": keys(), "partitionNames": [partition], "fromFailure": False}


@pytest.mark.slow
@pytest.mark.machine_time
def test_no_launch_outside_of_the_partitions_runs_or_leaves_the_result_of_a_check(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHOOP_DATABASE_URL", sqlite_url)
    (tmp_path / "dagster").mkdir()
    with dg.instance_for_test(
        temp_dir=str(tmp_path / "dagster"), synchronous_run_launcher=True, synchronous_run_coordinator=True
    ) as instance:
        variables = {name: run_of(tags) for name, tags in RUNS.items()}
        variables |= {name: backfill_of(partition) for name, partition in BACKFILLS.items()}
        found = graphql(LAUNCHES, **variables)
        # Dagster itself refuses a backfill and a key that is no date, in its own words, and makes nothing of
        # them.
        refused = {*BACKFILLS, "no_date"}
        assert {name: found[name]["__typename"] for name in found} == {
            name: "PythonError" if name in refused else "LaunchRunSuccess" for name in found
        }
        for name in ("no_date", "backfill_no_date"):
            assert "'tomorrow' does not match format" in found[name]["message"]
        assert instance.get_backfills() == []
        # It does not check the partitions of a run: the first step of the run does.
        runs = instance.get_runs()
        assert len(runs) == len(RUNS) - 1
        for run in runs:
            assert run.status is dg.DagsterRunStatus.CANCELED
            messages = [entry.user_message for entry in instance.all_logs(run.run_id)]
            assert any("The run is rejected because" in message for message in messages)
        executed = [
            check["executionForLatestMaterialization"]
            for node in graphql(CHECKS, assets=keys())["assetNodes"]
            for check in node["assetChecksOrError"]["checks"]
        ]
        assert set(executed) == {None}
