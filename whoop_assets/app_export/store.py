"""Stores imported exports by natural key. The newest export decides in the span that it covers."""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, func, select, update

from whoop_assets.app_export.import_ledger import ExportSpan, ImportedSpan, newer_spans
from whoop_assets.app_export.matching import TOLERANCE
from whoop_assets.app_export.parsing.rows import Rejected
from whoop_assets.app_export.tables import (
    IMPORTED_TABLES,
    cycle_column,
    export_quarantine,
    imported_cycles,
    imported_sleeps,
)
from whoop_assets.db.statements import add_rows, delete_rows, insert_or_replace, update_rows
from whoop_assets.records.quarantine import keep_rows
from whoop_assets.records.tables import cycles
from whoop_assets.whoop_day import Calendar, CalendarCycle, cycle_day, parse_offset

Row = dict[str, Any]
Merge = Callable[[Row, Row], Row]
"""(row of the newer export, row of the older one) -> the row to keep."""

_ASSIGNED = "assigned_cycle_start_time"
_NO_CONTENT = frozenset(
    {"payload", "content_hash", "first_seen_at", "changed_at", "imported_at", "matched_id", _ASSIGNED}
)
"""Columns without content of the export: raw text, import times, and values derived from other rows."""


@dataclass(slots=True)
class Stored:
    """Number of rows of one kind by the effect of an import.

    Attributes:
        gone: Rows that the export no longer contains.
        older: Rows that were skipped, because a newer export covers them.
        days: WHOOP days with a difference.
    """

    new: int = 0
    changed: int = 0
    same: int = 0
    gone: int = 0
    older: int = 0
    days: set[date] = field(default_factory=set)


