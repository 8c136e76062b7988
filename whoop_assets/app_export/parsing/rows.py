"""Rows of an export as records.

Like the API's records, they have UTC times, kilojoules, milliseconds and WHOOP's field names.

A record knows the line it stood in and the row as it was (`raw`), and its WHOOP day: that of the cycle it is
listed under, which the export names by its start.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from whoop_assets.app_export.parsing.activities import slug
from whoop_assets.app_export.parsing.headings import (
    ACTIVITY,
    ANSWER,
    BEGUN,
    END,
    ENDED,
    NAP,
    NOTES,
    ONSET,
    QUESTION,
    SKIN_CELSIUS,
    SKIN_FAHRENHEIT,
    START,
    WAKE,
    ZONE,
    plain,
)
from whoop_assets.app_export.parsing.values import (
    fahrenheit,
    flag,
    instant,
    kilocalories,
    minutes,
    number,
    share_of,
    whole,
    zone,
)
from whoop_assets.whoop_day import begins_as_nap, cycle_day, parse_offset

Texts = Mapping[str, str]
"""Cells by the key of their column; see `headings.columns_of`."""

Reader = Callable[[str], Any]
MAX_QUESTION_CHARACTERS, MAX_ACTIVITY_CHARACTERS = 500, 128

RECOVERY: dict[str, tuple[str, Reader]] = {
    "recovery_score": ("Recovery score %", number),
    "resting_heart_rate": ("Resting heart rate (bpm)", number),
    "hrv_rmssd_milli": ("Heart rate variability (ms)", number),
    "skin_temp_celsius": (SKIN_CELSIUS, number),
    "spo2_percentage": ("Blood oxygen %", number),
}
HEART: dict[str, tuple[str, Reader]] = {
    "kilojoule": ("Energy burned (cal)", kilocalories),
    "max_heart_rate": ("Max HR (bpm)", whole),
    "average_heart_rate": ("Average HR (bpm)", whole),
}
STRAIN: dict[str, tuple[str, Reader]] = {"strain": ("Day Strain", number), **HEART}
ASLEEP: dict[str, tuple[str, Reader]] = {
    "sleep_performance_percentage": ("Sleep performance %", number),
    "respiratory_rate": ("Respiratory rate (rpm)", number),
    "asleep_milli": ("Asleep duration (min)", minutes),
    "total_in_bed_time_milli": ("In bed duration (min)", minutes),
    "total_light_sleep_time_milli": ("Light sleep duration (min)", minutes),
    "total_slow_wave_sleep_time_milli": ("Deep (SWS) duration (min)", minutes),
    "total_rem_sleep_time_milli": ("REM duration (min)", minutes),
    "total_awake_time_milli": ("Awake duration (min)", minutes),
    "sleep_needed_milli": ("Sleep need (min)", minutes),
    "need_from_sleep_debt_milli": ("Sleep debt (min)", minutes),
    "sleep_efficiency_percentage": ("Sleep efficiency %", number),
    "sleep_consistency_percentage": ("Sleep consistency %", number),
}
EXERTION: dict[str, tuple[str, Reader]] = {
    "strain": ("Activity Strain", number),
    **HEART,
    "gps_enabled": ("GPS enabled", flag),
    "distance_meter": ("Distance (meters)", number),
    "altitude_gain_meter": ("Altitude gain (meters)", number),
    "altitude_change_meter": ("Altitude change (meters)", number),
}
ZONES: dict[str, tuple[str, Reader]] = {
    f"zone_{name}_milli": (f"HR Zone {place} %", number)
    for place, name in enumerate(("one", "two", "three", "four", "five"), 1)
}

NUMBERS = frozenset(
    plain(heading)
    for columns in (RECOVERY, STRAIN, ASLEEP, EXERTION, ZONES)
    for heading, read in columns.values()
    if read is not flag
) | {plain(SKIN_FAHRENHEIT)}
"""The keys of the columns with numbers."""
TIMES = frozenset(map(plain, (START, END, ONSET, WAKE, BEGUN, ENDED)))
"""The keys of the columns with times."""


@dataclass(slots=True)
class Row:
    """A row of a file.

    `raw`: its cells as exported; `cells`: the same with numbers and times as the app writes them.

    `faults` collects why single cells could not be read.
    """

    line: int
    raw: Texts = field(repr=False)
    cells: Texts = field(repr=False)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row, or a cell of one, that was not understood: where it stood, why, and the row's text.

    `reason` repeats a number, time or zone at most, and no word of it. `day` is the WHOOP day of the cycle
    that the row names; None if the start of that cycle cannot be read. `repeats`: another row describes the
    same record.
    """

    file: str
    line: int
    reason: str
    text: str = field(repr=False)
    day: date | None = None
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class ExportedCycle:
    """A cycle. `end_time` is None while it is open; values of STRAIN and RECOVERY.

    The values of RECOVERY describe the sleep that begins at `sleep_start_time`, which may be a nap; None: the
    row names none.
    """

    start_time: datetime
    end_time: datetime | None
    timezone_offset: str
    day: date
    sleep_start_time: datetime | None
    values: Mapping[str, Any]
    line: int
    raw: Texts = field(repr=False)


