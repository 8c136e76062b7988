"""Imports an export of the WHOOP app: reads and stores it, then rebuilds the summaries that depend on it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from whoop_assets.app_export import import_ledger
from whoop_assets.app_export import store as export_store
from whoop_assets.app_export.import_ledger import ExportSpan
from whoop_assets.app_export.parsing.archive import UnreadableExport
from whoop_assets.app_export.parsing.headings import CYCLES, FILES, JOURNAL, SLEEPS, WORKOUTS
from whoop_assets.app_export.parsing.reading import Export, FileRead, UnknownFile, read_export
from whoop_assets.app_export.parsing.rows import (
    RECOVERY,
    ExportedCycle,
    ExportedSleep,
    ExportedWorkout,
    JournalEntry,
    Rejected,
)
from whoop_assets.app_export.store import Stored
from whoop_assets.db.database import Database
from whoop_assets.errors import WhoopError
from whoop_assets.journal.rebuild import rebuild_effects, rebuild_journal
from whoop_assets.members import store as member_store
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.summaries import store as summary_store
from whoop_assets.summaries.rebuild import rebuild_stale_days, rebuild_stale_trends_and_weeks
from whoop_assets.sync.members import membership
from whoop_assets.whoop_day import begins_as_nap, cycle_day, parse_offset

KIND_OF = {CYCLES: "cycles", SLEEPS: "sleeps", WORKOUTS: "workouts", JOURNAL: "journal"}
"""File -> the kind of record in it."""

MIN_COMPARABLE_CYCLES, MIN_AGREEMENT = 5, 0.5
"""An export is checked against the member if this many of its cycles lie in time that is known from the API.

