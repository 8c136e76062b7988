"""Dagster's web server and daemon as real processes, controlled through GraphQL like the UI."""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx

from whoop_assets.cli.backfill.dagster_home import DEFAULT_EVENT_BATCH_SIZE, EVENT_BATCH_SIZE, HOME
from whoop_assets.cli.processes.ports import free_port
from whoop_assets.cli.processes.processes import child
from whoop_assets_tests.support.waiting import SLOW_POLL_SECONDS, wait_until

CHECKOUT = Path(__file__).resolve().parents[3]
ASSETS = (
    "profile",
    "body_measurement",
    "cycles",
    "sleeps",
    "recoveries",
    "workouts",
    "daily_summary",
    "trends",
)
LOCATION = "whoop_assets"
MAX_START_SECONDS = 400.0
T = TypeVar("T")

LAUNCH = """
mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on Error { message }
  }
}"""
BACKFILL = """
query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill {
      status numPartitions timestamp endTimestamp error { message }
      runs(limit: 50) { id status creationTime startTime endTime }
    }
    ... on Error { message }
  }
}"""
RUNS = """
{ runsOrError(limit: 100) { ... on Runs { results { id status tags { key value } } }
 ... on Error { message } } }"""
PARTITIONS = """
query ($assets: [AssetKeyInput!]!) {
  assetNodes(assetKeys: $assets) { assetKey { path } partitionStats { numMaterialized numFailed } }
}"""
STOP_SCHEDULE = """
mutation ($id: String!) { stopRunningSchedule(id: $id) { __typename ... on Error { message } } }"""
SCHEDULES = """
query ($repository: RepositorySelector!) {
  schedulesOrError(repositorySelector: $repository) {
    ... on Schedules { results { name scheduleState { id status } } } ... on Error { message }
  }
}"""
STOP_SENSOR = """
mutation ($id: String!) { stopSensor(id: $id) { __typename ... on Error { message } } }"""
SENSORS = """
query ($repository: RepositorySelector!) {
  sensorsOrError(repositorySelector: $repository) {
    ... on Sensors { results { name sensorState { id status } } } ... on Error { message }
  }
}"""
RELOAD = """
mutation { reloadWorkspace { __typename ... on Error { message } } }"""
READY = """
{
  instance { daemonHealth { allDaemonStatuses { daemonType healthy required } } }
  workspaceOrError {
    ... on Workspace { locationEntries { loadStatus locationOrLoadError { __typename
     ... on Error { message } } } }
  }
}"""


class UiError(RuntimeError):
    """Dagster returned an error, or did not finish in time."""