@dataclass(frozen=True, slots=True)
class ExportedSleep:
    """A main sleep or a nap; values of ASLEEP.

    `listed`: sleeps.csv says whether it is a nap. `cycle_end`: the end of the cycle that the row names.
    """

    start_time: datetime
    end_time: datetime
    nap: bool
    listed: bool
    cycle_start_time: datetime
    cycle_end: datetime | None
    timezone_offset: str
    day: date
    values: Mapping[str, Any]
    line: int
    raw: Texts = field(repr=False)

    @property
    def key(self) -> tuple[datetime]:
        return (self.start_time,)


@dataclass(frozen=True, slots=True)
class ExportedWorkout:
    """A workout or other activity; values of EXERTION and ZONES, whose percentages are milliseconds here."""

    start_time: datetime
    end_time: datetime
    activity_name: str
    sport_name: str
    cycle_start_time: datetime
    timezone_offset: str
    day: date
    values: Mapping[str, Any]
    line: int
    raw: Texts = field(repr=False)

    @property
    def key(self) -> tuple[datetime, str]:
        return (self.start_time, self.activity_name)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """An answer to one question, listed under the cycle in which it was given."""

    cycle_start_time: datetime
    question: str
    answered_yes: bool
    notes: str | None
    timezone_offset: str
    day: date
    line: int
    raw: Texts = field(repr=False)

    @property
    def key(self) -> tuple[datetime, str]:
        return (self.cycle_start_time, self.question)


def cycle(row: Row) -> ExportedCycle:
    """The cycle of a row of physiological_cycles.csv.

    Raises ValueError with the reason when it cannot be read.
    """
    start, offset, day = _cycle_of(row)
    # The end is written by the clock of this cycle, the start of the next one by the clock of the next: after
    # a journey or when the clocks change they are hours apart, and the same instant.
    end = _time(row, END, offset)
    if end is not None and end <= start:
        raise ValueError(f"{END}: the cycle ends before it starts")
    values = _values(row, STRAIN | RECOVERY)
    if _cell(row, SKIN_FAHRENHEIT):
        values["skin_temp_celsius"] = _optional(row, SKIN_FAHRENHEIT, fahrenheit)
    return ExportedCycle(start, end, offset, day, None, values, row.line, row.raw)


def onset_of_cycle(row: Row) -> datetime | None:
    """The onset of the sleep that a row of physiological_cycles.csv names; None if it names none.

    Raises ValueError.
    """
    if not _cell(row, ONSET):
        return None
    _, offset, _ = _cycle_of(row)
    return _needed_time(row, ONSET, offset)


