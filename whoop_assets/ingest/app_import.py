"""Importing the app's own export: read it, keep it, fill the days that the API does not give, and what follows from them."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from whoop_assets.app_export import Export, Rejected, UnreadableExport, files_of_zip, read_export
from whoop_assets.app_export.archive import (
    CYCLES,
    FILES,
    JOURNAL,
    SLEEPS,
    WORKOUTS,
    one_of_each,
    require_size,
)
from whoop_assets.errors import WhoopError
from whoop_assets.ingest.follow import rebuild_behind, rebuild_weeks
from whoop_assets.ingest.journal import rebuild_effects, rebuild_journal
from whoop_assets.ingest.summarise import BUILT_ALONG, rebuild_days
from whoop_assets.spans import spans_of
from whoop_assets.warehouse import exports, members, stale_days
from whoop_assets.warehouse.database import Database
from whoop_assets.warehouse.exports import Span, Stored, Unreadable
from whoop_assets.warehouse.ledgers import STALE_TRENDS, STALE_WEEKS, Ledger

KIND_OF = {CYCLES: "cycles", SLEEPS: "sleeps", WORKOUTS: "workouts", JOURNAL: "journal"}
"""File -> the kind of record in it."""

DEEPEST = 3
"""How many folders below the given one the files of an export are looked for."""

ENOUGH_TO_JUDGE, LEAST_AGREEMENT = 5, 0.5
"""So many cycles of an export must lie in time that is known of the member before it is judged whose it is, and such a
share of them must be the member's own."""


class ForeignExport(WhoopError):
    """The export is about somebody else, as far as its times tell."""


class LeavesSomethingBehind(WhoopError):
    """A member cannot be replaced by another who lacks some of what is stored."""


@dataclass(slots=True)
class KindImported:
    """What became of one kind of record: rows, `file` its own (None: not in the export)."""

    file: str | None
    in_export: int
    stored: Stored
    rejected: int
    repeated: int
    matched: int = 0
    filling: int = 0


@dataclass(slots=True)
class Imported:
    """What became of an import. `days_rebuilt`: daily summaries; `filled_days`: all that the member has from exports."""

    user_id: int
    is_new: bool
    kinds: dict[str, KindImported] = field(default_factory=dict)
    missing_files: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    first_day: date | None = None
    last_day: date | None = None
    days_rebuilt: int = 0
    filled_days: int = 0
    habits: int = 0


