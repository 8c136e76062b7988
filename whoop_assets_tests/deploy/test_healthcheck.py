"""The health checks of the containers, with a real code location, PostgreSQL and a Celery worker."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat

from whoop_assets.cli.processes.ports import free_port
from whoop_assets_tests.support.deployments.compose_processes import DEPLOY, MAX_START_SECONDS
from whoop_assets_tests.support.servers.postgres import running_server
from whoop_assets_tests.support.servers.redis import running_redis
from whoop_assets_tests.support.waiting import SLOW_POLL_SECONDS, wait_until

# The check compares the times of heartbeats with its own clock, and gRPC compares deadlines with the
# machine's.
pytestmark = [pytest.mark.slow, pytest.mark.machine_time]


def check(kind: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs a health check as the container does, with only these variables."""
    return subprocess.run(
        [sys.executable, DEPLOY / "healthcheck.py", kind],
        env={"PATH": os.defpath, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )


def await_health(process: "subprocess.Popen[bytes]", kind: str, **variables: str) -> None:
    """Repeats the check until it passes, as an engine does while a container starts."""

    def healthy() -> bool:
        assert process.poll() is None
        return check(kind, **variables).returncode == 0

    wait_until(healthy, f"a healthy {kind}", MAX_START_SECONDS, SLOW_POLL_SECONDS)


@pytest.fixture
def instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[dg.DagsterInstance, dict[str, str]]]:
    """The instance of deploy/dagster.yaml on a real PostgreSQL, and its environment variables."""
    with running_server(network=True) as server:
        server.create("dagster")
        variables = {
            "DAGSTER_POSTGRES_HOST": "127.0.0.1",
            "DAGSTER_POSTGRES_PORT": str(server.port),
            "DAGSTER_POSTGRES_USER": "postgres",
            "DAGSTER_POSTGRES_PASSWORD": server.password,
            "DAGSTER_POSTGRES_DB": "dagster",
        }
        for name, value in {**variables, "DAGSTER_STATE": str(tmp_path)}.items():
            monkeypatch.setenv(name, value)
        with dg.DagsterInstance.from_config(str(DEPLOY)) as opened:
            yield opened, variables


def add_heartbeat(instance: dg.DagsterInstance, daemon_type: str, daemon_id: str, age: float) -> None:
    """Stores a heartbeat of the daemon; `age` is in seconds."""
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - age, daemon_type, daemon_id, []))


def test_a_daemon_is_healthy_while_all_its_threads_send_heartbeats(
    instance: tuple[dg.DagsterInstance, dict[str, str]],
) -> None:
    opened, variables = instance
    never = check("daemon", **variables)
    assert (never.returncode, never.stderr) == (1, "The daemon has not stored a heartbeat.\n")
    add_heartbeat(opened, "SENSOR", "this process", age=5)
    add_heartbeat(opened, "SCHEDULER", "this process", age=60)
    # Heartbeats of an earlier process do not count.
    add_heartbeat(opened, "BACKFILL", "an earlier process", age=100_000)
    assert check("daemon", **variables).returncode == 0
    add_heartbeat(opened, "SCHEDULER", "this process", age=2000)
    stuck = check("daemon", **variables)
    assert stuck.returncode == 1
    assert stuck.stderr.startswith("The last heartbeat of SCHEDULER is 20")


def test_without_its_database_the_daemon_is_unhealthy_and_no_password_is_printed(
    instance: tuple[dg.DagsterInstance, dict[str, str]],
) -> None:
    _, variables = instance
    unreachable = check("daemon", **{**variables, "DAGSTER_POSTGRES_PORT": str(free_port())})
    assert unreachable.returncode == 1
    assert variables["DAGSTER_POSTGRES_PASSWORD"] not in unreachable.stdout + unreachable.stderr


@pytest.fixture
def started() -> Iterator[Any]:
    """Returns a function that starts processes; they are killed after the test."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(*command: str, folder: Path, **variables: str) -> "subprocess.Popen[bytes]":
        with (folder / "log").open("wb") as output:
            processes.append(
                subprocess.Popen(
                    command, cwd=folder, env={**os.environ, **variables}, stdout=output, stderr=output
                )
            )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_a_code_location_is_healthy_while_it_responds(started: Any, tmp_path: Path) -> None:
    (tmp_path / "some_definitions.py").write_text("import dagster as dg\ndefs = dg.Definitions()\n")
    port = str(free_port())
    nobody = check("code", DAGSTER_CODE_PORT=port)
    assert nobody.returncode == 1
    assert nobody.stderr == "The code location does not answer: UNAVAILABLE.\n"
    dagster = str(Path(sys.executable).with_name("dagster"))
    serve = ["api", "grpc", "--host", "127.0.0.1", "--port", port, "--python-file", "some_definitions.py"]
    process = started(dagster, *serve, folder=tmp_path)
    await_health(process, "code", DAGSTER_CODE_PORT=port)


def test_a_worker_is_healthy_while_it_responds_through_the_broker(started: Any, tmp_path: Path) -> None:
    with running_redis(tmp_path) as broker:
        celery = str(Path(sys.executable).with_name("celery"))
        name = f"celery@{socket.gethostname()}"
        options = ["--pool", "solo", "--hostname", name]
        process = started(celery, "worker", *options, folder=tmp_path, CELERY_BROKER_URL=broker)
        await_health(process, "worker", DAGSTER_CELERY_BROKER_URL=broker)
        process.kill()
        process.wait()
        gone = check("worker", DAGSTER_CELERY_BROKER_URL=broker)
        assert (gone.returncode, gone.stderr) == (
            1,
            f"The worker {name} does not answer through the broker.\n",
        )
