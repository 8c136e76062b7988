"""Plain Parquet files of a table of the warehouse: a folder per day, as Hive and everybody since names them."""

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
    """What was written: `removed` counts days that had a file and have no rows any more."""

    table: str
    folder: Path
    days: int
    rows: int
    removed: int


def export(database: Database, table: str, folder: Path) -> Exported:
    """Write `folder/TABLE/day=YYYY-MM-DD/TABLE.parquet` for each day with rows, as of one moment.

    Weeks are under `week_start=`, their Monday. That column is in the folder's name alone, as the convention is. Each
    file takes the place of the last one in one step, and is its owner's alone, as it holds health data; the file of a
    day without rows goes. What else lies there stays. Raises UnknownTable, and ConfigurationError without pyarrow.
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
        with suppress(OSError):  # somebody else's files are in it
            path.parent.rmdir()
    return Exported(table, target, len(written), count, len(gone))


def _table(columns: Sequence[ExportColumn], rows: Sequence[dict[str, Any]]) -> "pa.Table":
    import pyarrow as pa

    arrays = [
        pa.array([row[column.name] for row in rows], type=arrow_type(column.kind)) for column in columns
    ]
    return pa.Table.from_arrays(arrays, names=[column.name for column in columns])