At least this share of them must be the member's own.
"""


_NO_COLUMNS = frozenset({"values", "line", "raw", "listed", "cycle_end"})
"""Fields of an exported record that are not columns of the same name."""


class ForeignExport(WhoopError):
    """The times of the export do not match those of the member."""


class LeavesSomethingBehind(WhoopError):
    """A member cannot be replaced, because some stored records are not in this export."""


MAX_REASONS = 3
"""Number of rows that an error names if every row was rejected."""


@dataclass(slots=True)
class KindImported:
    """Result for one kind of record, in rows.

    Attributes:
        file: English name of its file; None if the export has none.
        name: Name of the file in the export.
        rejected: Rejected rows without those that were dismissed before.
        matched: Rows that the API has too.
        filling: Rows that are used in a daily summary.
    """

    file: str | None
    name: str | None
    in_export: int
    stored: Stored
    rejected: int = 0
    repeated: int = 0
    matched: int = 0
    filling: int = 0


@dataclass(slots=True)
class Imported:
    """Result of an import.

    Attributes:
        rejected: Rejected rows that were not dismissed before.
        dismissed: Number of rejected rows that were dismissed before.
        faults: Single cells that could not be read.
        nap_days: Number of days with the recovery of a nap.
        days_rebuilt: Number of rebuilt daily summaries.
        filled_days: Number of all days of the member with values from exports.
    """

    user_id: int
    is_new: bool
    kinds: dict[str, KindImported] = field(default_factory=dict)
    missing_files: list[str] = field(default_factory=list)
    unknown_files: list[UnknownFile] = field(default_factory=list)
    unknown_columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rejected: list[Rejected] = field(default_factory=list)
    dismissed: int = 0
    faults: list[Rejected] = field(default_factory=list)
    without_day: int = 0
    nap_days: int = 0
    first_day: date | None = None
    last_day: date | None = None
    days_rebuilt: int = 0
    filled_days: int = 0
    habits: int = 0


def import_export(
    database: Database,
    files: Mapping[str, bytes],
    user_id: int | None,
    *,
    force: bool = False,
    instead_of: int | None = None,
) -> Imported:
    """Import an export and rebuild everything that depends on it.

    One transaction stores rows, stale days and the ledger of imports. Importing the same files again changes
    only `imported_at`.

    Args:
        files: File name -> content.
        user_id: The member; None for a new member without a connection to WHOOP.
        force: Import although the times do not match those of the member.
        instead_of: An export-only member to erase, if all records of that member are in this export too.

    Raises:
        UnreadableExport: The files are no export, or every row was rejected.
        UnknownMember: The member is not stored here.
        ForeignExport: Most comparable cycles are not the member's.
        LeavesSomethingBehind: `instead_of` has records that are not in this export.
    """
    export = read_export(files)
    starts = export.cycle_starts
    if not starts:
        raise UnreadableExport(_nothing_to_import(export))
    span = ExportSpan(starts[0], starts[-1])
    locked = {member_store.NEWCOMERS if user_id is None else user_id, instead_of}
    with database.write([member for member in locked if member is not None]) as connection:
        at = database.now(connection)
        if user_id is None:
            result = Imported(membership.add_export_only(connection, at), is_new=True)
        else:
            member_store.chosen(connection, [user_id])
            result = Imported(user_id, is_new=False)
            if not force:
                _require_own(user_id, *export_store.agreement(connection, user_id, starts))
        if instead_of is not None:
            (replaced,) = member_store.chosen(connection, [instead_of])
            if replaced.status != member_store.EXPORT_ONLY or instead_of == result.user_id:
                raise LeavesSomethingBehind(
                    f"Member {instead_of} cannot be replaced: only a member without a connection to WHOOP"
                    " can be replaced by another member."
                )
        _store(connection, result, files, export, span, at)
        if instead_of is not None:
            left = export_store.lacking(connection, instead_of, result.user_id)
            if left:
                raise LeavesSomethingBehind(
                    f"Member {instead_of} has records that are not in this export ({left} in all): first"
                    f" import the export that contains them for member {result.user_id}; nothing was stored."
                )
            membership.erase_member(connection, instead_of)
        days = STALE_DAYS.generations(connection, [result.user_id], date.min, date.max)
    rebuild_stale_days(database, days)
    rebuild_stale_trends_and_weeks(database, result.user_id)
    result.days_rebuilt = len(days)
    rebuild_journal(database, [result.user_id])
    result.habits = rebuild_effects(database, [result.user_id]).rows
    with database.read() as connection:
        for kind, entry in result.kinds.items():
            if kind != "journal":
                entry.matched = export_store.matched(connection, result.user_id, kind)
                entry.filling = summary_store.filling(connection, result.user_id, kind)
        result.filled_days = summary_store.filled_days(connection, result.user_id)
    return result


def _require_own(user_id: int, comparable: int, agreeing: int) -> None:
    if comparable >= MIN_COMPARABLE_CYCLES and agreeing < MIN_AGREEMENT * comparable:
        raise ForeignExport(
            f"Only {agreeing} of {comparable} cycles of this export agree with those of member {user_id}, so"
            " it is probably another member's, and nothing was stored: name that member with --member ID, or"
            " a new one with --member new; if it is this member's, add --force."
        )


def _nothing_to_import(export: Export) -> str:
    rejected = export.rejected
    if not rejected:
        return "The export has no rows that belong to a day: there is nothing to import."
    reasons = "; ".join(
        f"{export.files[row.file].name}, line {row.line}: {row.reason}" for row in rejected[:MAX_REASONS]
    )
    return f"Every row of the export was refused ({len(rejected)} in all), so nothing was stored: {reasons}."


def _store(
    connection: Connection,
    result: Imported,
    contents: Mapping[str, bytes],
    export: Export,
    span: ExportSpan,
    at: datetime,
) -> None:
    user_id = result.user_id
    # sleeps.csv of this export or an earlier one says which sleeps are naps; without it the onset decides.
    known = export_store.naps(connection, user_id)
    sleeps = [
        sleep if sleep.listed else replace(sleep, nap=known.get(sleep.start_time, sleep.nap))
        for sleep in export.sleeps
    ]
    nap_rule = _NapRule(known | {sleep.start_time: sleep.nap for sleep in sleeps})
    # The day of a sleep follows from its cycle, so sleeps become rows after the cycles are stored.
    rows: dict[str, list[dict[str, Any]]] = {
        "cycles": [_row(user_id, cycle) for cycle in export.cycles],
        "sleeps": [],
        "workouts": [_row(user_id, workout) for workout in export.workouts],
        "journal": [_row(user_id, answer) for answer in export.journal],
    }
    result.nap_days = len({row["day"] for row in rows["cycles"] if nap_rule.applies(row)})
    result.missing_files = [name for name in FILES if name not in export.files]
    result.unknown_files = export.unknown_files
    days: set[date] = set()
    # Kind -> days on which its file may lack a record. A file with rejected rows only describes no day.
    incomplete_days: dict[str, list[date] | None] = {}
    for file, kind in KIND_OF.items():
        found = export.files.get(file)
        if kind == "sleeps":
            cycle_of = export_store.CycleOfSleep(connection, user_id)
            rows[kind] = [_sleep_row(user_id, sleep, cycle_of) for sleep in sleeps]
        if found is None and not rows[kind]:
            continue
        stored = export_store.store(
            connection,
            user_id,
            kind,
            rows[kind],
            span,
            at,
            authoritative=found is not None and found.whole,
            merge=nap_rule.keep_main_recovery if kind == "cycles" else None,
        )
        days |= stored.days
        entry = result.kinds[kind] = KindImported(None, None, len(rows[kind]), stored)
        if found is None:
            continue
        open_rows = _report_file(connection, result, entry, found, contents.get(found.name, b""), file, at)
        if rows[kind] or not open_rows:
            incomplete_days[kind] = replace(found, rejected=open_rows).incomplete_days
    days |= export_store.assign_sleeps(connection, user_id, export_store.CycleOfSleep(connection, user_id))
    listed = {row["day"] for kind in rows.values() for row in kind}
    result.first_day, result.last_day = min(listed, default=None), max(listed, default=None)
    if import_ledger.record_import(connection, user_id, incomplete_days, span, at):
        # The first file for these days also shows which days have no record of its kind.
        days |= listed | import_ledger.days_in(connection, user_id, span)
    STALE_DAYS.mark(connection, user_id, days, at)


def _report_file(
    connection: Connection,
    result: Imported,
    entry: KindImported,
    found: FileRead,
    content: bytes,
    file: str,
    at: datetime,
) -> list[Rejected]:
    """Quarantine the rejected rows of a file, and add to the result how the file was read.

    Returns:
        Rejected rows that were not dismissed before.
    """
    lines = content.splitlines()
    entry.file, entry.name, entry.in_export, entry.repeated = file, found.name, found.rows, found.repeated
    result.without_day += found.without_day
    result.faults += found.faults
    if found.unknown_columns:
        result.unknown_columns[found.name] = found.unknown_columns
    hashes = [_hash(row.text or _raw_line(lines, row.line)) for row in found.rejected]
    rejected = dict(zip(hashes, found.rejected, strict=True))
    dismissed = export_store.quarantine(connection, result.user_id, file, rejected, at)
    open_ones = [row for digest, row in zip(hashes, found.rejected, strict=True) if digest not in dismissed]
    entry.rejected = len(open_ones)
    result.rejected += open_ones
    result.dismissed += len(found.rejected) - len(open_ones)
    return open_ones


class _NapRule:
    """Decides which recoveries belong to naps. `naps`: start of each known sleep -> whether it is a nap."""

    def __init__(self, naps: Mapping[datetime, bool]) -> None:
        self._naps = naps

    def applies(self, row: Mapping[str, Any]) -> bool:
        """Return whether this row of a cycle has the recovery of a nap."""
        onset = row["sleep_start_time"]
        return onset is not None and self._naps.get(onset, begins_as_nap(row["start_time"], onset))

    def keep_main_recovery(self, newer: dict[str, Any], older: dict[str, Any]) -> dict[str, Any]:
        """Return the newer row, with the older row's recovery if only that belongs to a main sleep."""
        lost = self.applies(newer) and not self.applies(older)
        if not lost or all(older[name] is None for name in RECOVERY):
            return newer
        return newer | {name: older[name] for name in ("sleep_start_time", *RECOVERY)}


