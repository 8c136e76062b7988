"""Importing the app's own export: read it, keep it, fill the days that the API does not give, and what follows from them."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from whoop_assets.app_export import store as export_store
from whoop_assets.app_export.parsing import (
    Export,
    FileRead,
    Rejected,
    UnknownFile,
    UnreadableExport,
    read_export,
)
from whoop_assets.app_export.parsing.headings import CYCLES, FILES, JOURNAL, SLEEPS, WORKOUTS
from whoop_assets.app_export.parsing.rows import RECOVERY, Cycle, JournalEntry, Sleep, Workout
from whoop_assets.app_export.store import Span, Stored, Unreadable
from whoop_assets.date_ranges import spans_of
from whoop_assets.db.database import Database
from whoop_assets.errors import WhoopError
from whoop_assets.journal.rebuild import rebuild_effects, rebuild_journal
from whoop_assets.members import store as member_store
from whoop_assets.records import stale_days
from whoop_assets.records.ledgers import STALE_TRENDS, STALE_WEEKS, Ledger
from whoop_assets.summaries.follow import rebuild_behind, rebuild_weeks
from whoop_assets.summaries.rebuild import BUILT_ALONG, rebuild_days
from whoop_assets.sync import import_summary
from whoop_assets.whoop_day import begins_as_nap, cycle_day, parse_offset

KIND_OF = {CYCLES: "cycles", SLEEPS: "sleeps", WORKOUTS: "workouts", JOURNAL: "journal"}
"""File -> the kind of record in it."""

ENOUGH_TO_JUDGE, LEAST_AGREEMENT = 5, 0.5
"""So many cycles of an export must lie in time that is known of the member before it is judged whose it is, and such a
share of them must be the member's own."""


class ForeignExport(WhoopError):
    """The export is about somebody else, as far as its times tell."""


class LeavesSomethingBehind(WhoopError):
    """A member cannot be replaced by another who lacks some of what is stored."""


MAX_REASONS = 3
"""How many rows an error names if every row was refused."""


@dataclass(slots=True)
class KindImported:
    """What became of one kind of record, in rows.

    `file`: the English name of its file, None if it was not in the export; `name`: what the file is called.
    `rejected` leaves out the rows that were dismissed before.
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
    """What became of an import.

    `rejected`: rows that were not understood and not dismissed before; `dismissed`: how many were. `faults`: single cells that could
    not be read. `nap_days`: days whose row in the export has the recovery of a nap. `days_rebuilt`: daily summaries;
    `filled_days`: all that the member has from exports.
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
    """Import an export for this member, or for a new one without any connection; everything that follows is rebuilt.

    The import is one transaction: the rows, the days they touch, the ledger. Importing the same again changes nothing but
    `imported_at`. `instead_of`: an export-only member of whom everything is in this export too; they are erased.

    Raises UnreadableExport, also when every row is refused, UnknownMember, LeavesSomethingBehind, and ForeignExport when most
    of the cycles in time that is known of the member are others; `force` imports them all the same.
    """
    export = read_export(files)
    starts = export.cycle_starts
    if not starts:
        raise UnreadableExport(_nothing_to_import(export))
    span = Span(starts[0], starts[-1])
    concerned = {member_store.NEWCOMERS if user_id is None else user_id, instead_of}
    with database.write([one for one in concerned if one is not None]) as connection:
        at = database.now(connection)
        if user_id is None:
            result = Imported(member_store.add_export_only(connection, at), is_new=True)
        else:
            member_store.chosen(connection, [user_id])
            result = Imported(user_id, is_new=False)
            if not force:
                _require_own(user_id, *export_store.agreement(connection, user_id, starts))
        if instead_of is not None:
            (replaced,) = member_store.chosen(connection, [instead_of])
            if replaced.status != member_store.EXPORT_ONLY or instead_of == result.user_id:
                raise LeavesSomethingBehind(
                    f"Member {instead_of} cannot be replaced: only a member who comes from an export alone can be, by another"
                    " one."
                )
        _store(connection, result, export, span, at)
        if instead_of is not None:
            left = export_store.lacking(connection, instead_of, result.user_id)
            if left:
                raise LeavesSomethingBehind(
                    f"{left} records of member {instead_of} are not in this export: import the export that holds them for"
                    f" member {result.user_id} as well, before one takes the other's place; nothing was stored."
                )
            member_store.erase(connection, instead_of)
        days = stale_days.generations(connection, [result.user_id], date.min, date.max)
    result.days_rebuilt = _follow(database, result.user_id, [entry.day for entry in days])
    rebuild_journal(database, [result.user_id])
    result.habits = rebuild_effects(database, [result.user_id]).rows
    with database.read() as connection:
        for kind, entry in result.kinds.items():
            if kind != "journal":
                entry.matched = export_store.matched(connection, result.user_id, kind)
                entry.filling = import_summary.filling(connection, result.user_id, kind)
        result.filled_days = import_summary.filled_days(connection, result.user_id)
    return result


