"""The deployment's Dagster instances on a real PostgreSQL, and its entrypoint, which reads secret files."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.workspace.config_schema import process_workspace_config
from dagster._core.workspace.load import location_origins_from_config
from dagster_postgres import PostgresRunStorage, PostgresScheduleStorage

from whoop_assets.defs.postgres_event_log_storage import BatchedPostgresEventLogStorage
from whoop_assets_tests.support.deployments.compose_processes import DEPLOY
from whoop_assets_tests.support.fixed_time import python_path
from whoop_assets_tests.support.servers.postgres import Server, running_server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server(network=True) as running:
        running.create("dagster")
        yield running


@pytest.fixture
def surroundings(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets the environment variables of the containers."""
    for name, value in {
        "DAGSTER_POSTGRES_HOST": "127.0.0.1",
        "DAGSTER_POSTGRES_PORT": str(server.port),
        "DAGSTER_POSTGRES_USER": "postgres",
        "DAGSTER_POSTGRES_PASSWORD": server.password,
        "DAGSTER_POSTGRES_DB": "dagster",
        "DAGSTER_STATE": str(tmp_path / "state"),
        "DAGSTER_CODE_HOST": "127.0.0.1",
        "DAGSTER_CODE_PORT": "4000",
        "DAGSTER_CELERY_BROKER_URL": "redis://127.0.0.1:1/0",
    }.items():
        monkeypatch.setenv(name, value)


@dg.asset
def some_asset() -> None:
    """An asset that causes events."""


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("folder", [".", "celery"])
def test_the_instance_stores_runs_events_and_ticks_in_postgresql(folder: str, tmp_path: Path) -> None:
    with dg.DagsterInstance.from_config(str(DEPLOY / folder)) as instance:
        storages = [instance.run_storage, instance.event_log_storage, instance.schedule_storage]
        assert [type(storage) for storage in storages] == [
            PostgresRunStorage,
            BatchedPostgresEventLogStorage,
            PostgresScheduleStorage,
        ]
        result = dg.materialize([some_asset], instance=instance)
        assert result.success
        run_id = result.run_id
    with dg.DagsterInstance.from_config(str(DEPLOY / folder)) as again:
        run = again.get_run_by_id(run_id)
        assert run is not None and run.is_success
        assert again.get_latest_materialization_event(dg.AssetKey("some_asset")) is not None
        assert again.run_retries_enabled and not again.run_retries_retry_on_asset_or_op_failure
        assert again.run_monitoring_enabled
        assert not again.telemetry_enabled
    assert not (DEPLOY / folder / "storage").exists()  # nothing is written into DAGSTER_HOME


@pytest.mark.usefixtures("surroundings")
def test_the_celery_instance_starts_runs_as_tasks_with_shared_results() -> None:
    with dg.DagsterInstance.from_config(str(DEPLOY / "celery")) as instance:
        launcher: Any = instance.run_launcher
        assert type(launcher).__name__ == "CeleryRunLauncher"
        assert launcher.supports_check_run_worker_health
        assert (
            launcher.celery.conf.broker_url == launcher.celery.conf.result_backend == "redis://127.0.0.1:1/0"
        )


@pytest.mark.usefixtures("surroundings")
def test_celery_workers_read_settings_and_broker_url_from_the_environment() -> None:
    program = (
        "from dagster_celery.app import app; c = app.conf;"
        "print(c.broker_url, c.result_backend, c.worker_max_tasks_per_child, c.worker_disable_prefetch,"
        " c.task_acks_late)"
    )
    environment = {**os.environ, "PYTHONPATH": python_path(DEPLOY / "celery")}
    output = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert output.split() == ["redis://127.0.0.1:1/0", "redis://127.0.0.1:1/0", "1", "True", "False"]


@pytest.mark.usefixtures("surroundings")
def test_the_workspace_names_the_code_location_of_another_container() -> None:
    config = process_workspace_config(yaml.safe_load((DEPLOY / "workspace.yaml").read_text())).value
    assert config is not None
    origins: Mapping[str, Any] = location_origins_from_config(config, str(DEPLOY / "workspace.yaml"))
    (origin,) = origins.values()
    assert (origin.location_name, origin.host, origin.port) == ("whoop_assets", "127.0.0.1", 4000)


def run_entrypoint(*command: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Runs a command through the entrypoint."""
    return subprocess.run(
        ["sh", str(DEPLOY / "entrypoint.sh"), *command],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
    )


def test_a_secret_is_read_from_its_file_and_given_to_the_command_unchanged(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a'b\"c $HOME `id` \\ d\n")
    done = run_entrypoint("printenv", "WHOOP_CLIENT_SECRET", WHOOP_CLIENT_SECRET_FILE=str(secret))
    assert (done.returncode, done.stdout) == (0, "a'b\"c $HOME `id` \\ d\n")


def test_the_entrypoint_keeps_the_environment_and_returns_the_commands_exit_status() -> None:
    done = run_entrypoint("sh", "-c", 'echo "$WHOOP_TOKEN_KEY"; exit 7', WHOOP_TOKEN_KEY="key")
    assert (done.returncode, done.stdout) == (7, "key\n")


def test_an_ambiguous_or_unreadable_secret_ends_the_container_with_an_error(
    tmp_path: Path,
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("word in file")
    twice = run_entrypoint("true", PGPASSWORD="word in environment", PGPASSWORD_FILE=str(secret))
    assert (twice.returncode, twice.stderr) == (
        64,
        "Both PGPASSWORD and PGPASSWORD_FILE are set: leave one of them out.\n",
    )
    gone = run_entrypoint("true", PGPASSWORD_FILE=str(tmp_path / "none"))
    assert gone.returncode == 66
    assert gone.stderr.startswith(f"PGPASSWORD_FILE names {tmp_path / 'none'}, which cannot be read by user")
    assert "word in" not in twice.stderr + gone.stderr
