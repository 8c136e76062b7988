"""Looks up times and cycle of a stored record, and when it was last confirmed.

The load of an event uses it.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from whoop_assets.records.tables import RECORD_KEYS, RECORD_TABLES, cycles


@dataclass(frozen=True, slots=True)
class RecordLookup:
    """Times and cycle of a record, as far as they are known.

    Attributes:
        synced_at: Send time of the request that last confirmed the record.
        deleted_at: Send time of the request that returned 404.
    """

    cycle_id: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    nap: bool = False
    synced_at: datetime | None = None
    deleted_at: datetime | None = None


def of_record(connection: Connection, user_id: int, stream: str, key: str) -> RecordLookup | None:
    """Return the member's record, deleted or not; None if it is not stored."""
    table = RECORD_TABLES[stream]
    query = select(table).where(table.c[RECORD_KEYS[stream]] == key, table.c.user_id == user_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return RecordLookup(
        row.get("cycle_id"),
        row["start_time"],
        row["end_time"],
        bool(row.get("nap")),
        row["synced_at"],
        row["deleted_at"],
    )


def cycle_synced_at(connection: Connection, user_id: int, cycle_id: int) -> datetime | None:
    """Return the send time of the request that last confirmed the cycle; None if there is no such cycle."""
    c = cycles.c
    query = select(c.synced_at).where(c.id == cycle_id, c.user_id == user_id, c.deleted_at.is_(None))
    found: datetime | None = connection.scalar(query)
    return found


def unclosed_cycles(connection: Connection, user_id: int) -> list[int]:
    """Return ids of cycles that are stored as open although a later cycle is stored, oldest first.

    Such a cycle has closed since it was last read. A cycle is left out if it was read after the later cycle
    was stored and WHOOP still called it open: reading it once more would return the same.
    """
    c, later = cycles.c, cycles.alias("later")
    seen = (
        select(func.min(later.c.first_seen_at, type_=later.c.first_seen_at.type))
        .where(
            later.c.user_id == user_id, later.c.start_time > cycles.c.start_time, later.c.deleted_at.is_(None)
        )
        .scalar_subquery()
    )
    query = select(c.id).where(
        c.user_id == user_id, c.end_time.is_(None), c.deleted_at.is_(None), c.synced_at < seen
    )
    return list(connection.scalars(query.order_by(c.start_time)))
