"""What days are filled with that the API does not give: the imported records that the API has nothing of."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from whoop_assets.warehouse import stale_days
from whoop_assets.warehouse.export_matching import rematch
from whoop_assets.warehouse.tables import cycles
from whoop_assets.warehouse.tables_export import IMPORTED_TABLES, imported_cycles, imports

Row = dict[str, Any]
Key = tuple[int, date]
Spans = dict[tuple[int, str], list[tuple[datetime, datetime]]]


@dataclass(frozen=True, slots=True)
class Lacking:
    """The imported records of days that the API does not give.

    `newest_cycle`: the start of each member's newest cycle, wherever it is known from. `naps_known`, `workouts_known`:
    the member-days for which an export had the file that tells of them.
    """

    cycles: list[Row]
    sleeps: list[Row]
    workouts: list[Row]
    newest_cycle: dict[int, datetime]
    naps_known: set[Key]
    workouts_known: set[Key]


def lacking(
    connection: Connection,
    members: Collection[int],
    first: date,
    last: date,
    given: Collection[Key],
    at: datetime,
) -> Lacking | None:
    """What exports say of the days first..last that are not among the member-days `given` by the API; None: nothing.

    A day that the API gives is the API's entirely. The imported records are matched anew with those of the API first, and
    what is matched is not used, on whatever day: it is there already, or WHOOP has deleted it. A day beside these ones on
    which a match changes is marked stale.
    """
    importing = _importing(connection, members)
    if not importing:
        return None
    for user_id, day in rematch(connection, importing, first, last):
        if not first <= day <= last:
            stale_days.mark(connection, user_id, [day], at)
    found = {
        kind: [row for row in rows if (row["user_id"], row["day"]) not in given]
        for kind, rows in _unmatched(connection, importing, first, last).items()
    }
    if not any(found.values()):
        return None
    spans = _spans(connection, importing)
    return Lacking(
        **found,
        newest_cycle=_newest_cycles(connection, importing),
        naps_known=_known("sleeps", found, spans),
        workouts_known=_known("workouts", found, spans),
    )


def _known(kind: str, found: dict[str, list[Row]], spans: Spans) -> set[Key]:
    """The member-days whose cycles an export with a file of that kind covers."""
    listed = [(row, row["start_time"]) for row in found["cycles"]]
    listed += [(row, row["cycle_start_time"]) for row in (*found["sleeps"], *found["workouts"])]
    return {
        (row["user_id"], row["day"])
        for row, start in listed
        if any(low <= start <= high for low, high in spans.get((row["user_id"], kind), ()))
    }


def _importing(connection: Connection, members: Collection[int]) -> list[int]:
    """Which of these members anything was imported for."""
    query = select(imports.c.user_id).where(imports.c.user_id.in_(list(members))).distinct()
    return sorted(connection.scalars(query))


def _unmatched(
    connection: Connection, members: Collection[int], first: date, last: date
) -> dict[str, list[Row]]:
    """Imported cycles, sleeps and workouts of these days of which the API has no record."""
    found: dict[str, list[Row]] = {}
    for kind in ("cycles", "sleeps", "workouts"):
        table = IMPORTED_TABLES[kind]
        query = select(*(column for column in table.c if column.name not in ("payload", "content_hash")))
        rows = connection.execute(
            query.where(
                table.c.user_id.in_(list(members)),
                table.c.day.between(first, last),
                table.c.matched_id.is_(None),
            ).order_by(table.c.user_id, table.c.start_time)
        )
        found[kind] = [dict(row) for row in rows.mappings()]
    return found


def _spans(connection: Connection, members: Collection[int]) -> Spans:
    """(member, kind) -> the spans of which exports had a file of that kind."""
    c = imports.c
    query = select(c.user_id, c.kind, c.first_time, c.last_time).where(c.user_id.in_(list(members)))
    found: Spans = {}
    for user_id, kind, first, last in connection.execute(query):
        found.setdefault((user_id, kind), []).append((first, last))
    return found


def _newest_cycles(connection: Connection, members: Collection[int]) -> dict[int, datetime]:
    """The start of each member's newest cycle, from the API or from an export."""
    found: dict[int, datetime] = {}
    for table, alive in ((cycles, cycles.c.deleted_at.is_(None)), (imported_cycles, None)):
        query = select(table.c.user_id, func.max(table.c.start_time, type_=table.c.start_time.type))
        query = query.where(table.c.user_id.in_(list(members))).group_by(table.c.user_id)
        if alive is not None:
            query = query.where(alive)
        for user_id, start in connection.execute(query):
            found[user_id] = max(start, found.get(user_id, start))
    return found
