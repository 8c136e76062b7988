"""Compares Iceberg tables, read by pyiceberg and by DuckDB, with the database."""

from collections.abc import Iterable
from typing import Any

import duckdb
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table
from sqlalchemy import select

from whoop_assets.db.database import Database
from whoop_assets.records.tables import RECORD_TABLES, SNAPSHOT_TABLES, record_versions
from whoop_assets.sinks.source import TABLES

Rows = dict[tuple[Any, ...], dict[str, Any]]

VERSIONS = {"cycle_by_id", "recovery_for_cycle", "sleep_for_cycle", "sleep_by_id", "workout_by_id"}


def keyed(name: str, rows: Iterable[dict[str, Any]]) -> Rows:
    """Returns the rows by the table's key; asserts that each key occurs once."""
    listed = list(rows)
    found = {tuple(row[column] for column in TABLES[name].key): row for row in listed}
    assert len(found) == len(listed)
    return found


def by_pyiceberg(catalog: Catalog, name: str, namespace: str = "whoop") -> Rows:
    return keyed(name, catalog.load_table(f"{namespace}.{name}").scan().to_arrow().to_pylist())


def by_duckdb(catalog: Catalog, name: str, namespace: str = "whoop") -> Rows:
    """Returns the rows in the data files of the current snapshot, read by DuckDB's Parquet reader.

    DuckDB's Iceberg extension would need a download. It would read the same files, because no file has
    deletions.
    """
    table = catalog.load_table(f"{namespace}.{name}")
    paths = data_files(table)
    if not paths:
        return {}
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        result = connection.execute(
            "select * from read_parquet(?, union_by_name = true, hive_partitioning = false)", [paths]
        )
        names = [column[0] for column in result.description]
        return keyed(name, (dict(zip(names, row, strict=True)) for row in result.fetchall()))


def data_files(table: Table) -> list[str]:
    """Returns the paths of the current snapshot's data files; asserts that it has no delete files."""
    tasks = list(table.scan().plan_files())
    assert not any(task.delete_files for task in tasks)
    return [task.file.file_path.removeprefix("file://") for task in tasks]


def expected_rows(database: Database, name: str) -> Rows:
    """Returns the rows that the Iceberg table must contain: existing records, or all record versions."""
    stream = TABLES[name].stream
    with database.read() as connection:
        if name not in VERSIONS:
            source = SNAPSHOT_TABLES.get(stream, RECORD_TABLES.get(stream))
            assert source is not None
            rows = [dict(row) for row in connection.execute(select(source)).mappings()]
            rows = [row for row in rows if row.pop("deleted_at") is None]
            for row in rows:
                del row["synced_at"]
        else:
            query = select(record_versions).where(record_versions.c.stream == stream)
            sleeps = RECORD_TABLES["sleeps"].c
            naps = set(connection.scalars(select(sleeps.id).where(sleeps.nap)))
            rows = [
                dict(row)
                for row in connection.execute(query).mappings()
                if name != "sleep_for_cycle" or row["record_key"] not in naps
            ]
    return keyed(name, rows)


def assert_delivered(database: Database, catalog: Catalog, names: Iterable[str] = TABLES) -> None:
    """Asserts that both readers return exactly the database's rows."""
    for name in names:
        expected = expected_rows(database, name)
        for found in (by_pyiceberg(catalog, name), by_duckdb(catalog, name)):
            assert found.keys() == expected.keys()
            for key, row in expected.items():
                shared = (
                    row.keys() - {"stream", "open"}
                    if name not in VERSIONS
                    else row.keys() & found[key].keys()
                )
                different = {
                    column: (found[key][column], row[column])
                    for column in shared
                    if found[key][column] != row[column]
                }
                assert different == {}, (name, key, different)
