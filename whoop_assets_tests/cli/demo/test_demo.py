"""`demo` and the option `--demo`."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner

from whoop_assets.cli import main
from whoop_assets.cli.backfill.dagster_home import open_instance
from whoop_assets.cli.demo import folder as demo_folder
from whoop_assets.definitions import NAMESPACE, defs
from whoop_assets_tests.cli.conftest import error_of
from whoop_assets_tests.conftest import ROOT
from whoop_assets_tests.support.servers.ports import REFUSING_PORT


def run_demo(*arguments: str) -> "subprocess.CompletedProcess[str]":
    # The demo ignores the user's DAGSTER_HOME and WHOOP account.
    user_settings = {
        "DAGSTER_HOME": "/no/such/folder",
        "WHOOP_CLIENT_ID": "user",
        "WHOOP_API_URL": f"http://127.0.0.1:{REFUSING_PORT}",
    }
    return subprocess.run(
        [sys.executable, "-m", "whoop_assets.cli", "demo", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **user_settings},
        timeout=300,
    )


@pytest.mark.slow
def test_the_demo_can_run_twice_and_other_commands_use_its_data(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "demo"
    for members in (3, 2):
        demo = run_demo("--days", "3", "--members", str(members))
        assert demo.returncode == 0, demo.stderr
        assert demo.stdout.count("has agreed and is connected") == members
        assert "daily rows:" in demo.stdout
        assert "Cost: " in demo.stdout
        # A WHOOP account is configured, and `make dev` would use that.
        assert "whoop-assets --demo dev" in demo.stdout
        assert "make dev" not in demo.stdout
        assert "use your account" in demo.stdout
        assert "daily_summary: 3 days done" in demo.stderr
        assert "Warning" not in demo.stderr
        assert "Traceback" not in demo.stderr
    saved = demo_folder.saved(folder)
    assert saved is not None
    assert saved.complete
    assert re.search(r"Web pages, while `.*` runs: http://127.0.0.1:8767/\n", demo.stdout)
    links = re.findall(r"Sign in once as member \d+.*: http://127.0.0.1:8767/sign-in/\S+", demo.stdout)
    assert len(links) == 2
    assert demo.stdout.count("Report: ") == 2
    with open_instance(folder / "dagster") as instance:
        keys = [
            key for asset in defs.assets or () if isinstance(asset, dg.AssetsDefinition) for key in asset.keys
        ]
        assert len(keys) >= 12
        assert [key for key in keys if instance.get_latest_materialization_event(key) is None] == []
        check = dg.AssetCheckKey(NAMESPACE.key("profile"), "timezone_covers_members")
        (result,) = instance.event_log_storage.get_asset_check_execution_history(check, limit=1)
        assert result.status.value == "SUCCEEDED"
    with sqlite3.connect(folder / "whoop.db") as connection:
        (query,) = re.findall(r"```sql\n(.*?)```", (ROOT / "docs" / "first-steps.md").read_text(), re.DOTALL)
        assert len(connection.execute(query).fetchall()) >= 4

    # Other commands use the demo's data and simulator, and leave the user's environment unchanged.
    before = dict(os.environ)
    listed = json.loads(CliRunner().invoke(main, ["--demo", "members", "--json"]).stdout)
    assert [(member["status"], member["stale_days"]) for member in listed] == [("connected", 0)] * 2
    assert "days, " in CliRunner().invoke(main, ["--demo", "report"]).stdout
    # The demo's partitions are in the time zone of the easternmost member.
    for command in ("members", "plan"):
        assert "WHOOP_TIMEZONE" not in CliRunner().invoke(main, ["--demo", command]).stdout
    disconnected = CliRunner().invoke(main, ["--demo", "disconnect", str(listed[0]["user_id"])])
    assert "is disconnected" in disconnected.stdout
    assert dict(os.environ) == before
    without = CliRunner().invoke(main, ["members"])
    assert "run `whoop-assets --demo` with this command" in error_of(without)
    assert "nux" in (folder / "dagster" / "dagster.yaml").read_text()


def test_a_folder_of_the_user_is_not_overwritten(tmp_path: Path) -> None:
    user_file = tmp_path / "data" / "demo" / "notes.txt"
    user_file.parent.mkdir(parents=True)
    user_file.write_text("mine")
    assert "move it away" in error_of(CliRunner().invoke(main, ["demo"]))
    assert user_file.read_text() == "mine"


def test_without_a_demo_the_option_names_the_command_that_creates_one() -> None:
    for command in (["members"], ["report"], ["backfill", "--all"]):
        error = error_of(CliRunner().invoke(main, ["--demo", *command]))
        assert "run `whoop-assets demo` first" in error
    assert not Path("data").exists()


def test_the_demo_is_not_replaced_while_it_is_in_use(tmp_path: Path) -> None:
    with demo_folder.held(tmp_path / "data" / "demo"):
        for command in (["demo"], ["dev"]):
            assert "end it first" in error_of(CliRunner().invoke(main, command))


@pytest.mark.parametrize("content", ["", "{}", '{"first_day": "2026-01-01"}', "not json"])
def test_an_incomplete_demo_is_created_again(tmp_path: Path, content: str) -> None:
    (tmp_path / demo_folder.MARKER).write_text(content)
    assert demo_folder.saved(tmp_path) is None
