"""Matches imported records with records of the API by kind and time, because exports contain no ids."""

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from whoop_assets.app_export.tables import IMPORTED_RECORDS
from whoop_assets.db.statements import update_rows
from whoop_assets.records.read_days import moved
from whoop_assets.records.tables import RECORD_TABLES

TOLERANCE = timedelta(seconds=60)
"""Maximum distance of two starts of the same record.

Exports drop milliseconds, and edits in the app have a resolution of a minute.
"""

BESIDE = timedelta(days=2)
"""Maximum distance of an imported record from its day in the API's calendar."""


@dataclass(frozen=True, slots=True)
class Known:
    """A record of the API: id, start, and whether it still exists."""

    id: Any
    start: datetime
    alive: bool = True


def pairs(ours: Sequence[tuple[Hashable, datetime]], theirs: Sequence[Known]) -> dict[Hashable, Any]:
    """Returns key of the imported record -> id of the API record that starts within TOLERANCE.

    Each record is in at most one pair. Existing records precede deleted ones, then the nearer start, the
    earlier start and the lower id count.
    """
    candidates = []
    place = 0
    known = sorted(theirs, key=lambda one: one.start)
    for key, start in sorted(ours, key=lambda one: one[1]):
        while place < len(known) and known[place].start < start - TOLERANCE:
            place += 1
        for one in known[place:]:
            if one.start > start + TOLERANCE:
                break
            candidates.append(
                (not one.alive, abs(one.start - start), start, str(one.id), str(key), key, one.id)
            )
    found: dict[Hashable, Any] = {}
    taken = set()
    for *_, key, identity in sorted(candidates, key=lambda candidate: candidate[:5]):
        if key not in found and identity not in taken:
            found[key] = identity
            taken.add(identity)
    return found


def rematch(
    connection: Connection, members: Collection[int], first: date, last: date
) -> set[tuple[int, date]]:
    """Matches the imported records of these days and their neighbours again.

    Returns the member-days with a changed match.
    """
    return {
        (user_id, day)
        for user_id in members
        for kind in IMPORTED_RECORDS
        for day in _rematch(connection, user_id, kind, first, last)
    }


def _rematch(connection: Connection, user_id: int, kind: str, first: date, last: date) -> set[date]:
    table, records = IMPORTED_RECORDS[kind], RECORD_TABLES[kind]
    names = [column.name for column in table.primary_key.columns]
    c = table.c
    rows = connection.execute(
        select(*(c[name] for name in names), c.matched_id, c.day).where(
            c.user_id == user_id, c.day.between(moved(first, -BESIDE), moved(last, BESIDE))
        )
    ).all()
    if not rows:
        return set()
    starts = [row.start_time for row in rows]
    r = records.c
    given = connection.execute(
        select(r.id, r.start_time, r.deleted_at, *((r.nap,) if kind == "sleeps" else ())).where(
            r.user_id == user_id, r.start_time.between(min(starts) - TOLERANCE, max(starts) + TOLERANCE)
        )
    ).all()
    found: dict[Hashable, Any] = {}
    for nap in (False, True) if kind == "sleeps" else (None,):
        ours = [(tuple(row)[:-2], row.start_time) for row in rows if nap is None or row.nap is nap]
        theirs = [
            Known(row.id, row.start_time, row.deleted_at is None)
            for row in given
            if nap is None or row.nap is nap
        ]
        found |= pairs(ours, theirs)
    other = [row for row in rows if row.matched_id != found.get(tuple(row)[:-2])]
    changes = [
        {**dict(zip(names, row, strict=False)), "matched_id": found.get(tuple(row)[:-2])} for row in other
    ]
    update_rows(connection, table, changes)
    return {row.day for row in other}
