"""Export of tables to Parquet files: one folder per day, and no incomplete file."""

import os
import stat
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest
from sqlalchemy import insert, select, update

from whoop_assets.db.database import Database
from whoop_assets.errors import UnknownTable
from whoop_assets.records import upsert
from whoop_assets.records.tables import body_measurements, cycles, sleeps
from whoop_assets.sinks.parquet import export
from whoop_assets.sinks.source import PLAIN
from whoop_assets_tests.support.data.factories import MEMBER, NOW, at, cycle, sleep


def read_with_duckdb(folder: Path, table: str, day: str = "day") -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        result = connection.execute(
            f"select * from read_parquet(?, hive_partitioning = true, hive_types = {{'{day}': date}})",  # noqa: S608
            [str(folder / table / "*" / "*.parquet")],
        )
        names = [column[0] for column in result.description]
        return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


@pytest.fixture
def stored(database: Database) -> Database:
    with database.write([MEMBER]) as connection:
        records = [cycle(n, at(n), at(n + 1), strain=n / 3) for n in range(1, 6)]
        upsert.store(connection, MEMBER, "cycles", records, NOW)
        upsert.store(connection, MEMBER, "sleeps", [sleep("s", 2, at(2), at(2, 7))], NOW)
        connection.execute(
            insert(body_measurements).values(
                user_id=MEMBER, day=date(2026, 5, 1), height_meter=1.8, payload="{}", content_hash="x",
                first_seen_at=NOW, changed_at=NOW, synced_at=NOW,
            )
        )  # fmt: skip
    return database


@pytest.mark.parametrize("table", ["cycles", "sleeps", "body_measurements"])
def test_the_files_have_the_rows_of_the_table(stored: Database, tmp_path: Path, table: str) -> None:
    result = export(stored, table, tmp_path / "out")
    exported = read_with_duckdb(tmp_path / "out", table)
    with stored.read() as connection:
        source = {"cycles": cycles, "sleeps": sleeps, "body_measurements": body_measurements}[table]
        rows = [dict(row) for row in connection.execute(select(source)).mappings()]
    assert len(exported) == len(rows) == result.rows > 0
    key = list(source.primary_key.columns.keys())
    for exported_row, row in zip(
        sorted(exported, key=lambda row: [row[name] for name in key]),
        sorted(rows, key=lambda row: [row[name] for name in key]),
        strict=True,
    ):
        assert {name: exported_row[name] for name in row if name != "payload"} == {
            name: value for name, value in row.items() if name != "payload"
        }


def test_every_table_without_credentials_can_be_exported_even_if_empty(
    database: Database, tmp_path: Path
) -> None:
    assert "tokens" not in PLAIN
    assert "members" not in PLAIN
    for table in PLAIN:
        assert export(database, table, tmp_path / "out").rows == 0
    with pytest.raises(UnknownTable, match="daily_summary"):
        export(database, "tokens", tmp_path / "out")


def test_files_of_days_without_rows_are_deleted_and_other_files_are_kept(
    stored: Database, tmp_path: Path
) -> None:
    export(stored, "cycles", tmp_path)
    (tmp_path / "cycles" / "notes.txt").write_text("not an export")
    with stored.write([MEMBER]) as connection:
        connection.execute(update(cycles).where(cycles.c.id == 3).values(deleted_at=NOW))
    result = export(stored, "cycles", tmp_path)
    assert (result.days, result.rows, result.removed) == (4, 4, 1)
    assert {row["id"] for row in read_with_duckdb(tmp_path, "cycles")} == {1, 2, 4, 5}
    assert (tmp_path / "cycles" / "notes.txt").exists()
    assert len(list((tmp_path / "cycles").glob("day=*"))) == 4


def test_an_interrupted_export_leaves_only_complete_files(
    stored: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(stored, "cycles", tmp_path)
    before = read_with_duckdb(tmp_path, "cycles")
    with stored.write([MEMBER]) as connection:
        connection.execute(update(cycles).values(strain=1.0))
    write_table = pyarrow.parquet.write_table
    written: list[int] = []

    def interrupt_third_file(table: Any, file: Any) -> None:
        write_table(table, file)
        written.append(1)
        if len(written) == 3:
            file.truncate(100)
            raise KeyboardInterrupt

    monkeypatch.setattr(pyarrow.parquet, "write_table", interrupt_third_file)
    with pytest.raises(KeyboardInterrupt):
        export(stored, "cycles", tmp_path)
    after = {row["id"]: row["strain"] for row in read_with_duckdb(tmp_path, "cycles")}
    assert after == {row["id"]: 1.0 if row["id"] < 3 else row["strain"] for row in before}
    assert not [
        path for path in (tmp_path / "cycles").rglob("*") if path.is_file() and path.suffix != ".parquet"
    ]


def test_only_the_owner_can_read_files_and_folders(stored: Database, tmp_path: Path) -> None:
    export(stored, "cycles", tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        assert stat.S_IMODE(os.stat(path).st_mode) == (0o700 if path.is_dir() else 0o600)
