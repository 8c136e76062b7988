"""What holds for every command: quick to start, one sentence per error, no traceback."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from whoop_assets.cli import main
from whoop_assets_tests.cli.conftest import CommandLine, is_one_error
from whoop_assets_tests.support.ports import REFUSING_PORT

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


def test_every_command_of_the_contract_is_there() -> None:
    assert set(main.commands) == COMMANDS
    for name in COMMANDS:
        assert CliRunner().invoke(main, [name, "--help"]).exit_code == 0


@pytest.mark.slow
def test_the_command_line_starts_without_dagster_sql_or_http() -> None:
    modules = {"dagster", "sqlalchemy", "httpx", "pandas", "notion_client"}
    heavy = f"import sys, whoop_assets.cli; print(*{modules} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True).stdout.strip() == ""


def test_a_database_that_does_not_answer_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WHOOP_DATABASE_URL", f"postgresql://me:hush-hush@127.0.0.1:{REFUSING_PORT}/whoop")
    said = is_one_error(CliRunner().invoke(main, ["members"]))
    assert "127.0.0.1/whoop does not answer" in said
    assert "hush-hush" not in said


def test_a_setting_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHOOP_START_DATE", "the beginning")
    assert "WHOOP_START_DATE" in is_one_error(CliRunner().invoke(main, ["members"]))


def test_a_dotenv_that_is_not_utf_8_is_named() -> None:
    Path(".env").write_bytes(b"\xff\xfe" + "WHOOP_CLIENT_ID=id".encode("utf-16-le"))
    for arguments in (["members"], ["dev"]):
        said = is_one_error(CliRunner().invoke(main, arguments))
        assert ".env" in said
        assert "UTF-8" in said


def test_the_schema_is_brought_forward_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    first = CliRunner().invoke(main, ["db", "upgrade"])
    second = CliRunner().invoke(main, ["db", "upgrade"])
    assert "was empty before" in first.stdout
    assert "was there already" in second.stdout
    assert Path("data/whoop.db").exists()


@pytest.mark.parametrize(
    ("version", "way_out"),
    [("9999", "install the newer whoop-assets"), ("0004", "set WHOOP_DATABASE_URL to a new database")],
)
def test_a_database_of_another_version_is_refused_wherever_one_starts(
    command_line: CommandLine, version: str, way_out: str
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
        said = is_one_error(command_line.run(*arguments))
        assert f"schema {version}" in said
        assert way_out in said
    assert way_out in is_one_error(command_line.run("db", "upgrade"))


def test_a_folder_that_cannot_be_written_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("data").write_text("a file where the data folder should be")
    is_one_error(CliRunner().invoke(main, ["members"]))
