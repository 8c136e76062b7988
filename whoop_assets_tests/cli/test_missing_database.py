"""A missing database is an error with its path; only some commands create a database."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from whoop_assets.cli import main
from whoop_assets.cli.main import Commands
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.errors import ConfigurationError, SchemaMismatch
from whoop_assets_tests.cli.conftest import error_of

ARGUMENTS: dict[str, list[list[str]]] = {
    "members": [[], ["--keep-alive"]],
    "disconnect": [["10129"]],
    "backfill": [["--from", "2026-11-20", "--to", "2026-11-20"]],
    "plan": [[]],
    "report": [[]],
    "notion": [["status"], ["renew"]],
    "export": [["parquet", "cycles", "--to", "out"]],
    "events": [["list"], ["show", "x"], ["replay", "--parked"]],
    "sessions": [["list"], ["end", "1"], ["log", "1"]],
    "readers": [["list"], ["add", "x", "--member", "1"]],
    "migrate-v1": [["old.csv"]],
    "budget": [[]],
    "keys": [[], ["rotate"]],
    "quarantine": [["list"], ["dismiss", "1"]],
    "db": [["copy", "--to", "sqlite:///copy.db"], ["compare", "--with", "sqlite:///other.db"]],
}
CREATE = {"connect", "import", "demo", "serve", "dev"}
"""These commands and `db upgrade` create a missing database."""


@pytest.fixture
def missing_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings with the path of a missing database in a missing folder; returns the path."""
    path = tmp_path / "dtaa" / "whoop.db"
    for name, value in {
        "WHOOP_DATABASE_URL": f"sqlite:///{path}",
        "WHOOP_CLIENT_ID": "app",
        "WHOOP_CLIENT_SECRET": "secret",
        "NOTION_TOKEN": "ntn_x",
        "WHOOP_NOTION_DATA_SOURCE": "0" * 32,
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "old.csv").write_text("id,v1_id\n")
    return path


def test_every_command_is_listed() -> None:
    assert isinstance(main, Commands)
    assert set(main.commands) == ARGUMENTS.keys() | CREATE


@pytest.mark.parametrize(
    "arguments", [[name, *given] for name, variants in ARGUMENTS.items() for given in variants], ids=" ".join
)
def test_a_command_that_reads_fails_and_creates_nothing(missing_database: Path, arguments: list[str]) -> None:
    error = error_of(CliRunner().invoke(main, arguments))
    assert f"There is no database at {missing_database}: correct WHOOP_DATABASE_URL" in error
    assert not missing_database.parent.exists()


def test_a_dagster_run_creates_no_database(missing_database: Path) -> None:
    with pytest.raises(ConfigurationError, match=str(missing_database)):
        _ = WhoopResource().database
    assert not missing_database.parent.exists()


def test_db_upgrade_creates_the_database(missing_database: Path) -> None:
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    assert str(missing_database) in CliRunner().invoke(main, ["db", "upgrade"]).stdout
    assert CliRunner().invoke(main, ["members"]).exit_code == 0


def test_an_empty_database_is_rejected_with_the_command_that_fills_it(
    new_database_url, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHOOP_DATABASE_URL", new_database_url("postgresql", empty=True))
    with pytest.raises(SchemaMismatch, match=r"has no tables of whoop-assets.*db upgrade"):
        _ = WhoopResource().database
