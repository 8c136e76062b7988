"""Looks up stored records: times and cycle of one, cycles to read again, offsets, and the number per day."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, func, select

from whoop_assets.records.day_assignment import offset_of
from whoop_assets.records.tables import RECORD_KEYS, RECORD_TABLES, SNAPSHOT_TABLES, cycles

Observed = tuple[datetime, timedelta]
"""An instant, and the member's offset from UTC at that instant."""


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


def newest_offsets(connection: Connection, user_ids: Collection[int]) -> dict[int, timedelta]:
    """Return the offset of each member's newest cycle."""
    c = cycles.c
    alive = (c.user_id.in_(list(user_ids)), c.deleted_at.is_(None))
    newest = (
        select(c.user_id, func.max(c.start_time).label("start")).where(*alive).group_by(c.user_id).subquery()
    )
    query = select(c.user_id, c.timezone_offset).join(
        newest, (newest.c.user_id == c.user_id) & (newest.c.start == c.start_time)
    )
    return {user_id: offset_of(text) for user_id, text in connection.execute(query.where(*alive))}


def observed_offsets(connection: Connection, user_id: int, *, limit: int) -> list[Observed]:
    """Return start and offset of the member's newest cycles, newest first."""
    c = cycles.c
    query = select(c.start_time, c.timezone_offset).where(c.user_id == user_id, c.deleted_at.is_(None))
    rows = connection.execute(query.order_by(c.start_time.desc()).limit(limit))
    return [(start, offset_of(text)) for start, text in rows]


def row_counts(
    connection: Connection, members: Collection[int], stream: str, first: date, last: date
) -> dict[date, int]:
    """Return the number of existing records, or snapshots, per day.

    Args:
        connection: The transaction.
        members: WHOOP user ids.
        stream: Name of the stream.
        first: First day.
        last: Last day.

    Returns:
        Day -> number, for the days that have any.
    """
    table = (RECORD_TABLES | SNAPSHOT_TABLES)[stream]
    query = (
        select(table.c.day, func.count())
        .where(table.c.user_id.in_(list(members)), table.c.day.between(first, last))
        .group_by(table.c.day)
    )
    if stream in RECORD_TABLES:
        query = query.where(table.c.deleted_at.is_(None))
    return dict(connection.execute(query).all())