def content_hash(table: Table, row: Mapping[str, Any]) -> str:
    """Returns the hash of an imported row without its key."""
    content = {
        name: value
        for name, value in row.items()
        if name not in _NO_CONTENT and name not in table.primary_key.columns
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def store(
    connection: Connection,
    user_id: int,
    kind: str,
    rows: Sequence[Row],
    span: ExportSpan,
    at: datetime,
    *,
    authoritative: bool,
    merge: Merge | None = None,
) -> Stored:
    """Stores the rows of one kind of an export.

    A row of an older export is replaced. A row in the span of a newer export is skipped, except a new row on
    a day on which that export may lack it.

    Args:
        rows: Rows with distinct keys.
        authoritative: The kind's own file was complete, so that stored rows it does not contain are deleted,
            from its first record to the newest cycle of the export.
        merge: Decides what remains of two rows with the same key.
    """
    table = IMPORTED_TABLES[kind]
    names = [column.name for column in table.primary_key.columns]
    newer = newer_spans(connection, user_id, kind, span)
    start = cycle_column(table).name
    result = Stored()
    before: dict[tuple[Any, ...], Row] = {
        tuple(row[name] for name in names): dict(row)
        for row in connection.execute(select(table).where(table.c.user_id == user_id)).mappings()
    }
    added, replaced, covered = [], [], []
    for given in rows:
        key = tuple(given[name] for name in names)
        old = before.get(key)
        row = given | {"content_hash": content_hash(table, given)}
        if any(_decides(other, row, start, old) for other in newer):
            kept = None if old is None or merge is None else _with_hash(table, merge(old, row), row)
            if old is None or kept is None or kept["content_hash"] == old["content_hash"]:
                result.older += 1
                continue
            row = kept
        elif old is not None and merge is not None:
            row = _with_hash(table, merge(row, old), row)
        covered.append(row)
        if old is None:
            result.new += 1
            result.days.add(row["day"])
            added.append(row | {"first_seen_at": at, "changed_at": at, "imported_at": at})
            continue
        del before[key]
        same = old["content_hash"] == row["content_hash"]
        if same:
            result.same += 1
        else:
            result.changed += 1
        if not same or any(old.get(name) != row.get(name) for name in ("day", _ASSIGNED)):
            result.days |= {row["day"], old["day"]}
        when = {
            "first_seen_at": old["first_seen_at"],
            "changed_at": old["changed_at"] if same else at,
            "imported_at": at,
        }
        replaced.append(row | when)
    add_rows(connection, table, added)
    insert_or_replace(connection, table, replaced, keep={"first_seen_at"})
    gone: set[tuple[Any, ...]] = set()
    if authoritative and covered:
        lowest = min(row[start] for row in covered)
        gone |= {
            key
            for key, row in before.items()
            if lowest <= row[start] <= span.as_of and not any(other.covers(row[start]) for other in newer)
        }
    if table is imported_sleeps:
        # A stored row of the same sleep with another nap flag is replaced.
        begun = {row["start_time"] for row in covered}
        gone |= {key for key, row in before.items() if row["start_time"] in begun}
    result.gone = len(gone)
    result.days |= {before[key]["day"] for key in gone}
    delete_rows(connection, table, gone)
    return result


def _decides(newer: ImportedSpan, row: Row, start: str, old: Row | None) -> bool:
    """Whether the newer export decides on the row, of which `old` is stored; None if it is not."""
    if old is not None:
        return newer.covers(row[start])
    return newer.has_all_of(row[start], row["timezone_offset"])


def _with_hash(table: Table, merged: Row, like: Row) -> Row:
    """Returns the merged row with the columns of `like`, and its hash."""
    row = {name: merged[name] for name in like}
    return row | {"content_hash": content_hash(table, row)}


def naps(connection: Connection, user_id: int) -> dict[datetime, bool]:
    """Returns start -> whether it is a nap, for the member's imported sleeps."""
    c = imported_sleeps.c
    query = select(c.start_time, c.nap).where(c.user_id == user_id)
    return {row.start_time: row.nap for row in connection.execute(query)}


class CycleOfSleep:
    """Assigns imported sleeps to cycles.

    A sleep belongs to the cycle that names its onset, else to the cycle that contains it, else to the cycle
    that the sleep names.
    """

    def __init__(self, connection: Connection, user_id: int) -> None:
        c = imported_cycles.c
        query = select(c.start_time, c.end_time, c.timezone_offset, c.sleep_start_time)
        found = connection.execute(query.where(c.user_id == user_id).order_by(c.start_time)).all()
        cycles = [
            CalendarCycle(number, row.start_time, row.end_time, parse_offset(row.timezone_offset))
            for number, row in enumerate(found)
        ]
        self._calendar = Calendar(cycles)
        self._named = {
            row.sleep_start_time: cycle
            for row, cycle in zip(found, cycles, strict=True)
            if row.sleep_start_time
        }

    def of(self, start: datetime, listed_under: datetime) -> tuple[datetime, date] | None:
        """Returns start and day of the sleep's cycle; None if no known cycle names or contains the sleep."""
        cycle = self._named.get(start) or self._calendar.containing(start)
        # A cycle that was open in one export ended before a later cycle of another export.
        if cycle is None or (cycle.end is None and cycle.start < listed_under):
            return None
        return cycle.start, cycle.day


def assign_sleeps(connection: Connection, user_id: int, cycles: CycleOfSleep) -> set[date]:
    """Assigns the member's imported sleeps to their cycles. Returns the days with a change."""
    c = imported_sleeps.c
    query = select(
        c.start_time, c.nap, c.cycle_start_time, c.timezone_offset, c.day, c.assigned_cycle_start_time
    ).where(c.user_id == user_id)
    moved: list[Row] = []
    days: set[date] = set()
    for row in connection.execute(query):
        cycle = cycles.of(row.start_time, row.cycle_start_time)
        if cycle is not None:
            assigned, day = None if cycle[0] == row.cycle_start_time else cycle[0], cycle[1]
        elif row.assigned_cycle_start_time == row.start_time:
            continue  # a night with a cycle that has no row
        else:
            assigned, day = None, cycle_day(row.cycle_start_time, parse_offset(row.timezone_offset))
        if (assigned, day) != (row.assigned_cycle_start_time, row.day):
            key = {"user_id": user_id, "start_time": row.start_time, "nap": row.nap}
            moved.append({**key, "assigned_cycle_start_time": assigned, "day": day})
            days |= {row.day, day}
    update_rows(connection, imported_sleeps, moved)
    return days


# Quarantine


def quarantine(
    connection: Connection, user_id: int, file: str, rejected: Mapping[str, Rejected], at: datetime
) -> set[str]:
    """Stores rejected rows of the file, and resolves earlier entries that the file no longer contains.

    Args:
        rejected: Hash of the row -> the row.

    Returns:
        Hashes of the rows that were dismissed before. They stay closed.
    """
    c = export_quarantine.c
    is_open = (c.user_id == user_id, c.file == file, c.resolved_at.is_(None))
    connection.execute(update(export_quarantine).where(*is_open).values(resolved_at=at))
    rows = {
        digest: {"line": row.line, "reason": row.reason, "row_text": row.text}
        for digest, row in rejected.items()
    }
    return keep_rows(connection, export_quarantine, {"user_id": user_id, "file": file}, rows, at)


# Figures of an import


def matched(connection: Connection, user_id: int, kind: str) -> int:
    """Returns the number of imported rows of the kind with a matching record of the API."""
    c = IMPORTED_TABLES[kind].c
    query = select(func.count()).where(c.user_id == user_id, c.matched_id.is_not(None))
    return connection.scalar(query) or 0


def agreement(connection: Connection, user_id: int, starts: Collection[datetime]) -> tuple[int, int]:
    """Returns how many of these cycle starts fall into known cycles, and how many match the start of one.

    Known are cycles of the API and of earlier exports. An open cycle counts as one day.
    """
    if not starts:
        return 0, 0
    low, high = min(starts) - timedelta(days=30), max(starts) + TOLERANCE
    known: list[tuple[datetime, datetime]] = []
    for table in (cycles, imported_cycles):
        c = table.c
        query = select(c.start_time, c.end_time).where(c.user_id == user_id, c.start_time.between(low, high))
        if table is cycles:
            query = query.where(c.deleted_at.is_(None))
        known += [(start, end or start + timedelta(days=1)) for start, end in connection.execute(query)]
    known.sort()
    comparable = agreeing = place = 0
    nearby: list[tuple[datetime, datetime]] = []
    for moment in sorted(starts):
        while place < len(known) and known[place][0] <= moment + TOLERANCE:
            nearby.append(known[place])
            place += 1
        nearby = [span for span in nearby if span[1] > moment]
        comparable += bool(nearby)
        agreeing += any(abs(start - moment) <= TOLERANCE for start, _ in nearby)
    return comparable, agreeing


def lacking(connection: Connection, of: int, at: int) -> int:
    """How many imported rows of one member the other one does not have."""
    count = 0
    for table in IMPORTED_TABLES.values():
        # Two exports may disagree on whether a sleep is a nap.
        keys = [column for column in table.primary_key.columns if column.name not in ("user_id", "nap")]
        theirs = set(connection.execute(select(*keys).where(table.c.user_id == at)).all())
        ours = connection.execute(select(*keys).where(table.c.user_id == of)).all()
        count += sum(key not in theirs for key in ours)
    return count
