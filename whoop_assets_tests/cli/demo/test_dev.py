"""`dev`: starts the Dagster UI and the service, and ends all processes."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from whoop_assets.cli import main
from whoop_assets.cli.backfill.dagster_home import make_home
from whoop_assets.cli.demo import folder as demo_folder
from whoop_assets.cli.demo.dev import LOCK
from whoop_assets.cli.processes.ports import free_port, is_free
from whoop_assets.cli.processes.processes import held
from whoop_assets.db.database import Database
from whoop_assets.webhooks import inbox
from whoop_assets.webhooks.inbox import Event
from whoop_assets_tests.cli.conftest import error_of
from whoop_assets_tests.support.waiting import SLOW_POLL_SECONDS, wait_until
from whoop_simulator.running import Control


def test_a_port_in_use_is_an_error_before_any_process_starts() -> None:
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", 0))
        occupied.listen()
        port = occupied.getsockname()[1]
        assert f"Port {port} is in use" in error_of(CliRunner().invoke(main, ["dev", "--port", str(port)]))
    assert os.listdir("data") == ["demo.lock"]


def test_contradicting_dagster_homes_are_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("WHOOP_CLIENT_ID", "an-app")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "one"))
    Path(".env").write_text(f"DAGSTER_HOME={tmp_path / 'other'}\n")
    assert "make them agree" in error_of(CliRunner().invoke(main, ["dev"]))


@pytest.mark.parametrize(
    ("client", "options"),
    [("", []), ("an-app", ["--demo"]), ("an-app", [])],
    ids=["demo", "demo by option", "real account"],
)
def test_a_second_start_names_the_first_process_although_its_port_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str, options: list[str]
) -> None:
    """The lock in use shows whether the command chose the demo or the real account."""
    monkeypatch.setenv("DAGSTER_HOME", str(make_home(tmp_path / "home")))
    monkeypatch.setenv("WHOOP_CLIENT_ID", client)
    monkeypatch.setenv("WHOOP_CLIENT_SECRET", "a-secret")
    real_account = client and not options
    lock = tmp_path / "home" / LOCK if real_account else tmp_path / "data" / "demo.lock"
    with socket.socket() as occupied, held(lock, "the test"):
        occupied.bind(("127.0.0.1", 0))
        occupied.listen()
        command = [*options, "dev", "--port", str(occupied.getsockname()[1])]
        assert f"Another `demo` or `dev` (process {os.getpid()}" in error_of(
            CliRunner().invoke(main, command)
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "batch_size", "is_reported"),
    [("{}", "", True), (None, "0", True), (None, "", False)],
    ids=["Dagster's own storage", "no batches", "batches"],
)
def test_a_home_that_stores_single_events_is_reported_once(
    tmp_path: Path, config: str | None, batch_size: str, is_reported: bool
) -> None:
    home = make_home(tmp_path / "home")
    if config is not None:
        (home / "dagster.yaml").write_text(config)
    ports = ["--port", str(free_port()), "--service-port", str(free_port())]
    process = subprocess.Popen(
        [sys.executable, "-m", "whoop_assets.cli", "dev", *ports],
        env={
            **os.environ,
            "DAGSTER_HOME": str(home),
            "DAGSTER_EVENT_BATCH_SIZE": batch_size,
            "WHOOP_CLIENT_ID": "an-app",
            "WHOOP_CLIENT_SECRET": "a-secret",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    output = ""
    while "Ctrl-C ends everything" not in output:
        line = process.stdout.readline()
        assert line, output
        output += line
    process.send_signal(signal.SIGTERM)
    try:
        output += process.communicate(timeout=300)[0]
    finally:
        process.kill()
    assert output.count("does not store its events in batches") == is_reported
    assert "The Dagster UI on your account" in output


@pytest.mark.slow
@pytest.mark.machine_time
@pytest.mark.parametrize("end_signal", [signal.SIGINT, signal.SIGTERM])
def test_dev_serves_the_demo_and_ends_all_processes(tmp_path: Path, end_signal: signal.Signals) -> None:
    folder = tmp_path / "data" / "demo"
    command = [sys.executable, "-m", "whoop_assets.cli"]
    made_demo = subprocess.run(
        [*command, "demo", "--days", "2"], check=True, stdout=subprocess.PIPE, text=True
    )
    port, service_port = free_port(), free_port()
    process = subprocess.Popen(
        [*command, "dev", "--port", str(port), "--service-port", str(service_port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        url = f"http://127.0.0.1:{port}/server_info"
        response = wait_until(lambda: _response(process, url), "the web server", 300, SLOW_POLL_SECONDS)
        assert b"dagster_version" in response
        (link, *_) = re.findall(r"/sign-in/\S+", made_demo.stdout)
        address = f"http://127.0.0.1:{service_port}{link}"
        page = wait_until(lambda: _response(process, address), "the service", 300, SLOW_POLL_SECONDS)
        assert b"Sign in once" in page
        saved = demo_folder.saved(folder)
        assert saved is not None
        simulator = Control(f"http://127.0.0.1:{saved.port}")
        assert len(simulator.get("webhooks")["urls"]) == 1
        member = simulator.get("members")[0]["user_id"]
        simulator.post("add", user_id=member, stream="workouts", record={})
        database_url = f"sqlite:///{folder / 'whoop.db'}"
        wait_until(
            lambda: "workout.updated" in [event.event_type for event in _events(database_url)],
            "the event in the inbox",
            300,
            SLOW_POLL_SECONDS,
        )
        process.send_signal(end_signal)
        output, _ = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, output.decode()
    said = output.decode()
    assert "The Dagster UI on the demo's data" in said
    assert re.search(
        r"Stopping: waiting at most \d s for the HTTP service \(process \d+\) and Dagster \(", said
    )
    assert said.rstrip().endswith("Ended; the state is kept.")
    assert is_free(port)
    assert is_free(saved.port)
    assert os.listdir(folder / "dagster" / "schedules")


def _events(url: str) -> list[Event]:
    database = Database(url)
    with database.read() as connection:
        found = inbox.listed(connection)
    database.close()
    return found


def _response(process: "subprocess.Popen[bytes]", url: str) -> bytes | None:
    """Returns the response of the URL; None while the process does not serve it."""
    if process.poll() is not None:
        pytest.fail(f"the command has ended:\n{process.communicate()[0].decode()}")
    with suppress(OSError), urllib.request.urlopen(url, timeout=60) as response:
        return bytes(response.read())
    return None
