"""Kills of each process of the `deploy/` deployment during a backfill.

Real: the simulator over HTTP, a PostgreSQL with a password, and each service of the compose file as a process
with its command and environment. Not real: containers. WHOOP's clock is frozen, so that its data can be
compared, and its responses are slow, so that kills hit requests.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from whoop_assets_tests.drills.deployment_drill import (
    MAX_WAIT_SECONDS,
    RESPONSE_SECONDS,
    Drill,
    Log,
    differences,
    unfinished_work,
)
from whoop_assets_tests.support.deployments.compose_processes import deployed
from whoop_assets_tests.support.deployments.simulator_process import last_days, simulator_process
from whoop_assets_tests.support.servers.postgres import running_server
from whoop_assets_tests.support.servers.redis import running_redis
from whoop_assets_tests.support.waiting import SLOW_POLL_SECONDS, wait_until
from whoop_simulator.running import Control

pytestmark = [pytest.mark.drill, pytest.mark.machine_time]

MEMBERS, DAYS = 3, 7
SEED = 7
MAX_RUN_SECONDS = int(os.environ.get("DRILL_AT_MOST", "120"))
"""Maximum seconds of a run in the drill that loses a host. Dagster notices the loss after this time."""


@contextmanager
def drilled(folder: Path, *, broker_url: str = "", services: tuple[str, ...] = ()) -> Iterator[Drill]:
    """Start the deployment with three connected members and without scheduled reads."""
    log = Log()
    with (
        running_server(network=True) as server,
        simulator_process(members=MEMBERS, days=DAYS + 15, seed=SEED) as stage,
    ):
        first, _ = last_days(stage, DAYS)
        values = {"WHOOP_START_DATE": str(first - timedelta(days=30))}
        with deployed(server, stage, folder, broker_url=broker_url, values=values) as deployment:
            deployment.start_all(*services)
            log(f"up: PostgreSQL, simulator, {', '.join(deployment.running)}")
            control = Control(stage.base_url)
            control.post("clock", freeze=True)
            control.post("webhooks/subscribe", url=deployment.webhook_url)
            # The first delivery may reach a service that is still starting.
            control.post("webhooks/faults", timeout_seconds=15)
            database, connection = stage.connected(deployment.settings)
            control.post(
                "faults", kind="latency", seconds=RESPONSE_SECONDS, count=None, path_prefix="/developer/v2"
            )
            try:
                yield Drill(deployment, stage, database, log)
            except BaseException:
                for service in deployment.running:
                    print(f"\n== {service}:\n{deployment.output_of(service)}")
                raise
            finally:
                connection.close()
                database.close()


def test_a_backfill_completes_although_each_process_is_killed(tmp_path: Path) -> None:
    with drilled(tmp_path) as drill:
        deployment, stage, ui, log = drill.deployment, drill.stage, drill.deployment.ui, drill.log
        first, last = last_days(stage, DAYS)
        backfill = ui.launch_backfill(first, last)
        log(f"backfill {backfill} of {DAYS} days of {MEMBERS} members launched through GraphQL")
        run = drill.started(dagster__backfill=backfill, requests=2)

        deployment.kill("daemon")
        log(f"daemon killed (-9); the run continues, {stage.requests()} requests so far")
        drill.edit(2)
        delivered, refused = drill.announced()
        assert (delivered > 0, refused, drill.open_events()) == (True, 0, delivered)
        log(f"{delivered} events of edits received meanwhile")
        drill.await_reading(1)
        deployment.start("daemon")
        log("daemon started again")

        deployment.kill("webhooks")
        drill.edit()
        delivered, refused = drill.announced()
        assert (delivered, refused > 0) == (0, True)
        log(f"webhook service killed (-9); {refused} deliveries were refused")
        deployment.start("webhooks")
        wait_until(deployment.receives, "the webhook service", MAX_WAIT_SECONDS, SLOW_POLL_SECONDS)
        drill.control.post("clock", advance_seconds=90)
        assert drill.announced() == (refused, 0)
        log("webhook service started again, and the deliveries repeated by WHOOP")

        deployment.server.crash_and_start()
        log(f"PostgreSQL crashed and started again; {stage.requests()} requests so far")
        drill.await_reading(1)
        log("the run continues to read")

        os.kill(drill.process_of(run), signal.SIGKILL)
        drill.control.post("faults", clear=True)
        log(f"the process of the backfill's run {run['id'][:8]} killed (-9)")
        retry = drill.started(dagster__parent_run_id=run["id"], requests=0)
        log(f"the daemon retries it as run {retry['id'][:8]}")

        ended = drill.await_end(backfill)
        log(f"backfill {ended['status']}: {[(run['id'][:8], run['status']) for run in ended['runs']]}")
        drill.await_idle()
        log("every event is done and every summary built")
        found = differences(drill, first, last)
        log(f"{len(found)} differences from WHOOP's truth; {stage.requests()} requests in all")
        assert found == []
        assert unfinished_work(drill.database) == []
        assert ended["status"] == "COMPLETED_SUCCESS"


def test_other_celery_workers_complete_the_runs_of_a_killed_process_and_a_lost_host(
    tmp_path: Path,
) -> None:
    with (
        running_redis(tmp_path) as broker_url,
        drilled(tmp_path / "deployment", broker_url=broker_url, services=("worker",)) as drill,
    ):
        deployment, stage, ui, log = drill.deployment, drill.stage, drill.deployment.ui, drill.log
        first, last = last_days(stage, DAYS)
        backfill = ui.launch_backfill(first, last, {"dagster/max_runtime": str(MAX_RUN_SECONDS)})
        log(f"backfill {backfill} launched through GraphQL; its runs may take {MAX_RUN_SECONDS} s")
        run = drill.started(dagster__backfill=backfill)
        log(f"a Celery worker has taken run {run['id'][:8]}")

        os.kill(drill.process_of(run), signal.SIGKILL)
        log("the worker's process of this run killed (-9)")
        retry = drill.started(dagster__parent_run_id=run["id"], requests=1)
        log(f"run {run['id'][:8]} failed, and is retried as {retry['id'][:8]}")

        deployment.kill("worker")
        log("the worker killed (-9), with all its processes, as if its host were lost")
        drill.edit()
        delivered, refused = drill.announced()
        log(f"{delivered} events of edits received meanwhile; no worker takes their runs")
        deployment.start("worker")
        log("another worker started")
        drill.control.post("faults", clear=True)
        second_retry = drill.started(dagster__parent_run_id=retry["id"], requests=0)
        log(f"run {retry['id'][:8]} exceeded its maximum time, and is retried as {second_retry['id'][:8]}")

        ended = drill.await_end(backfill)
        log(f"backfill {ended['status']}: {[(run['id'][:8], run['status']) for run in ended['runs']]}")
        drill.await_idle()
        log("every event is done and every summary built")
        found = differences(drill, first, last)
        log(f"{len(found)} differences from WHOOP's truth; {stage.requests()} requests in all")
        assert refused == 0
        assert found == []
        assert unfinished_work(drill.database) == []
        assert ended["status"] == "COMPLETED_SUCCESS"
