"""All commands: they start quickly, and errors are one sentence without a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from whoop_assets.cli import main
from whoop_assets_tests.cli.conftest import CommandLine, error_of
from whoop_assets_tests.support.servers.ports import REFUSING_PORT

COMMANDS = {
    "demo",
    "dev",
    "connect",
    "members",
    "disconnect",
    "backfill",
    "plan",
    "report",
    "import",
    "export",
    "notion",
    "quarantine",
    "readers",
    "sessions",
    "migrate-v1",
    "budget",
    "keys",
    "serve",
    "events",
    "db",
}


def test_all_documented_commands_exist() -> None:
    assert set(main.commands) == COMMANDS
    for name in COMMANDS:
        assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


@pytest.mark.slow
def test_the_command_line_starts_without_dagster_sql_or_http() -> None:
    modules = {"dagster", "sqlalchemy", "httpx", "pandas", "notion_client"}
    script = f"import sys, whoop_assets.cli; print(*{modules} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == ""


def test_an_unreachable_database_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WHOOP_DATABASE_URL", f"postgresql://me:hush-hush@127.0.0.1:{REFUSING_PORT}/whoop")
    error = error_of(CliRunner().invoke(main, ["members"]))
    assert f"127.0.0.1:{REFUSING_PORT}/whoop does not answer" in error
    assert "hush-hush" not in error


def test_an_invalid_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHOOP_START_DATE", "the beginning")
    assert "WHOOP_START_DATE" in error_of(CliRunner().invoke(main, ["members"]))


def test_a_dotenv_that_is_not_utf_8_is_named() -> None:
    Path(".env").write_bytes(b"\xff\xfe" + "WHOOP_CLIENT_ID=id".encode("utf-16-le"))
    for arguments in (["members"], ["dev"]):
        error = error_of(CliRunner().invoke(main, arguments))
        assert ".env" in error
        assert "UTF-8" in error


def test_db_upgrade_reports_whether_it_created_the_schema(monkeypatch: pytest.MonkeyPatch) -> None:
    first = CliRunner().invoke(main, ["db", "upgrade"])
    second = CliRunner().invoke(main, ["db", "upgrade"])
    assert "was empty before" in first.stdout
    assert "was there already" in second.stdout
    assert Path("data/whoop.db").exists()


@pytest.mark.parametrize(
    ("version", "remedy"),
    [("9999", "install the newer whoop-assets"), ("0004", "set WHOOP_DATABASE_URL to a new database")],
)
def test_another_schema_version_is_rejected_with_a_remedy(
    command_line: CommandLine, version: str, remedy: str
) -> None:
    database = command_line.database()
    with database.write_schema() as connection:
        connection.execute(text("update whoop_schema_version set version_num = :v"), {"v": version})
    database.close()
    for arguments in (
        ["members"],
        ["serve", "--port", "0"],
        ["backfill", "--from", "2026-01-01", "--to", "2026-01-01"],
        ["db", "copy", "--to", "sqlite:///another.db"],
    ):
        error = error_of(command_line.run(*arguments))
        assert f"schema {version}" in error
        assert remedy in error
    assert remedy in error_of(command_line.run("db", "upgrade"))


def test_an_unwritable_data_folder_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("data").write_text("a file where the data folder should be")
    error_of(CliRunner().invoke(main, ["members"]))


@pytest.mark.parametrize(
    "arguments",
    [
        "backfill --months 30000",
        "backfill --member {id}",
        "report --member {id}",
        "import . --instead-of {id}",
        "disconnect {id}",
        "disconnect -{id}",
        "sessions end {id}",
        "sessions end 1 --session {id}",
        "sessions link {id}",
        "sessions log {id}",
        "readers add screen --member {id}",
        "readers revoke {id}",
        "quarantine list --member {id}",
        "quarantine dismiss --all --member {id}",
        "notion renew --member {id}",
        "events list --limit {id}",
        "db purge-events --older-than 800000",
    ],
)
def test_a_number_beyond_dates_and_columns_is_wrong_usage(arguments: str) -> None:
    error_of(CliRunner().invoke(main, arguments.format(id=10**20).split()), 2)
