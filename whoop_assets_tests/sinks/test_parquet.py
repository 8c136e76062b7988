"""Plain Parquet files: what the table says, a folder per day, and never half a file."""

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
from whoop_assets_tests.support.factories import MEMBER, NOW, at, cycle, sleep


def by_duckdb(folder: Path, table: str, day: str = "day") -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        result = connection.execute(
            f"select * from read_parquet(?, hive_partitioning = true, hive_types = {{'{day}': date}})",  # noqa: S608
            [str(folder / table / "*" / "*.parquet")],
        )
        names = [column[0] for column in result.description]
        return [dict(zip(names, one, strict=True)) for one in result.fetchall()]


@pytest.fixture
def stored(database: Database) -> Database:
    with database.write([MEMBER]) as connection:
        answers = [cycle(n, at(n), at(n + 1), strain=n / 3) for n in range(1, 6)]
        upsert.store(connection, MEMBER, "cycles", answers, NOW)
        upsert.store(connection, MEMBER, "sleeps", [sleep("s", 2, at(2), at(2, 7))], NOW)
        connection.execute(
            insert(body_measurements).values(
                user_id=MEMBER, day=date(2026, 5, 1), height_meter=1.8, payload="{}", content_hash="x",
                first_seen_at=NOW, changed_at=NOW, synced_at=NOW,
            )
        )  # fmt: skip
    return database


@pytest.mark.parametrize("table", ["cycles", "sleeps", "body_measurements"])
def test_the_files_say_what_the_table_says(stored: Database, tmp_path: Path, table: str) -> None:
    done = export(stored, table, tmp_path / "out")
    found = by_duckdb(tmp_path / "out", table)
    with stored.read() as connection:
        source = {"cycles": cycles, "sleeps": sleeps, "body_measurements": body_measurements}[table]
        wanted = [dict(one) for one in connection.execute(select(source)).mappings()]
    assert len(found) == len(wanted) == done.rows > 0
    order = list(source.primary_key.columns.keys())
    for one, other in zip(
        sorted(found, key=lambda each: [each[name] for name in order]),
        sorted(wanted, key=lambda each: [each[name] for name in order]),
        strict=True,
    ):
        assert {name: one[name] for name in other if name != "payload"} == {
            name: value for name, value in other.items() if name != "payload"
        }


def test_every_table_can_be_exported_even_when_it_is_empty(database: Database, tmp_path: Path) -> None:
    assert "tokens" not in PLAIN
    assert "members" not in PLAIN
    for table in PLAIN:
        assert export(database, table, tmp_path / "out").rows == 0
    with pytest.raises(UnknownTable, match="daily_summary"):
        export(database, "tokens", tmp_path / "out")


def test_a_day_that_is_gone_goes_and_what_is_not_ours_stays(stored: Database, tmp_path: Path) -> None:
    export(stored, "cycles", tmp_path)
    (tmp_path / "cycles" / "notes.txt").write_text("mine")
    with stored.write([MEMBER]) as connection:
        connection.execute(update(cycles).where(cycles.c.id == 3).values(deleted_at=NOW))
    done = export(stored, "cycles", tmp_path)
    assert (done.days, done.rows, done.removed) == (4, 4, 1)
    assert {one["id"] for one in by_duckdb(tmp_path, "cycles")} == {1, 2, 4, 5}
    assert (tmp_path / "cycles" / "notes.txt").exists()
    assert len(list((tmp_path / "cycles").glob("day=*"))) == 4


def test_killed_in_the_middle_the_last_files_stand_and_nothing_unfinished_is_read(
    stored: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export(stored, "cycles", tmp_path)
    before = by_duckdb(tmp_path, "cycles")
    with stored.write([MEMBER]) as connection:
        connection.execute(update(cycles).values(strain=1.0))
    plain = pyarrow.parquet.write_table
    written: list[int] = []

    def half(table: Any, file: Any) -> None:
        plain(table, file)
        written.append(1)
        if len(written) == 3:
            file.truncate(100)
            raise KeyboardInterrupt

    monkeypatch.setattr(pyarrow.parquet, "write_table", half)
    with pytest.raises(KeyboardInterrupt):
        export(stored, "cycles", tmp_path)
    after = {one["id"]: one["strain"] for one in by_duckdb(tmp_path, "cycles")}
    assert after == {one["id"]: 1.0 if one["id"] < 3 else one["strain"] for one in before}
    assert not [
        path for path in (tmp_path / "cycles").rglob("*") if path.is_file() and path.suffix != ".parquet"
    ]


def test_files_and_folders_are_their_owners_alone(stored: Database, tmp_path: Path) -> None:
    export(stored, "cycles", tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        assert stat.S_IMODE(os.stat(path).st_mode) == (0o700 if path.is_dir() else 0o600)