def sleep(row: Row) -> ExportedSleep:
    """The sleep of a row of sleeps.csv, or of physiological_cycles.csv with an onset.

    Raises ValueError. If it does not say whether it is a nap, the onset tells.
    """
    nap = _optional(row, NAP, flag)
    cycle_start, offset, day = _cycle_of(row)
    start = _needed_time(row, ONSET, offset)
    end = _needed_time(row, WAKE, offset)
    if end <= start:
        raise ValueError(f"{WAKE}: the sleep ends before it starts")
    is_nap = begins_as_nap(cycle_start, start) if nap is None else nap
    listed, cycle_end, values = nap is not None, _end_of_cycle(row, offset), _values(row, ASLEEP)
    return ExportedSleep(
        start, end, is_nap, listed, cycle_start, cycle_end, offset, day, values, row.line, row.raw
    )


def workout(row: Row) -> ExportedWorkout:
    """The workout of a row of workouts.csv. Raises ValueError."""
    cycle_start, offset, day = _cycle_of(row)
    start = _needed_time(row, BEGUN, offset)
    end = _needed_time(row, ENDED, offset)
    if end <= start:
        raise ValueError(f"{ENDED}: the workout ends before it starts")
    activity = _text(row, ACTIVITY, MAX_ACTIVITY_CHARACTERS)
    values = _values(row, EXERTION)
    zones = {name: share_of(percent, end - start) for name, percent in _values(row, ZONES).items()}
    name = slug(activity)
    return ExportedWorkout(
        start, end, activity, name, cycle_start, offset, day, values | zones, row.line, row.raw
    )


def journal_entry(row: Row) -> JournalEntry | None:
    """The answer of a row of journal_entries.csv; None if the row names no cycle, so that it has no day.

    Raises ValueError.
    """
    if not _cell(row, START):
        return None
    cycle_start, offset, day = _cycle_of(row)
    question = _text(row, QUESTION, MAX_QUESTION_CHARACTERS)
    answer = _needed(row, ANSWER, flag)
    notes = _cell(row, NOTES) or None
    return JournalEntry(cycle_start, question, answer, notes, offset, day, row.line, row.raw)


def day_of(row: Row) -> date | None:
    """The WHOOP day of the cycle that a row names; None if its start cannot be read.

    The day follows from the local time, so a row without a zone has one.
    """
    try:
        return cycle_day(_needed_time(row, START, "Z"), timedelta(0))
    except ValueError:
        return None


def _cycle_of(row: Row) -> tuple[datetime, str, date]:
    """Start, offset and WHOOP day of the cycle that a row is listed under."""
    offset = _needed(row, ZONE, zone)
    start = _needed_time(row, START, offset)
    return start, offset, cycle_day(start, parse_offset(offset))


def _values(row: Row, columns: Mapping[str, tuple[str, Reader]]) -> dict[str, Any]:
    return {name: _optional(row, heading, read) for name, (heading, read) in columns.items()}


def _cell(row: Row, heading: str) -> str:
    return row.cells.get(plain(heading), "").strip()


def _optional(row: Row, heading: str, read: Reader) -> Any:
    """The value of a cell; None if it is empty, or cannot be read, which costs the row nothing else."""
    text = _cell(row, heading)
    try:
        return read(text) if text else None
    except ValueError as error:
        row.faults.append(f"{heading}: {error}")
        return None


def _needed(row: Row, heading: str, read: Reader) -> Any:
    text = _cell(row, heading)
    if not text:
        raise ValueError(f"{heading}: it is empty")
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"{heading}: {error}") from None


def _needed_time(row: Row, heading: str, offset: str) -> datetime:
    moment: datetime = _needed(row, heading, lambda text: instant(text, offset))
    return moment


def _time(row: Row, heading: str, offset: str) -> datetime | None:
    return _needed_time(row, heading, offset) if _cell(row, heading) else None


def _end_of_cycle(row: Row, offset: str) -> datetime | None:
    """Return the end of the cycle that lists a sleep; None if it is unreadable.

    The sleep does not depend on it.
    """
    try:
        return _time(row, END, offset)
    except ValueError:
        return None


def _text(row: Row, heading: str, most: int) -> str:
    text: str = _needed(row, heading, str)
    if len(text) > most:
        raise ValueError(f"{heading}: it has {len(text)} characters, and at most {most} are kept")
    return text