def _sleep_row(user_id: int, sleep: ExportedSleep, cycle_of: export_store.CycleOfSleep) -> dict[str, Any]:
    assigned, day = sleep.cycle_start_time, sleep.day
    cycle = cycle_of.of(sleep.start_time, sleep.cycle_start_time)
    if cycle is not None:
        assigned, day = cycle
    elif not sleep.nap and sleep.cycle_end is not None and sleep.start_time >= sleep.cycle_end:
        # The named cycle had ended before this sleep. A cycle begins with its night, so this sleep began the
        # next one.
        assigned = sleep.start_time
        day = cycle_day(assigned, parse_offset(sleep.timezone_offset))
    other = None if assigned == sleep.cycle_start_time else assigned
    return _row(user_id, sleep) | {"assigned_cycle_start_time": other, "day": day}


def _row(
    user_id: int, record: ExportedCycle | ExportedSleep | ExportedWorkout | JournalEntry
) -> dict[str, Any]:
    values = {one.name: getattr(record, one.name) for one in fields(record) if one.name not in _NO_COLUMNS}
    payload = json.dumps(dict(record.raw), ensure_ascii=False, sort_keys=True)
    return {"user_id": user_id, **values, **getattr(record, "values", {}), "payload": payload}


def _raw_line(lines: Sequence[bytes], number: int) -> str:
    """Return the text of a line that is not CSV, so that another bad line gets another hash."""
    return lines[number - 1].decode("latin-1") if number <= len(lines) else f"line {number}"


def _hash(content: str) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
