"""Ledger of the Iceberg tables: stale days, and what was committed.

A day is stale if its checksum differs from the committed one. The ledger is written after Iceberg's commit. A
process that is killed in between writes the day again, without effect. If two processes write the same day,
the entry of the later Iceberg commit stays.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update

from whoop_assets.db.statements import batched, upsert
from whoop_assets.sinks import source
from whoop_assets.sinks.iceberg.tables import iceberg_days
from whoop_assets.sinks.source import Checksum, ExportTable

NOTHING = Checksum("", 0)
"""Checksum of a day without rows."""

_UNKNOWN = "?"
"""Checksum of a day whose commit was rolled back. It differs from that of any day, so the day is stale."""


@dataclass(frozen=True, slots=True)
class Held:
    """State of an Iceberg table: its UUID and the sequence number of its snapshot (0: none)."""

    table_uuid: str
    sequence_number: int


def behind(connection: Connection, namespace: str, table: ExportTable) -> dict[date, Checksum]:
    """Returns the stale days with their current checksums; NOTHING for days that must be emptied."""
    c = iceberg_days.c
    committed: dict[date, str] = dict(
        connection.execute(select(c.day, c.mark).where(_of(namespace, table))).all()
    )
    now = source.marks(connection, table)
    found = {day: mark for day, mark in now.items() if committed.get(day) != mark.mark}
    gone = {day for day, mark in committed.items() if mark and day not in now}
    return found | dict.fromkeys(gone, NOTHING)


def believe(connection: Connection, namespace: str, table: ExportTable, held: Held) -> bool:
    """Drops entries of another table of that name, and invalidates entries of commits that were rolled back.

    Invalid days stay in the ledger, because a day that was emptied may have rows again.

    Returns:
        Whether a valid entry is left.
    """
    c = iceberg_days.c
    of_table = _of(namespace, table)
    connection.execute(delete(iceberg_days).where(of_table, c.table_uuid != held.table_uuid))
    connection.execute(
        update(iceberg_days)
        .where(of_table, c.sequence_number > held.sequence_number)
        # A day that needs no commit is recorded with the current sequence number.
        .values(mark=_UNKNOWN, sequence_number=held.sequence_number)
    )
    return connection.execute(select(c.day).where(of_table, c.mark != _UNKNOWN).limit(1)).first() is not None


def record(
    connection: Connection,
    namespace: str,
    table: ExportTable,
    held: Held,
    days: Collection[date],
    written: Mapping[date, Checksum],
    at: datetime,
) -> None:
    """Records that this commit wrote these days. The entry of a later commit stays."""
    statement = upsert(connection, iceberg_days)
    old, new = iceberg_days.c, statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["namespace", "table_name", "day"],
        set_={name: new[name] for name in ("mark", "rows", "table_uuid", "sequence_number", "committed_at")},
        where=or_(old.table_uuid != new.table_uuid, old.sequence_number <= new.sequence_number),
    )
    values: list[dict[str, Any]] = [
        {
            "namespace": namespace,
            "table_name": table.name,
            "day": day,
            "mark": (mark := written.get(day, NOTHING)).mark,
            "rows": mark.rows,
            "table_uuid": held.table_uuid,
            "sequence_number": held.sequence_number,
            "committed_at": at,
        }
        for day in sorted(days)
    ]
    for lot in batched(values):
        connection.execute(statement, lot)


def forget(connection: Connection, namespace: str, table: ExportTable) -> None:
    """Makes all days of the table stale."""
    connection.execute(delete(iceberg_days).where(_of(namespace, table)))


def row_count(connection: Connection, namespace: str, table: ExportTable) -> int:
    """Returns the number of rows of the Iceberg table according to the ledger."""
    query = select(func.coalesce(func.sum(iceberg_days.c.rows), 0)).where(_of(namespace, table))
    return int(connection.execute(query).scalar_one())


def written_tables(connection: Connection) -> set[tuple[str, str]]:
    """Returns namespace and name of the Iceberg tables that the ledger knows."""
    c = iceberg_days.c
    return {
        (row.namespace, row.table_name)
        for row in connection.execute(select(c.namespace, c.table_name).distinct())
    }


def _of(namespace: str, table: ExportTable) -> ColumnElement[bool]:
    return and_(iceberg_days.c.namespace == namespace, iceberg_days.c.table_name == table.name)