def _require_own(user_id: int, comparable: int, agreeing: int) -> None:
    if comparable >= ENOUGH_TO_JUDGE and agreeing < LEAST_AGREEMENT * comparable:
        raise ForeignExport(
            f"Only {agreeing} of {comparable} cycles of this export agree with those of member {user_id}, so it is probably another"
            " member's, and nothing was stored: name that member with --member ID, or a new one with --member new; if it is this"
            " member's, add --force."
        )


def _nothing_to_import(export: Export) -> str:
    rejected = export.rejected
    if not rejected:
        return "The export holds no rows that belong to a day: there is nothing to import."
    reasons = "; ".join(
        f"{export.files[one.file].name}, line {one.line}: {one.reason}" for one in rejected[:MAX_REASONS]
    )
    return f"All {len(rejected)} rows of the export were refused, so nothing was stored: {reasons}."


def _store(connection: Any, result: Imported, export: Export, span: Span, at: datetime) -> None:
    user_id = result.user_id
    # sleeps.csv says what a nap is, of this export or of an earlier one; without it the onset tells.
    known = export_store.naps(connection, user_id)
    sleeps = [
        sleep if sleep.listed else sleep.as_nap(known.get(sleep.start, sleep.nap)) for sleep in export.sleeps
    ]
    is_nap = _NapRule(known | {sleep.start: sleep.nap for sleep in sleeps})
    rows = rows_of(export, user_id)
    result.nap_days = len({cycle.day for cycle in export.cycles if is_nap.names_one(cycle)})
    result.missing_files = [name for name in FILES if name not in export.files]
    result.unknown_files = export.unknown_files
    days: set[date] = set()
    held: list[str] = []
    for file, kind in KIND_OF.items():
        found = export.files.get(file)
        if kind == "sleeps":  # after the cycles, which say where sleeps belong
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
            merge=is_nap.keep_main_recovery if kind == "cycles" else None,
        )
        days |= stored.days
        entry = result.kinds[kind] = KindImported(None, None, len(rows[kind]), stored)
        if found is None:
            continue
        held.append(kind)
        _report_file(connection, result, entry, found, file, at)
    days |= export_store.assign_sleeps(connection, user_id, export_store.CycleOfSleep(connection, user_id))
    listed = {row["day"] for kind in rows.values() for row in kind}
    result.first_day, result.last_day = min(listed, default=None), max(listed, default=None)
    if export_store.record_import(connection, user_id, held, span, at):
        # A file that was not there before, or not for these days, tells of each of them also by what it does not hold.
        days |= listed
    stale_days.mark(connection, user_id, days, at)


def _report_file(
    connection: Any, result: Imported, entry: KindImported, found: FileRead, file: str, at: datetime
) -> None:
    """Quarantine the rejected rows of a file, and add to the result how the file was read."""
    entry.file, entry.name, entry.in_export, entry.repeated = file, found.name, found.rows, found.repeated
    result.without_day += found.without_day
    result.faults += found.faults
    if found.unknown_columns:
        result.unknown_columns[found.name] = found.unknown_columns
    unreadable = [
        Unreadable(row.line, row.reason, row.text, _hash(row.text or row.line)) for row in found.rejected
    ]
    dismissed = export_store.quarantine(connection, result.user_id, file, unreadable, at)
    open_ones = [
        row
        for row, kept in zip(found.rejected, unreadable, strict=True)
        if kept.content_hash not in dismissed
    ]
    entry.rejected = len(open_ones)
    result.rejected += open_ones
    result.dismissed += len(found.rejected) - len(open_ones)