@dataclass(frozen=True)
class Ui:
    """A running `dagster dev`."""

    url: str
    home: Path

    def query(self, query: str, **variables: Any) -> dict[str, Any]:
        """Sends a GraphQL query and returns its data; raises UiError."""
        response = httpx.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=300
        )
        body = response.json()
        if "errors" in body:
            raise UiError(str(body["errors"][0]["message"]))
        (*_, found) = body["data"].values()
        if isinstance(found, dict) and "message" in found:
            raise UiError(str(found["message"]))
        return dict(body["data"])

    def launch_backfill(self, first: date, last: date, tags: Mapping[str, str] | None = None) -> str:
        """Launch a backfill of all assets over the days, as the UI's dialog does; return its id."""
        params = {
            "assetSelection": keys(),
            "partitionNames": [str(first + timedelta(days=n)) for n in range((last - first).days + 1)],
            "fromFailure": False,
            # The UI adds this tag to everything it starts.
            "tags": [
                {"key": key, "value": value}
                for key, value in {"dagster/from_ui": "true", **(tags or {})}.items()
            ],
        }
        return str(self.query(LAUNCH, params=params)["launchPartitionBackfill"]["backfillId"])

    def backfill(self, backfill_id: str) -> dict[str, Any]:
        """Status, times, error and runs of the backfill."""
        return dict(self.query(BACKFILL, id=backfill_id)["partitionBackfillOrError"])

    def finished(self, backfill_id: str, within: float) -> dict[str, Any]:
        """Wait for the end of the backfill, with any status; raises UiError after `within` seconds."""

        def ended() -> dict[str, Any] | None:
            found = self.backfill(backfill_id)
            return found if found["status"].startswith(("COMPLETED", "FAILED", "CANCELED")) else None

        return wait_until(ended, f"the end of backfill {backfill_id}", within, SLOW_POLL_SECONDS)

    def runs(self) -> list[dict[str, Any]]:
        """All runs of the instance, newest first, with tags as a dict."""
        return [
            {**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}}
            for run in self.query(RUNS)["runsOrError"]["results"]
        ]

    def materialized(self) -> dict[str, tuple[int, int]]:
        """Asset -> number of materialized days and of failed days."""
        return {
            node["assetKey"]["path"][-1]: (
                node["partitionStats"]["numMaterialized"],
                node["partitionStats"]["numFailed"],
            )
            for node in self.query(PARTITIONS, assets=keys())["assetNodes"]
        }

    def stop_reading(self) -> None:
        """Stop all schedules and the sensor `due_readings`, so that they send no requests during a
        measurement.
        """
        repository = {"repositoryName": "__repository__", "repositoryLocationName": LOCATION}
        for schedule in self.query(SCHEDULES, repository=repository)["schedulesOrError"]["results"]:
            self.query(STOP_SCHEDULE, id=schedule["scheduleState"]["id"])
        for sensor in self.query(SENSORS, repository=repository)["sensorsOrError"]["results"]:
            if sensor["name"] == "due_readings":
                self.query(STOP_SENSOR, id=sensor["sensorState"]["id"])

    def reload(self) -> None:
        """Reload the code locations."""
        self.query(RELOAD)

    def ready(self) -> bool:
        """Whether the definitions are loaded and every daemon has reported."""
        state = self._state()
        if state is None or not _loaded(state):
            return False
        daemons = state["instance"]["daemonHealth"]["allDaemonStatuses"]
        return all(daemon["healthy"] for daemon in daemons if daemon["required"])

    def loaded(self) -> bool:
        """Whether the definitions are loaded, with or without a daemon."""
        state = self._state()
        return state is not None and _loaded(state)

    def _state(self) -> dict[str, Any] | None:
        try:
            return self.query(READY)
        except (httpx.TransportError, ValueError):
            return None


def _loaded(state: dict[str, Any]) -> bool:
    entries = state["workspaceOrError"]["locationEntries"]
    for entry in entries:
        loaded = entry["locationOrLoadError"]
        if loaded is not None and "message" in loaded:
            raise UiError(f"The definitions do not load: {loaded['message']}")
    return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)


def keys() -> list[dict[str, Sequence[str]]]:
    """The keys of all assets for GraphQL."""
    return [{"path": ["whoop", asset]} for asset in ASSETS]


def new_ui_home(folder: Path) -> Path:
    """Create a Dagster home for the UI, with the dagster.yaml and workspace.yaml of the checkout."""
    folder.mkdir(parents=True)
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(CHECKOUT / name, folder)
    return folder


@contextmanager
def running_ui(home: Path, environment: Mapping[str, str]) -> Iterator[Ui]:
    """Run `dagster dev` on the home during the block. Its log is `home/dev.log`."""
    port = free_port()
    log = home / "dev.log"
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-w",
        "workspace.yaml",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
    ]
    paths = os.pathsep.join([str(CHECKOUT), *filter(None, [environment.get("PYTHONPATH")])])
    child_variables = {
        **environment,
        HOME: str(home),
        EVENT_BATCH_SIZE: str(DEFAULT_EVENT_BATCH_SIZE),
        "PYTHONPATH": paths,
    }
    with (
        log.open("ab") as output,
        child(command, environment=child_variables, folder=home, output=output) as process,
    ):
        ui = Ui(f"http://127.0.0.1:{port}", home)

        def is_ready() -> bool:
            if process.poll() is not None:
                raise UiError(f"dagster dev ended unexpectedly:\n{log.read_text(errors='replace')[-3000:]}")
            return ui.ready()

        wait_until(is_ready, "dagster dev", MAX_START_SECONDS, SLOW_POLL_SECONDS)
        yield ui
