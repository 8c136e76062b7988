"""Daemon and workers with Dagster: real sensors on a real instance, and real runs.

This module replaces Dagster's daemon: a request with a known run key starts no run, and the run of a dead
process is reported as failed when its end is noticed. Dagster uses the machine's clock, the warehouse uses
the shared one.
"""

import json
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import dagster as dg

from whoop_assets.cli.backfill.dagster_home import DEFAULT_EVENT_BATCH_SIZE, EVENT_BATCH_SIZE
from whoop_assets.db.database import Database
from whoop_assets.definitions import NAMESPACE, defs
from whoop_assets.defs.assets.loading import LANE_TAG
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.readings import REASON_TAG, due_readings
from whoop_assets.defs.sensors.summaries import stale_summaries, stale_weeks
from whoop_assets.defs.sensors.webhooks import webhook_events
from whoop_assets.members import store as member_store
from whoop_assets.settings import Settings
from whoop_assets.sync.events.event_load import LANE
from whoop_assets.sync.session import WhoopSession
from whoop_assets_tests.support.dagster_instance import event_log
from whoop_assets_tests.support.plain_settings import plain
from whoop_assets_tests.support.simulated_weeks.processes import PLAN_EVERY, next_tick_at
from whoop_assets_tests.support.simulated_weeks.runs import watch_requests
from whoop_assets_tests.support.simulated_weeks.shared_clock import (
    Activity,
    SharedClock,
    SharedMemory,
    WatchedDatabase,
)
from whoop_assets_tests.support.simulated_weeks.work import DAEMON, RunOutcome, TickInput, TickResult, Work

FOLDER = "dagster"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@dataclass(frozen=True)
class DagsterWork(Work):
    """A run that a sensor requested."""

    tags: dict[str, str] = field(default_factory=dict)
    assets: tuple[str, ...] = ()
    run_config: dict[str, Any] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.run_key)


class WatchedResource(WhoopResource):
    """The resource on the shared clock.

    The configuration of a run replaces that of a resource, so shared memory and slot are passed in the
    environment.
    """

    @property
    def place(self) -> tuple[SharedMemory, int]:
        return SharedMemory(Path(os.environ["DRILL_PAGE"])), int(os.environ["DRILL_SLOT"])

    @property
    def database(self) -> Database:
        if self._database is None:
            page, slot = self.place
            self._database = WatchedDatabase(self.settings().database_url, SharedClock(page, slot))
            page.set(slot, Activity.BEGAN, 1)
        return self._database

    @property
    def connection(self) -> WhoopSession:
        opened = self._connection is None
        connection = super().connection
        if opened:
            watch_requests(connection, *self.place)
        return connection


def set_environment(settings: Settings, page: Path, slot: int) -> None:
    """Sets the environment variables of runs and sensors."""
    os.environ |= {"DRILL_PAGE": str(page), "DRILL_SLOT": str(slot)}
    os.environ[EVENT_BATCH_SIZE] = str(DEFAULT_EVENT_BATCH_SIZE)
    for name in (
        "client_id",
        "client_secret",
        "api_url",
        "oauth_url",
        "database_url",
        "token_key",
        "start_date",
    ):
        os.environ[f"WHOOP_{name.upper()}"] = plain(settings, name)


@contextmanager
def instance_in(folder: Path) -> Iterator[dg.DagsterInstance]:
    home = folder / FOLDER
    home.mkdir(exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text(
            json.dumps(
                {"telemetry": {"enabled": False}, "event_log_storage": event_log(home)}
            )  # JSON is YAML
        )
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def daemon(page_path: Path, settings: Settings, pipe: Pipe) -> None:
    """Evaluate the sensors on demand, until the process is killed."""
    set_environment(settings, page_path, DAEMON)
    page = SharedMemory(page_path)
    page.clear(DAEMON)
    whoop = WatchedResource()
    with instance_in(page_path.parent) as instance:
        pipe.send("ready")
        while True:
            tick: TickInput = pipe.recv()
            page.set(DAEMON, Activity.BEGAN, 1)
            try:
                result = _tick(whoop, instance, tick)
            except Exception:  # noqa: BLE001 - the simulation reports it
                result = TickResult([], page.now() + PLAN_EVERY, [], traceback.format_exc())
            page.set(DAEMON, Activity.BEGAN, 0)
            pipe.send(result)


def _tick(whoop: WatchedResource, instance: dg.DagsterInstance, tick: TickInput) -> TickResult:
    for run_id in tick.ended:
        run = instance.get_run_by_id(run_id)
        if run is not None and not run.is_finished:
            instance.report_run_failed(run)
    works: list[Work] = []
    for sensor in (webhook_events, stale_summaries, stale_weeks, due_readings):
        with dg.build_sensor_context(
            instance=instance, definitions=defs, resources={"whoop": whoop}
        ) as context:
            found = sensor.build(NAMESPACE).evaluate_tick(context)
        assert found.run_requests is not None
        works += [_work(request) for request in found.run_requests]
    database = whoop.database
    with database.read() as connection:
        to_reconnect = [
            member.user_id
            for member in member_store.listed(connection)
            if member.status == member_store.RECONNECTION_NEEDED
        ]
    return TickResult(works, next_tick_at(database, whoop.settings()), to_reconnect)


def _work(request: dg.RunRequest) -> DagsterWork:
    assets = tuple(sorted(key.path[-1] for key in request.asset_selection or ()))
    lane = request.tags.get(LANE_TAG, "")
    reason = request.tags.get(REASON_TAG, "webhook" if lane == LANE else ", ".join(assets))
    return DagsterWork(
        kind="dagster",
        reason=reason,
        lane=lane,
        first=date.min,
        last=date.min,
        run_key=str(request.run_key),
        tags=dict(request.tags) | {"dagster/run_key": str(request.run_key)},
        assets=assets or ("daily_summary",),
        run_config=dict(request.run_config) | QUIET,
    )


def worker(page_path: Path, slot: int, settings: Settings, pipe: Pipe) -> None:
    """Execute one Dagster run after the other, until the process is killed."""
    set_environment(settings, page_path, slot)
    page = SharedMemory(page_path)
    page.clear(slot)
    definitions = dg.Definitions(
        assets=defs.assets,
        asset_checks=defs.asset_checks,
        resources={"whoop": WatchedResource()},
        executor=dg.in_process_executor,
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    with instance_in(page_path.parent) as instance:
        pipe.send("ready")
        while True:
            work, run_id = pipe.recv()
            outcome = RunOutcome()
            try:
                result = job.execute_in_process(
                    instance=instance,
                    run_id=run_id,
                    tags=work.tags,
                    asset_selection=[dg.AssetKey(["whoop", name]) for name in work.assets],
                    run_config=work.run_config,
                    raise_on_error=False,
                )
                if not result.success:
                    outcome.failures.append(f"run for {work.reason} failed")
            except Exception:  # noqa: BLE001 - the simulation reports it
                outcome.problem = traceback.format_exc()
            page.set(slot, Activity.BEGAN, 0)
            pipe.send(outcome)
