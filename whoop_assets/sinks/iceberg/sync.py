"""Bringing an Iceberg table up to date: the days that are behind, a batch of them a commit.

The table is loaded first, then the rows are read, then they are committed on that state of the table or not at all. So of
two who write at once the later commit has read its rows after the earlier one was made: an older state of a day never
takes the place of a newer one, and who loses reads again. No transaction of the warehouse is open while Iceberg is spoken
to. The ledger is written last: killed before that, the same rows are written once more.
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
from whoop_assets.sinks.iceberg.expiry import KEPT, MOST, expire
from whoop_assets.sinks.iceberg.iceberg_tables import arrow_table, evolve, held, kinds, open_table
from whoop_assets.sinks.layout import Layout, lay_out
from whoop_assets.sinks.source import Checksum, ExportTable

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

DAYS_AT_ONCE, ROWS_AT_ONCE = 200, 50_000
"""Beyond 200 values pyiceberg does not look whether files match a set, and reads and rewrites them all."""

ATTEMPTS = 10


@dataclass(slots=True)
class Synced:
    """What bringing one table up to date came to. `rows` is what was written, `held` what the table has now.

    `first`: nothing was known to be in it before. `snapshots`: how many the table has now.
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
    """Write the days of the table that are behind; with `rewrite` all of them, whatever the ledger says.

    `purge` leaves the current snapshot alone, and the files it needs: what was deleted or erased is then gone. Raises
    SinkUnavailable; what was committed before that stays committed.
    """
    done = Synced(table.name)
    with reaching(catalog.name):
        iceberg = open_table(catalog, namespace, table)
    with database.write() as connection:
        done.first = not ledger.believe(connection, table, held(iceberg))
        if rewrite:
            ledger.forget(connection, table)
    with database.read() as connection:
        behind = ledger.behind(connection, table)
    if rewrite or done.first:
        # Days that this ledger knows nothing of, from another database or a lost one.
        with reaching(catalog.name):
            behind = dict.fromkeys(_present(iceberg), ledger.NOTHING) | behind
    for days in batches(behind):
        _write(database, catalog.name, iceberg, table, days, done)
    with reaching(catalog.name):
        done.expired = expire(iceberg, most=1, kept=1) if purge else expire(iceberg, most=MOST, kept=KEPT)
        done.snapshots = len(iceberg.snapshots())
    with database.read() as connection:
        done.held = ledger.row_count(connection, table)
    done.notes = sorted(set(done.notes))
    return done


def table_exists(catalog: "Catalog", namespace: str, table: ExportTable) -> bool:
    """Whether the catalog has the table. Raises SinkUnavailable."""
    with reaching(catalog.name):
        return catalog.table_exists((*namespace.split("."), table.name))


def make_all(catalog: "Catalog", namespace: str) -> None:
    """Make the tables that are not there, also those that nothing is to be written to yet: readers name them."""
    with reaching(catalog.name):
        for table in source.TABLES.values():
            open_table(catalog, namespace, table)


def batches(behind: Mapping[date, Checksum]) -> Iterator[list[date]]:
    """The days, oldest first, as many at once as one commit takes."""
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
            ledger.record(connection, table, held(iceberg), days, marks, database.now(connection))
        done.days += len(days)
        done.rows += len(rows)
        done.commits += committed
        done.added += [column.name for column in layout.added]
        done.notes += layout.notes
        return
    raise SinkUnavailable(
        f"The Iceberg table {table.name} was changed by somebody else during each of {ATTEMPTS} attempts to write it: see"
        " who else writes there; what is behind is written when they are done."
    )


def _commit(iceberg: "Table", layout: Layout, days: Collection[date], count: int) -> bool:
    """Make these days of the table exactly these rows, in one commit; False when nothing was to be done."""
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
    """The days that the table has a partition of."""
    if iceberg.current_snapshot() is None:
        return []
    return [row["partition"]["day"] for row in iceberg.inspect.partitions().to_pylist()]
