"""A whole export: every row of its files as a record, or rejected with its line and the reason."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from whoop_assets.app_export import rows
from whoop_assets.app_export.archive import CYCLES, FILES, JOURNAL, SLEEPS, WORKOUTS, UnreadableExport
from whoop_assets.app_export.rows import Cycle, JournalEntry, Rejected, Sleep, Texts, Workout, plain

NEEDED: dict[str, tuple[str, ...]] = {
    CYCLES: (rows.START, rows.ZONE),
    SLEEPS: (rows.START, rows.ZONE, rows.ONSET, rows.WAKE, rows.NAP),
    WORKOUTS: (rows.START, rows.ZONE, rows.BEGUN, rows.ENDED, rows.ACTIVITY),
    JOURNAL: (rows.START, rows.ZONE, rows.QUESTION, rows.ANSWER),
}
"""Without these columns no row of the file can be placed. All others may be missing: variants differ in them."""

_MOST_SHOWN = 200


class _Keyed(Protocol):
    @property
    def key(self) -> object: ...
    @property
    def line(self) -> int: ...
    @property
    def raw(self) -> Texts: ...


Record = TypeVar("Record", bound=_Keyed)


@dataclass(slots=True)
class FileRead:
    """What became of the rows of a file; `repeated`: the same row again. `whole`: nothing of it was rejected."""

    rows: int = 0
    repeated: int = 0
    rejected: list[Rejected] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return not self.rejected


@dataclass(slots=True)
class Export:
    """What an export says. `files` has an entry for each file that was in it."""

    cycles: list[Cycle] = field(default_factory=list)
    sleeps: list[Sleep] = field(default_factory=list)
    workouts: list[Workout] = field(default_factory=list)
    journal: list[JournalEntry] = field(default_factory=list)
    files: dict[str, FileRead] = field(default_factory=dict)

    @property
    def cycle_starts(self) -> list[datetime]:
        """The starts of the cycles that are named anywhere in it, in order. Of two exports the later has the latest."""
        starts = [cycle.start for cycle in self.cycles]
        starts += [sleep.cycle_start for sleep in self.sleeps]
        starts += [workout.cycle_start for workout in self.workouts]
        starts += [entry.cycle_start for entry in self.journal]
        return sorted(set(starts))


def read_export(files: Mapping[str, bytes]) -> Export:
    """Read the files of an export, by name; which of them are there, and in which order their rows are, does not matter.

    Two rows of one key are one record: the first stands, the second is counted if it says the same and rejected if it
    does not. The main sleeps that physiological_cycles.csv tells of are taken from there where sleeps.csv lacks them.

    Raises UnreadableExport for a file that is not text in UTF-8 or lacks a column that nothing works without.
    """
    export = Export(files={name: FileRead() for name in FILES if name in files})
    for name, found in export.files.items():
        table = list(_rows(name, files[name], found))
        if name == CYCLES:
            export.cycles = _records(name, table, rows.cycle, found)
            _main_sleeps(export, table)
        elif name == SLEEPS:
            slept = _records(name, table, rows.sleep, found)
            listed = {one.key for one in slept}
            export.sleeps = slept + [one for one in export.sleeps if one.key not in listed]
        elif name == WORKOUTS:
            export.workouts = _records(name, table, rows.workout, found)
        else:
            export.journal = _records(name, table, rows.journal_entry, found)
    return export


def _main_sleeps(export: Export, table: list[tuple[int, Texts]]) -> None:
    """The main sleeps of the cycles that were understood; a row whose sleep is not is rejected with its cycle."""
    by_line = {cycle.line: cycle for cycle in export.cycles}
    for line, row in table:
        if line not in by_line:
            continue
        try:
            found = rows.main_sleep(row, line)
        except ValueError as error:
            del by_line[line]
            export.files[CYCLES].rejected.append(_rejected(CYCLES, line, str(error), row))
            continue
        if found is not None:
            export.sleeps.append(found)
    export.cycles = list(by_line.values())


def _records(
    name: str, table: list[tuple[int, Texts]], read: Callable[[Texts, int], Record], found: FileRead
) -> list[Record]:
    known: dict[object, Record] = {}
    for line, row in table:
        try:
            record = read(row, line)
        except ValueError as error:
            found.rejected.append(_rejected(name, line, str(error), row))
            continue
        before = known.setdefault(record.key, record)
        if before is record:
            continue
        if before.raw == row:
            found.repeated += 1
        else:
            reason = f"it contradicts line {before.line}, which is about the same"
            found.rejected.append(_rejected(name, line, reason, row))
    return list(known.values())


def _rows(name: str, content: bytes, found: FileRead) -> Iterator[tuple[int, Texts]]:
    """The line and the cells of each row that has as many cells as the heading; others are rejected."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableExport(
            f"{name} is not text in UTF-8, as the app writes it: give the export as the app sent it."
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""))
    heading = next(reader, None)
    if heading is None:
        return  # an empty file: nobody kept a journal
    columns = [plain(cell) for cell in heading]
    lacking = [column for column in NEEDED[name] if plain(column) not in columns]
    if lacking:
        raise UnreadableExport(
            f"{name} lacks the column {lacking[0]!r}, without which its rows cannot be placed: give the export as the app"
            " sent it."
        )
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            found.rows += 1
            found.rejected.append(Rejected(name, line, f"it is not CSV: {error}", ""))
            continue
        if cells is None:
            return
        if not any(cell.strip() for cell in cells):
            continue
        found.rows += 1
        if any("\x00" in cell for cell in cells):
            shown = ",".join(cells).replace("\x00", "\N{REPLACEMENT CHARACTER}")
            found.rejected.append(Rejected(name, line, "it holds a character that no text has", shown))
        elif len(cells) < len(columns) or any(cell.strip() for cell in cells[len(columns) :]):
            reason = f"it has {len(cells)} cells where the heading has {len(columns)}"
            found.rejected.append(Rejected(name, line, reason, ",".join(cells)))
        else:
            yield line, dict(zip(columns, cells, strict=False))


def _rejected(name: str, line: int, reason: str, row: Texts) -> Rejected:
    shown = reason if len(reason) <= _MOST_SHOWN else reason[:_MOST_SHOWN] + "..."
    return Rejected(name, line, shown, ",".join(row.values()))
