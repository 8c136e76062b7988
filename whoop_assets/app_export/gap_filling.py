"""Finds the imported records that fill a day: those of streams without a read from the API."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, select

from whoop_assets.app_export.import_ledger import ImportedSpan, imported_spans
from whoop_assets.app_export.matching import BESIDE, rematch
from whoop_assets.app_export.tables import IMPORTED_RECORDS, imported_cycles, imports
from whoop_assets.records.read_days import moved
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.records.tables import RECORD_TABLES, cycles

Row = dict[str, Any]
Key = tuple[int, date]
Spans = Mapping[tuple[int, str], Sequence[ImportedSpan]]


@dataclass(frozen=True, slots=True)
class ImportedRecords:
    """Imported records of some days, each on the day that it can fill.

    Attributes:
        cycles: Rows with `matched_id`, the id of the same API record, and `alive`: None without a match, else
            whether the record still exists. `sleeps` and `workouts` likewise.
        newest_cycle: Start of each member's newest cycle, from the API or an export.
        naps_known: Member-days that an export with a sleeps file covers; `workouts_known` likewise.
    """

    cycles: list[Row]
    sleeps: list[Row]
    workouts: list[Row]
    newest_cycle: dict[int, datetime]
    naps_known: set[Key]
    workouts_known: set[Key]


def imported_records(
    connection: Connection, members: Collection[int], first: date, last: date, at: datetime
) -> ImportedRecords | None:
    """Returns the imported records of the days first..last; None if there are none.

    Matches the records with the API again, and marks days outside the range stale if a match changed.
    """
    importing = _importing(connection, members)
    if not importing:
        return None
    for user_id, day in rematch(connection, importing, first, last):
        if not first <= day <= last:
            STALE_DAYS.mark(connection, user_id, [day], at)
    found = {kind: _imported(connection, importing, kind, first, last) for kind in IMPORTED_RECORDS}
    _follow_cycles(connection, found)
    found = {kind: [row for row in rows if first <= row["day"] <= last] for kind, rows in found.items()}
    if not any(found.values()):
        return None
    spans = imported_spans(connection, importing)
    return ImportedRecords(
        **found,
        newest_cycle=_newest_cycles(connection, importing),
        naps_known=_known("sleeps", found, spans),
        workouts_known=_known("workouts", found, spans),
    )


def _known(kind: str, found: Mapping[str, list[Row]], spans: Spans) -> set[Key]:
    """Returns the member-days with a cycle in an export that has every record of the kind of that day."""
    listed = [(row, row["start_time"]) for row in found["cycles"]]
    listed += [(row, _cycle_start(row)) for row in (*found["sleeps"], *found["workouts"])]
    return {
        (row["user_id"], row["day"])
        for row, start in listed
        if any(
            span.has_all_of(start, row["timezone_offset"]) for span in spans.get((row["user_id"], kind), ())
        )
    }


def _cycle_start(row: Row) -> datetime:
    """Returns the start of the cycle of an imported sleep or workout."""
    start: datetime = row.get("assigned_cycle_start_time") or row["cycle_start_time"]
    return start


def _importing(connection: Connection, members: Collection[int]) -> list[int]:
    """Returns those members with any import."""
    query = select(imports.c.user_id).where(imports.c.user_id.in_(list(members))).distinct()
    return sorted(connection.scalars(query))


def _imported(
    connection: Connection, members: Collection[int], kind: str, first: date, last: date
) -> list[Row]:
    """Returns the imported records of these and the neighbouring days, by start."""
    table, records = IMPORTED_RECORDS[kind], RECORD_TABLES[kind]
    columns = [column for column in table.c if column.name not in ("payload", "content_hash")]
    query = (
        select(*columns, records.c.id.label("found"), records.c.deleted_at)
        .join_from(table, records, records.c.id == table.c.matched_id, isouter=True)
        .where(
            table.c.user_id.in_(list(members)),
            table.c.day.between(moved(first, -BESIDE), moved(last, BESIDE)),
        )
        .order_by(table.c.user_id, table.c.start_time)
    )
    rows = []
    for found in connection.execute(query).mappings():
        row = dict(found)
        exists = (row.pop("found") is not None) & (row.pop("deleted_at") is None)
        row["alive"] = None if row["matched_id"] is None else exists
        rows.append(row)
    return rows


def _follow_cycles(connection: Connection, found: Mapping[str, list[Row]]) -> None:
    """Move records of matched cycles to the day of the API's cycle.

    The API's cycles are the calendar.
    """
    for row in found["cycles"]:
        row["moved"] = False
    ids = {row["matched_id"] for row in found["cycles"] if row["alive"]}
    if not ids:
        return
    members = {row["user_id"] for row in found["cycles"]}
    query = select(cycles.c.id, cycles.c.day).where(
        cycles.c.user_id.in_(members), cycles.c.deleted_at.is_(None)
    )
    low, high = (edge(row["day"] for row in found["cycles"]) for edge in (min, max))
    days = dict(
        connection.execute(query.where(cycles.c.day.between(moved(low, -BESIDE), moved(high, BESIDE)))).all()
    )
    day_of: dict[tuple[int, datetime], date] = {}
    for row in found["cycles"]:
        day = days.get(row["matched_id"]) if row["alive"] else None
        if day is not None:
            row["moved"] = day != row["day"]
            day_of[row["user_id"], row["start_time"]] = row["day"] = day
    for row in (*found["sleeps"], *found["workouts"]):
        row["day"] = day_of.get((row["user_id"], _cycle_start(row)), row["day"])


def _newest_cycles(connection: Connection, members: Collection[int]) -> dict[int, datetime]:
    """Returns the start of each member's newest cycle, from the API or an export."""
    found: dict[int, datetime] = {}
    for table, alive in ((cycles, cycles.c.deleted_at.is_(None)), (imported_cycles, None)):
        query = select(table.c.user_id, func.max(table.c.start_time, type_=table.c.start_time.type))
        query = query.where(table.c.user_id.in_(list(members))).group_by(table.c.user_id)
        if alive is not None:
            query = query.where(alive)
        for user_id, start in connection.execute(query):
            found[user_id] = max(start, found.get(user_id, start))
    return found