def read_files(path: Path) -> dict[str, bytes]:
    """The files of the export at this path, a zip or a folder, by name.

    Raises UnreadableExport, and OSError when the path cannot be read.
    """
    shown = path.name or str(path)
    if not path.is_dir():
        with path.open("rb") as file:
            return files_of_zip(file, shown)
    found: dict[str, Path] = {}
    for folder, below, names in os.walk(path):
        if len(Path(folder).relative_to(path).parts) >= DEEPEST:
            below.clear()
        for name in names:
            if not (Path(folder) / name).is_symlink():
                found[(Path(folder) / name).relative_to(path).as_posix()] = Path(folder) / name
    contents = {}
    for name, file_path in one_of_each(found, shown).items():
        require_size(file_path.stat().st_size, name, shown)
        contents[name] = file_path.read_bytes()
    return contents


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

    Raises UnreadableExport, UnknownMember, LeavesSomethingBehind, and ForeignExport when most of the cycles in time that is
    known of the member are others; `force` imports them all the same.
    """
    export = read_export(files)
    starts = export.cycle_starts
    if not starts and not any(found.rejected for found in export.files.values()):
        raise UnreadableExport("The export holds no rows: there is nothing to import.")
    span = Span(starts[0], starts[-1]) if starts else None
    concerned = {members.NEWCOMERS if user_id is None else user_id, instead_of}
    with database.write([one for one in concerned if one is not None]) as connection:
        at = database.now(connection)
        if user_id is None:
            result = Imported(members.add_export_only(connection, at), is_new=True)
        else:
            members.chosen(connection, [user_id])
            result = Imported(user_id, is_new=False)
            if not force:
                _require_own(user_id, *exports.agreement(connection, user_id, starts))
        if instead_of is not None:
            (replaced,) = members.chosen(connection, [instead_of])
            if replaced.status != members.EXPORT_ONLY or instead_of == result.user_id:
                raise LeavesSomethingBehind(
                    f"Member {instead_of} cannot be replaced: only a member who comes from an export alone can be, by another"
                    " one."
                )
        _store(connection, result, export, span, at)
        if instead_of is not None:
            left = exports.lacking(connection, instead_of, result.user_id)
            if left:
                raise LeavesSomethingBehind(
                    f"{left} records of member {instead_of} are not in this export: import the export that holds them for"
                    f" member {result.user_id} as well, before one takes the other's place; nothing was stored."
                )
            members.erase(connection, instead_of)
        days = stale_days.generations(connection, [result.user_id], date.min, date.max)
    result.days_rebuilt = _follow(database, result.user_id, [entry.day for entry in days])
    rebuild_journal(database, [result.user_id])
    result.habits = rebuild_effects(database, [result.user_id]).rows
    with database.read() as connection:
        for kind, entry in result.kinds.items():
            if kind != "journal":
                entry.matched = exports.matched(connection, result.user_id, kind)
                entry.filling = exports.filling(connection, result.user_id, kind)
        result.filled_days = exports.filled_days(connection, result.user_id)
    return result


def _require_own(user_id: int, comparable: int, agreeing: int) -> None:
    if comparable >= ENOUGH_TO_JUDGE and agreeing < LEAST_AGREEMENT * comparable:
        raise ForeignExport(
            f"Of {comparable} cycles of this export in time that is known of member {user_id}, only {agreeing} are theirs: it"
            " seems to be somebody else's, so choose with --member; if it is theirs, add --force. Nothing was stored."
        )


def _store(connection: Any, result: Imported, export: Export, span: Span | None, at: datetime) -> None:
    rows = rows_of(export, result.user_id)
    days: set[date] = set()
    held: list[str] = []
    result.missing_files = [name for name in FILES if name not in export.files]
    for name, kind in KIND_OF.items():
        found = export.files.get(name)
        if found is None and not rows[kind]:
            continue
        stored = Stored()
        if span is not None:
            whole = found is not None and found.whole
            stored = exports.store(
                connection, result.user_id, kind, rows[kind], span, at, authoritative=whole
            )
        days |= stored.days
        if found is None:
            result.kinds[kind] = KindImported(None, len(rows[kind]), stored, 0, 0)
            continue
        held.append(kind)
        result.rejected += found.rejected
        result.kinds[kind] = KindImported(
            name, found.rows, stored, rejected=len(found.rejected), repeated=found.repeated
        )
        unreadable = [Unreadable(r.line, r.reason, r.text, _hash(r.text or r.line)) for r in found.rejected]
        exports.quarantine(connection, result.user_id, name, unreadable, at)
    listed = {row["day"] for kind in rows.values() for row in kind}
    result.first_day, result.last_day = min(listed, default=None), max(listed, default=None)
    if span is not None and exports.record_import(connection, result.user_id, held, span, at):
        # A file that was not there before, or not for these days, tells of each of them also by what it does not hold.
        days |= listed
    stale_days.mark(connection, result.user_id, days, at)


def rows_of(export: Export, user_id: int) -> dict[str, list[dict[str, Any]]]:
    """The rows of the tables of imported records, by kind, as this export has them."""
    found: dict[str, list[dict[str, Any]]] = {}
    found["cycles"] = [
        _row(
            user_id,
            one.offset,
            one.day,
            one.raw,
            dict(one.values) | {"end_time": one.end},
            start_time=one.start,
        )
        for one in export.cycles
    ]
    found["sleeps"] = [
        _row(
            user_id,
            one.offset,
            one.day,
            one.raw,
            dict(one.values) | {"end_time": one.end, "cycle_start_time": one.cycle_start},
            start_time=one.start,
            nap=one.nap,
        )
        for one in export.sleeps
    ]
    found["workouts"] = [
        _row(
            user_id,
            one.offset,
            one.day,
            one.raw,
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
            one.offset,
            one.day,
            one.raw,
            {"answered_yes": one.answered_yes, "notes": one.notes},
            cycle_start_time=one.cycle_start,
            question=one.question,
        )
        for one in export.journal
    ]
    return found


def _row(
    user_id: int, offset: str, day: date, raw: Mapping[str, str], said: dict[str, Any], **key: Any
) -> dict[str, Any]:
    content = said | {"timezone_offset": offset, "day": day}
    return {
        "user_id": user_id,
        **key,
        **content,
        "payload": json.dumps(dict(raw), ensure_ascii=False, sort_keys=True),
        # Of what is said and not of how: the same row with a further column, or from the other file, is the same.
        "content_hash": _hash(content),
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
