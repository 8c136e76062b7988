"""The ledger of what Iceberg tables hold: which days are behind, and what has been committed.

Level-triggered: the days' marks as they are now against those that were committed. It is written after Iceberg's
commit; what is killed in between is written to Iceberg again, which changes nothing there. Of two who write the same day
the one whose commit came later in Iceberg has the last word, whoever comes here first.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, delete, func, or_, select, update

from whoop_assets.db.statements import in_lots, upsert
from whoop_assets.sinks import source
from whoop_assets.sinks.iceberg.tables import iceberg_days
from whoop_assets.sinks.source import Checksum, ExportTable

NOTHING = Checksum("", 0)
"""A day without rows."""

_UNKNOWN = "?"
"""The mark of a day whose commit was taken back: it is no day's, so the day is behind, also when it is to be empty."""


@dataclass(frozen=True, slots=True)
class Held:
    """A state of an Iceberg table: its UUID, and the sequence number of its current snapshot (0: it has none)."""

    table_uuid: str
    sequence_number: int


def behind(connection: Connection, table: ExportTable) -> dict[date, Checksum]:
    """The days whose rows are not what was last committed, and their marks now; NOTHING for a day to be emptied."""
    c = iceberg_days.c
    committed: dict[date, str] = dict(
        connection.execute(select(c.day, c.mark).where(c.table_name == table.name)).all()
    )
    now = source.marks(connection, table)
    found = {day: mark for day, mark in now.items() if committed.get(day) != mark.mark}
    gone = {day for day, mark in committed.items() if mark and day not in now}
    return found | dict.fromkeys(gone, NOTHING)


def believe(connection: Connection, table: ExportTable, held: Held) -> bool:
    """Forget the entries of another table of that name, and what commits wrote that it has no more as it was rolled back.

    Their days stay in the ledger: one that had been emptied has its rows again, and nothing else would know of it.
    Returns whether any entry is left that is believed.
    """
    c = iceberg_days.c
    of_table = c.table_name == table.name
    connection.execute(delete(iceberg_days).where(of_table, c.table_uuid != held.table_uuid))
    connection.execute(
        update(iceberg_days)
        .where(of_table, c.sequence_number > held.sequence_number)
        # The number too: a day that needs no commit is recorded at the one that is held.
        .values(mark=_UNKNOWN, sequence_number=held.sequence_number)
    )
    return connection.execute(select(c.day).where(of_table, c.mark != _UNKNOWN).limit(1)).first() is not None


def record(
    connection: Connection,
    table: ExportTable,
    held: Held,
    days: Collection[date],
    written: Mapping[date, Checksum],
    at: datetime,
) -> None:
    """Note that this commit wrote these days, with these marks; a later commit's entry stays."""
    statement = upsert(connection, iceberg_days)
    old, new = iceberg_days.c, statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["table_name", "day"],
        set_={name: new[name] for name in ("mark", "rows", "table_uuid", "sequence_number", "committed_at")},
        where=or_(old.table_uuid != new.table_uuid, old.sequence_number <= new.sequence_number),
    )
    values: list[dict[str, Any]] = [
        {
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
    for lot in in_lots(values):
        connection.execute(statement, lot)


def forget(connection: Connection, table: ExportTable) -> None:
    """Let all days of the table be behind."""
    connection.execute(delete(iceberg_days).where(iceberg_days.c.table_name == table.name))


def row_count(connection: Connection, table: ExportTable) -> int:
    """How many rows the Iceberg table holds by this ledger."""
    c = iceberg_days.c
    query = select(func.coalesce(func.sum(c.rows), 0)).where(c.table_name == table.name)
    return int(connection.execute(query).scalar_one())
