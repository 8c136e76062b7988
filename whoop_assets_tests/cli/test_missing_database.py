"""A mistyped address of the database: an error with the whole path, and nothing is made."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from whoop_assets.cli import main
from whoop_assets.cli.main import Commands
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.errors import ConfigurationError, SchemaMismatch
from whoop_assets_tests.cli.conftest import is_one_error

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
"""And `db upgrade`."""


@pytest.fixture
def mistyped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings that name a database that does not exist, in a folder that does not."""
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


def test_every_command_is_known_here() -> None:
    assert isinstance(main, Commands)
    assert set(main.commands) == ARGUMENTS.keys() | CREATE


@pytest.mark.parametrize(
    "arguments", [[name, *given] for name, several in ARGUMENTS.items() for given in several], ids=" ".join
)
def test_a_command_that_reads_names_the_path_and_makes_nothing(mistyped: Path, arguments: list[str]) -> None:
    error = is_one_error(CliRunner().invoke(main, arguments))
    assert f"There is no database at {mistyped}: correct WHOOP_DATABASE_URL" in error
    assert not mistyped.parent.exists()


def test_a_run_of_dagster_makes_nothing_either(mistyped: Path) -> None:
    with pytest.raises(ConfigurationError, match=str(mistyped)):
        _ = WhoopResource().database
    assert not mistyped.parent.exists()


def test_upgrading_makes_it(mistyped: Path) -> None:
    assert CliRunner().invoke(main, ["db", "upgrade"]).exit_code == 0
    assert str(mistyped) in CliRunner().invoke(main, ["db", "upgrade"]).stdout
    assert CliRunner().invoke(main, ["members"]).exit_code == 0


def test_an_empty_database_is_named(new_database_url, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHOOP_DATABASE_URL", new_database_url("postgresql", empty=True))
    with pytest.raises(SchemaMismatch, match=r"has no tables of whoop-assets.*db upgrade"):
        _ = WhoopResource().database
