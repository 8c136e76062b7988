"""Parses a whole export: each row becomes a record, or is rejected with its line and the reason."""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Protocol, TypeVar

from whoop_assets.app_export.parsing import rows
from whoop_assets.app_export.parsing.archive import UnreadableExport
from whoop_assets.app_export.parsing.headings import CYCLES, FILES, JOURNAL, SLEEPS, WORKOUTS
from whoop_assets.app_export.parsing.rows import (
    ExportedCycle,
    ExportedSleep,
    ExportedWorkout,
    JournalEntry,
    Rejected,
    Row,
    Texts,
)
from whoop_assets.app_export.parsing.table import Table, read_table
from whoop_assets.whoop_day import begins_as_nap

_MAX_REASON_CHARACTERS = 200
_MAX_HEADINGS_SHOWN = 1_000


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
    """The result of reading a file.

    Attributes:
        name: The name of the file in the export.
        rows: Lines that are not blank, without the headings.
        repeated: Rows that are in the file more than once.
        without_day: Journal answers that name no cycle.
        merged: Further rows of a cycle, each with another sleep.
        rejected: Rows that could not be placed.
        faults: Single cells that could not be read; their values are None.
        unknown_columns: Headings that are not known. Their cells are kept in `payload` only.
    """

    name: str = ""
    rows: int = 0
    repeated: int = 0
    without_day: int = 0
    merged: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    faults: list[Rejected] = field(default_factory=list)
    unknown_columns: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether every row was accepted."""
        return not self.rejected

    @property
    def incomplete_days(self) -> list[date] | None:
        """The days that may lack a record because of a rejected row, in order; None: any day may."""
        days = {row.day for row in self.rejected if not row.repeats}
        return None if None in days else sorted(day for day in days if day is not None)


@dataclass(frozen=True, slots=True)
class UnknownFile:
    """A CSV file without the headings of an export in a known language."""

    name: str
    headings: str


@dataclass(slots=True)
class Export:
    """Content of an export. `files` has an entry for each file, by its English name."""

    cycles: list[ExportedCycle] = field(default_factory=list)
    sleeps: list[ExportedSleep] = field(default_factory=list)
    workouts: list[ExportedWorkout] = field(default_factory=list)
    journal: list[JournalEntry] = field(default_factory=list)
    files: dict[str, FileRead] = field(default_factory=dict)
    unknown_files: list[UnknownFile] = field(default_factory=list)

    @property
    def cycle_starts(self) -> list[datetime]:
        """The starts of all cycles in the export, in order. A later export has a later last start."""
        starts = [cycle.start_time for cycle in self.cycles]
        starts += [sleep.cycle_start_time for sleep in self.sleeps]
        starts += [workout.cycle_start_time for workout in self.workouts]
        starts += [entry.cycle_start_time for entry in self.journal]
        return sorted(set(starts))

    @property
    def rejected(self) -> list[Rejected]:
        """All rejected rows, by file."""
        return [rejected for found in self.files.values() for rejected in found.rejected]


def read_export(files: Mapping[str, bytes]) -> Export:
    """Reads the files of an export. Headings identify the files; names and order do not matter.

    The first of two rows with the same key counts. The second is counted as repeated if it is equal, else
    rejected. Sleeps that are only in physiological_cycles.csv are read from there.

    Raises:
        UnreadableExport: No file has headings of an export, a file exists twice with different contents, or
            a required column is missing.
    """
    export = Export()
    tables = _tables(files, export)
    if not tables:
        raise UnreadableExport(_no_export(export.unknown_files))
    for kind in FILES:
        if kind not in tables:
            continue
        table = tables[kind]
        rejected = [_rejected(kind, row, reason) for row, reason in table.malformed]
        found = FileRead(table.name, table.count, rejected=rejected, unknown_columns=table.columns.unknown)
        export.files[kind] = found
        if kind == SLEEPS:
            export.sleeps = _records(table, rows.sleep, found)
        elif kind == WORKOUTS:
            export.workouts = _records(table, rows.workout, found)
        elif kind == JOURNAL:
            export.journal = _records(table, rows.journal_entry, found)
        found.faults = [
            _rejected(kind, row, reason) for row in table.rows for reason in dict.fromkeys(row.faults)
        ]
    if CYCLES in tables:
        _cycles(tables[CYCLES], export)
    return export


def _tables(files: Mapping[str, bytes], export: Export) -> dict[str, Table]:
    """Returns the files of the export by kind."""
    found: dict[str, Table] = {}
    for name, content in files.items():
        table = read_table(name, content)
        if table.kind is None:
            headings = ", ".join(heading.strip() for heading in table.headings)
            export.unknown_files.append(UnknownFile(name, headings[:_MAX_HEADINGS_SHOWN]))
            continue
        lacking = table.lacks()
        if lacking is not None:
            raise UnreadableExport(
                f"{name} lacks the required column {lacking!r}: import the export as the app sent it."
                f" Its headings are: {', '.join(table.headings)[:_MAX_HEADINGS_SHOWN]}."
            )
        before = found.setdefault(table.kind, table)
        if before is not table and files[before.name] != content:
            raise UnreadableExport(
                f"{before.name} and {name} are both the {table.kind} of an export: give one export at a time."
            )
    return found


def _no_export(unknown: Iterable[UnknownFile]) -> str:
    headings = "; ".join(f"{file.name}: {file.headings or '(empty)'}" for file in unknown)
    return (
        "No file has the headings of the app's data export in English, German, Spanish, French or Brazilian"
        " Portuguese, so nothing was stored. Report these headings if they are of an export in another"
        f" language: {headings or 'none'}."
    )


def _cycles(table: Table, export: Export) -> None:
    """Reads the cycles with the recovery of the sleep in their row, and sleeps only in these rows."""
    found = export.files[CYCLES]
    listed = {sleep.start_time: sleep.nap for sleep in export.sleeps}
    chosen: dict[datetime, tuple[bool, ExportedCycle]] = {}
    described: dict[datetime, ExportedSleep] = {}
    for row in table.rows:
        try:
            cycle = rows.cycle(row)
        except ValueError as error:
            found.rejected.append(_rejected(CYCLES, row, str(error)))
            continue
        cycle, sleep = _with_its_sleep(cycle, row, found, listed)
        named = cycle.sleep_start_time
        nap = named is not None and listed.get(named, begins_as_nap(cycle.start_time, named))
        known = chosen.get(cycle.start_time)
        if known is None:
            chosen[cycle.start_time] = (nap, cycle)
        elif known[1].raw == cycle.raw:
            found.repeated += 1
            continue
        elif named is None or known[1].sleep_start_time == named:
            found.rejected.append(_contradicting(CYCLES, row, known[1].line))
            continue
        else:
            # A further row of the cycle for another sleep: the recovery of the main sleep is the cycle's.
            found.merged += 1
            if not nap and (known[0] or known[1].sleep_start_time is None):
                chosen[cycle.start_time] = (nap, cycle)
        if sleep is not None and sleep.start_time not in listed:
            described.setdefault(sleep.start_time, sleep)
    found.faults = [
        _rejected(CYCLES, row, reason) for row in table.rows for reason in dict.fromkeys(row.faults)
    ]
    export.cycles = [cycle for _, cycle in chosen.values()]
    export.sleeps += described.values()


def _with_its_sleep(
    cycle: ExportedCycle, row: Row, found: FileRead, listed: Container[datetime]
) -> tuple[ExportedCycle, ExportedSleep | None]:
    """The cycle with the onset that its row names, and the sleep that the row describes.

    A sleep with an unusable time is rejected, and its recovery with it, unless sleeps.csv lists a sleep with
    that onset.
    """
    onset: datetime | None = None
    try:
        onset = rows.onset_of_cycle(row)
        if onset is None:
            return cycle, None
        return replace(cycle, sleep_start_time=onset), rows.sleep(row)
    except ValueError as error:
        if onset in listed:
            row.faults.append(str(error))
            return replace(cycle, sleep_start_time=onset), None
        found.rejected.append(_rejected(CYCLES, row, str(error)))
        return replace(cycle, values=dict(cycle.values) | dict.fromkeys(rows.RECOVERY)), None


def _records(table: Table, read: Callable[[Row], Record | None], found: FileRead) -> list[Record]:
    known: dict[object, Record] = {}
    kind = table.kind or ""
    for row in table.rows:
        try:
            record = read(row)
        except ValueError as error:
            found.rejected.append(_rejected(kind, row, str(error)))
            continue
        if record is None:
            found.without_day += 1
            continue
        before = known.setdefault(record.key, record)
        if before is record:
            continue
        if before.raw == row.raw:
            found.repeated += 1
        else:
            found.rejected.append(_contradicting(kind, row, before.line))
    return list(known.values())


def _rejected(kind: str, row: Row, reason: str) -> Rejected:
    shown = reason if len(reason) <= _MAX_REASON_CHARACTERS else reason[:_MAX_REASON_CHARACTERS] + "..."
    return Rejected(kind, row.line, shown, ",".join(row.raw.values()), rows.day_of(row))


def _contradicting(kind: str, row: Row, line: int) -> Rejected:
    return replace(_rejected(kind, row, f"it contradicts line {line}, which is about the same"), repeats=True)
