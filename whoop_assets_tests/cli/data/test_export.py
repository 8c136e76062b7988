"""`export`: writes Parquet files and Iceberg tables."""

from datetime import date
from pathlib import Path

import pytest

from whoop_assets.settings import Settings
from whoop_assets.sinks.iceberg import ledger
from whoop_assets.sinks.iceberg.catalog import open_catalog
from whoop_assets.sinks.source import TABLES
from whoop_assets_tests.cli.conftest import CommandLine, error_of
from whoop_assets_tests.support.data.delivered import by_duckdb
from whoop_assets_tests.support.servers.ports import REFUSING_PORT


def test_export_writes_parquet_files(command_line: CommandLine, tmp_path: Path) -> None:
    command_line.connect(command_line.members[0])
    result = command_line.run("export", "parquet", "cycles", "trends", "--to", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 2
    assert "daily_summary" in error_of(command_line.run("export", "parquet", "tokens", "--to", str(tmp_path)))


def test_export_updates_iceberg_tables(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    command_line.connect(command_line.members[0])
    assert "WHOOP_ICEBERG_CATALOG" in error_of(command_line.run("export", "iceberg"))
    monkeypatch.setenv("WHOOP_ICEBERG_CATALOG", "local")
    monkeypatch.setenv("WHOOP_ICEBERG_NAMESPACE", "mine")
    result = command_line.run("export", "iceberg")
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 11
    assert "There is no Iceberg table" in error_of(command_line.run("export", "iceberg", "nothing"), 2)
    assert by_duckdb(open_catalog(Settings.from_environment()), "cycles", "mine") == {}
    assert command_line.run("export", "iceberg", "cycles", "--rewrite", "--purge").exit_code == 0


def test_a_purge_includes_tables_of_a_namespace_that_is_no_longer_configured(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    command_line.connect(command_line.members[0])
    monkeypatch.setenv("WHOOP_ICEBERG_CATALOG", "local")
    table, day = TABLES["cycles"], date(2026, 1, 1)
    for namespace, purged in {"": ["old"], "new": ["new", "old"]}.items():
        database = command_line.database()
        with database.write() as connection:
            at = database.now(connection)
            ledger.record(connection, "old", table, ledger.Held("uuid", 1), [day], {}, at)
        database.close()
        monkeypatch.setenv("WHOOP_ICEBERG_NAMESPACE", namespace)
        lines = command_line.run("export", "iceberg", "cycles", "--purge").stdout.splitlines()
        assert [line.split()[0] for line in lines] == [f"{name}.cycles" for name in purged]
    (line,) = command_line.run("export", "iceberg", "cycles").stdout.splitlines()
    assert line.startswith("new.cycles")


def test_an_unreachable_catalog_is_one_error(
    command_line: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHOOP_ICEBERG_CATALOG", "down")
    monkeypatch.setenv("PYICEBERG_CATALOG__DOWN__TYPE", "sql")
    monkeypatch.setenv(
        "PYICEBERG_CATALOG__DOWN__URI", f"postgresql+psycopg2://me:hunter2@127.0.0.1:{REFUSING_PORT}/none"
    )
    error = error_of(command_line.run("export", "iceberg"))
    assert "down" in error
    assert "hunter2" not in error
