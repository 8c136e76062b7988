"""Exports a database table to Parquet files, one folder per day (Hive partitioning)."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from whoop_assets import atomic_file
from whoop_assets.db.database import Database
from whoop_assets.errors import UnknownTable
from whoop_assets.sinks import source
from whoop_assets.sinks.arrow import arrow_type, missing
from whoop_assets.sinks.source import ExportColumn

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Exported:
    """Result of an export. `removed`: days whose file was removed, because they have no rows."""

    table: str
    folder: Path
    days: int
    rows: int
    removed: int


def export(database: Database, table: str, folder: Path) -> Exported:
    """Writes `folder/TABLE/day=YYYY-MM-DD/TABLE.parquet` for each day with rows, from one transaction.

    Weekly rows are under `week_start=`. The partition column is only in the folder name. Each file is
    replaced atomically and readable by its owner only. Other files in the folder stay.

    Raises:
        UnknownTable: There is no such table.
        ConfigurationError: pyarrow is not installed.
    """
    if table not in source.PLAIN:
        raise UnknownTable(f"There is no table {table} to export: choose from {', '.join(source.PLAIN)}.")
    try:
        import pyarrow.parquet
    except ImportError:
        raise missing("pyarrow", "parquet") from None
    day_column = source.PLAIN[table][1]
    columns = [column for column in source.plain_columns(table) if column.name != day_column]
    target = folder / table
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    count = 0
    written = set()
    with database.read() as connection:
        for day in source.plain_days(connection, table):
            rows = source.plain_rows(connection, table, day)
            path = target / f"{day_column}={day}" / f"{table}.parquet"
            atomic_file.write_atomically(path, partial(pyarrow.parquet.write_table, _table(columns, rows)))
            written.add(path)
            count += len(rows)
    gone = set(target.glob(f"{day_column}=*/{table}.parquet")) - written
    for path in gone:
        path.unlink()
        with suppress(OSError):  # the folder contains other files
            path.parent.rmdir()
    return Exported(table, target, len(written), count, len(gone))


def _table(columns: Sequence[ExportColumn], rows: Sequence[dict[str, Any]]) -> "pa.Table":
    import pyarrow as pa

    arrays = [
        pa.array([row[column.name] for row in rows], type=arrow_type(column.kind)) for column in columns
    ]
    return pa.Table.from_arrays(arrays, names=[column.name for column in columns])
