"""Where a stored record lies in time, and as of when that is known: what the load of an event goes by."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from whoop_assets.records.incoming import KEY
from whoop_assets.records.tables import RECORD_TABLES, cycles


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A record's times and cycle, as far as it has them.

    `synced_at`: when the request was sent that last confirmed it; `deleted_at`: the one that found it gone.
    """

    cycle_id: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    nap: bool = False
    synced_at: datetime | None = None
    deleted_at: datetime | None = None


def of_record(connection: Connection, user_id: int, stream: str, key: str) -> Whereabouts | None:
    """The member's sleep, recovery (by its sleep's id) or workout, deleted ones too; None: not stored."""
    c = RECORD_TABLES[stream].c
    query = select(RECORD_TABLES[stream]).where(c[KEY[stream]] == key, c.user_id == user_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return Whereabouts(
        row.get("cycle_id"),
        row["start_time"],
        row["end_time"],
        bool(row.get("nap")),
        row["synced_at"],
        row["deleted_at"],
    )


def cycle_synced_at(connection: Connection, user_id: int, cycle_id: int) -> datetime | None:
    """When the request was sent that last confirmed the member's cycle; None: there is no such cycle."""
    c = cycles.c
    query = select(c.synced_at).where(c.id == cycle_id, c.user_id == user_id, c.deleted_at.is_(None))
    found: datetime | None = connection.scalar(query)
    return found


def unclosed_cycles(connection: Connection, user_id: int) -> list[int]:
    """Ids of the member's cycles that are stored as open although a later cycle is stored, oldest first.

    Such a cycle has closed since it was last read. A cycle that WHOOP still calls open in a response to a request after the
    later cycle was stored is left out: reading it once more would bring the same.
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