class _NapRule:
    """Which recoveries are of naps. `naps`: start -> whether it is a nap, of the sleeps that are known."""

    def __init__(self, naps: Mapping[datetime, bool]) -> None:
        self._naps = naps

    def names_one(self, cycle: Cycle) -> bool:
        """Whether the row of this cycle has the recovery of a nap."""
        return self._of_nap(cycle.start, cycle.sleep_start)

    def keep_main_recovery(self, newer: dict[str, Any], older: dict[str, Any]) -> dict[str, Any]:
        """The newer row of a cycle, with the recovery of the older one if only that is of a main sleep."""
        lost = self._row_of_nap(newer) and not self._row_of_nap(older)
        if not lost or all(older[name] is None for name in RECOVERY):
            return newer
        return newer | {name: older[name] for name in ("sleep_start_time", *RECOVERY)}

    def _row_of_nap(self, row: Mapping[str, Any]) -> bool:
        return self._of_nap(row["start_time"], row["sleep_start_time"])

    def _of_nap(self, cycle_start: datetime, onset: datetime | None) -> bool:
        return onset is not None and self._naps.get(onset, begins_as_nap(cycle_start, onset))


def rows_of(export: Export, user_id: int) -> dict[str, list[dict[str, Any]]]:
    """The rows of the tables of imported cycles, workouts and answers, by kind, as this export has them."""
    found: dict[str, list[dict[str, Any]]] = {"sleeps": []}
    found["cycles"] = [
        _row(
            user_id,
            one,
            dict(one.values) | {"end_time": one.end, "sleep_start_time": one.sleep_start},
            start_time=one.start,
        )
        for one in export.cycles
    ]
    found["workouts"] = [
        _row(
            user_id,
            one,
            dict(one.values)
            | {"end_time": one.end, "cycle_start_time": one.cycle_start, "sport_name": one.sport_name},
            start_time=one.start,
            activity_name=one.activity,
        )
        for one in export.workouts
    ]
    found["journal"] = [
        _row(
            user_id,
            one,
            {"answered_yes": one.answered_yes, "notes": one.notes},
            cycle_start_time=one.cycle_start,
            question=one.question,
        )
        for one in export.journal
    ]
    return found


def _sleep_row(user_id: int, sleep: Sleep, cycle_of: export_store.CycleOfSleep) -> dict[str, Any]:
    assigned, day = sleep.cycle_start, sleep.day
    cycle = cycle_of.of(sleep.start, sleep.cycle_start)
    if cycle is not None:
        assigned, day = cycle
    elif not sleep.nap and sleep.cycle_end is not None and sleep.start >= sleep.cycle_end:
        # The named cycle had ended: a cycle begins with its night, so the next one began with this sleep.
        assigned, day = sleep.start, cycle_day(sleep.start, parse_offset(sleep.offset))
    said = dict(sleep.values) | {
        "end_time": sleep.end,
        "cycle_start_time": sleep.cycle_start,
        "assigned_cycle_start_time": None if assigned == sleep.cycle_start else assigned,
    }
    return _row(user_id, sleep, said, start_time=sleep.start, nap=sleep.nap) | {"day": day}


def _row(
    user_id: int, record: Cycle | Sleep | Workout | JournalEntry, said: dict[str, Any], **key: Any
) -> dict[str, Any]:
    return {
        "user_id": user_id,
        **key,
        **said,
        "timezone_offset": record.offset,
        "day": record.day,
        "payload": json.dumps(dict(record.raw), ensure_ascii=False, sort_keys=True),
    }


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _follow(database: Database, user_id: int, days: Iterable[date]) -> int:
    """Rebuild the summaries of these days, and the trends and weeks that follow from them; returns how many days."""
    wanted = set(days)
    for first, last in spans_of(wanted, apart=BUILT_ALONG):
        rebuild_days(database, [user_id], first, last)

    def behind(ledger: Ledger) -> list[Any]:
        with database.read() as connection:
            return ledger.generations(connection, [user_id], date.min, date.max)

    rebuild_behind(database, behind(STALE_TRENDS))
    mondays = [entry.day for entry in behind(STALE_WEEKS)]
    if mondays:
        rebuild_weeks(database, [user_id], min(mondays), max(mondays))
    return len(wanted)
