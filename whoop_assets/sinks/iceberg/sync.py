"""Writes the stale days of an Iceberg table, in batches of one commit each.

The table is loaded first, then the rows are read, then they are committed on that state of the table. If
another process committed in between, the commit fails and the rows are read again. An older state of a day
therefore never replaces a newer one. No database transaction is open during requests to Iceberg. The ledger
is written last: a process that is killed before that writes the same rows again.
"""

import random
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from whoop_assets.db.database import Database
from whoop_assets.errors import SinkUnavailable
from whoop_assets.sinks import source
from whoop_assets.sinks.iceberg import ledger
from whoop_assets.sinks.iceberg.catalog import reaching
from whoop_assets.sinks.iceberg.expiry import KEPT_SNAPSHOTS, MAX_SNAPSHOTS, expire
from whoop_assets.sinks.iceberg.iceberg_tables import arrow_table, evolve, held, kinds, open_table
from whoop_assets.sinks.layout import Layout, lay_out
from whoop_assets.sinks.source import Checksum, ExportTable

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

DAYS_AT_ONCE, ROWS_AT_ONCE = 200, 50_000
"""With more than 200 values pyiceberg rewrites all files without checking whether they match."""

ATTEMPTS = 10


@dataclass(slots=True)
class Synced:
    """Result of writing one table.

    Attributes:
        first: Whether the ledger knew no day of the table before.
        days: Written days; `rows` and `commits` likewise.
        repeated: Commits that failed because of another writer.
        expired: Expired snapshots.
        held: Rows that the table contains now; `snapshots` likewise.
        added: New columns.
        notes: Values and fields that have no plain column.
    """

    table: str
    first: bool = False
    days: int = 0
    rows: int = 0
    commits: int = 0
    repeated: int = 0
    expired: int = 0
    held: int = 0
    snapshots: int = 0
    added: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def sync(
    database: Database,
    catalog: "Catalog",
    namespace: str,
    table: ExportTable,
    *,
    rewrite: bool = False,
    purge: bool = False,
) -> Synced:
    """Writes the stale days of the table.

    Args:
        rewrite: Writes all days, and ignores the ledger.
        purge: Expires all snapshots but the current one, so that deleted and erased rows disappear.

    Raises:
        SinkUnavailable: The catalog or its storage failed. Earlier commits stay.
    """
    done = Synced(table.name)
    with reaching(catalog.name):
        iceberg = open_table(catalog, namespace, table)
    with database.write() as connection:
        done.first = not ledger.believe(connection, namespace, table, held(iceberg))
        if rewrite:
            ledger.forget(connection, namespace, table)
    with database.read() as connection:
        behind = ledger.behind(connection, namespace, table)
    if rewrite or done.first:
        # Days that another database wrote, or a lost ledger.
        with reaching(catalog.name):
            behind = dict.fromkeys(_present(iceberg), ledger.NOTHING) | behind
    for days in batches(behind):
        _write(database, catalog.name, iceberg, namespace, table, days, done)
    with reaching(catalog.name):
        done.expired = (
            expire(iceberg, most=1, kept=1)
            if purge
            else expire(iceberg, most=MAX_SNAPSHOTS, kept=KEPT_SNAPSHOTS)
        )
        done.snapshots = len(iceberg.snapshots())
    with database.read() as connection:
        done.held = ledger.row_count(connection, namespace, table)
    done.notes = sorted(set(done.notes))
    return done


def table_exists(catalog: "Catalog", namespace: str, table: ExportTable) -> bool:
    """Returns whether the catalog has the table. Raises SinkUnavailable."""
    with reaching(catalog.name):
        return catalog.table_exists((*namespace.split("."), table.name))


def make_all(catalog: "Catalog", namespace: str) -> None:
    """Creates missing tables, also those without rows, because readers name them."""
    with reaching(catalog.name):
        for table in source.TABLES.values():
            open_table(catalog, namespace, table)


def batches(behind: Mapping[date, Checksum]) -> Iterator[list[date]]:
    """Yields the days, oldest first, in batches of one commit."""
    lot: list[date] = []
    rows = 0
    for day, mark in sorted(behind.items()):
        if lot and (len(lot) == DAYS_AT_ONCE or rows + mark.rows > ROWS_AT_ONCE):
            yield lot
            lot, rows = [], 0
        lot.append(day)
        rows += mark.rows
    if lot:
        yield lot


def _write(
    database: Database,
    name: str,
    iceberg: "Table",
    namespace: str,
    table: ExportTable,
    days: Sequence[date],
    done: Synced,
) -> None:
    from pyiceberg.exceptions import CommitFailedException, ValidationException

    for attempt in range(ATTEMPTS):
        with reaching(name):
            iceberg.refresh()
        with database.read() as connection:
            marks = source.marks(connection, table, days)
            rows = source.rows(connection, table, days)
        layout = lay_out(table, kinds(iceberg.schema()), rows)
        with reaching(name):
            try:
                committed = _commit(iceberg, layout, days, len(rows))
            except (CommitFailedException, ValidationException):
                done.repeated += 1
                database.clock.sleep(random.uniform(0, 0.1 * 2**attempt))
                continue
        with database.write() as connection:
            at = database.now(connection)
            ledger.record(connection, namespace, table, held(iceberg), days, marks, at)
        done.days += len(days)
        done.rows += len(rows)
        done.commits += committed
        done.added += [column.name for column in layout.added]
        done.notes += layout.notes
        return
    raise SinkUnavailable(
        f"The Iceberg table {table.name} was changed by another writer during each of {ATTEMPTS} attempts:"
        " find the other writer. The stale days are written after it stops."
    )


def _commit(iceberg: "Table", layout: Layout, days: Collection[date], count: int) -> bool:
    """Replaces the rows of these days in one commit. Returns False if there was nothing to do."""
    from pyiceberg.expressions import In

    before = iceberg.metadata_location
    with iceberg.transaction() as transaction, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Delete operation did not match any records")
        evolve(transaction, layout)
        if iceberg.current_snapshot() is not None:
            transaction.delete(In("day", list(days)))  # type: ignore[call-arg]
        if count:
            transaction.append(arrow_table(transaction.table_metadata.schema(), layout, count))
    return iceberg.metadata_location != before


def _present(iceberg: "Table") -> list[date]:
    """Returns the days for which the table has a partition."""
    if iceberg.current_snapshot() is None:
        return []
    return [row["partition"]["day"] for row in iceberg.inspect.partitions().to_pylist()]
