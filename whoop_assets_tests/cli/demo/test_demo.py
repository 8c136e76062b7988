"""The demo, run as a newcomer runs it."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from whoop_assets.cli import main
from whoop_assets.cli.demo import folder as demo_folder
from whoop_assets.cli.processes.ports import free_port
from whoop_assets_tests.cli.conftest import is_one_error
from whoop_assets_tests.conftest import ROOT
from whoop_assets_tests.support.ports import REFUSING_PORT


def run_demo(*arguments: str) -> "subprocess.CompletedProcess[str]":
    # DAGSTER_HOME and the account of whoever runs the demo do not reach it.
    theirs = {
        "DAGSTER_HOME": "/no/such/folder",
        "WHOOP_CLIENT_ID": "theirs",
        "WHOOP_API_URL": f"http://127.0.0.1:{REFUSING_PORT}",
    }
    return subprocess.run(
        [sys.executable, "-m", "whoop_assets.cli", "demo", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **theirs},
        timeout=300,
    )


@pytest.mark.slow
def test_the_demo_connects_two_members_shows_their_days_and_runs_again(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "demo"
    for _ in range(2):
        done = run_demo("--days", "3")
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("has agreed and is connected") == 2
        assert "daily rows:" in done.stdout
        assert "Cost: " in done.stdout
        # The account of whoever runs the demo is configured, so `make dev` would open that.
        assert "whoop-assets --demo dev" in done.stdout
        assert "make dev" not in done.stdout
        assert "use your account" in done.stdout
        assert "daily_summary: 3 days done" in done.stderr
        assert "Warning" not in done.stderr
        assert "Traceback" not in done.stderr
    made = demo_folder.saved(folder)
    assert made is not None
    assert made.complete
    assert done.stdout.count("Report: ") == 2
    with sqlite3.connect(folder / "whoop.db") as connection:
        (query,) = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "first-steps.md").read_text(), re.DOTALL)
        assert len(connection.execute(query).fetchall()) >= 4

    # The other commands work on the same data, also those that ask WHOOP, and the user's own environment is
    # as before.
    before = dict(os.environ)
    listed = json.loads(CliRunner().invoke(main, ["--demo", "members", "--json"]).stdout)
    assert [(one["status"], one["stale_days"]) for one in listed] == [("connected", 0)] * 2
    assert "days, " in CliRunner().invoke(main, ["--demo", "report"]).stdout
    again = CliRunner().invoke(main, ["--demo", "disconnect", str(listed[0]["user_id"])])
    assert "is disconnected" in again.stdout
    assert dict(os.environ) == before
    without = CliRunner().invoke(main, ["members"])
    assert "run `whoop-assets --demo` with this command" in is_one_error(without)
    assert "nux" in (folder / "dagster" / "dagster.yaml").read_text()


def test_a_folder_that_the_demo_did_not_make_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "data" / "demo" / "precious.txt"
    precious.parent.mkdir(parents=True)
    precious.write_text("mine")
    assert "move it away" in is_one_error(CliRunner().invoke(main, ["demo"]))
    assert precious.read_text() == "mine"


def test_without_a_demo_the_option_says_how_to_make_one() -> None:
    for command in (["members"], ["report"], ["backfill", "--all"]):
        error = is_one_error(CliRunner().invoke(main, ["--demo", *command]))
        assert "run `whoop-assets demo` first" in error
    assert not Path("data").exists()


def test_the_demo_is_not_remade_while_it_is_in_use(tmp_path: Path) -> None:
    with demo_folder.held(tmp_path / "data" / "demo"):
        for command in (["demo"], ["dev", "--port", str(free_port())]):
            assert "end it first" in is_one_error(CliRunner().invoke(main, command))


@pytest.mark.parametrize("said", ["", "{}", '{"first_day": "2026-01-01"}', "not json"])
def test_a_demo_that_did_not_come_to_its_end_is_made_again(tmp_path: Path, said: str) -> None:
    (tmp_path / demo_folder.MARKER).write_text(said)
    assert demo_folder.saved(tmp_path) is None
