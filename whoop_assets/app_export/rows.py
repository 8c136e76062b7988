"""The rows of an export as records: UTC, kilojoules, milliseconds and WHOOP's field names, as the API has them.

A record knows the line it stood in and the row as it was (`raw`), and its WHOOP day: that of the cycle it is listed
under, which the export names by its start.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from whoop_assets.app_export.values import (
    flag,
    instant,
    kilocalories,
    minutes,
    number,
    share_of,
    slug,
    whole,
    zone,
)
from whoop_assets.whoop_day import cycle_day, parse_offset

Texts = Mapping[str, str]
"""A row: its cells by the plain name of their column; see `plain`."""

Reader = Callable[[str], Any]
MOST_QUESTION, MOST_ACTIVITY = 500, 128

_percent, _beats = number(0, 100), whole(0, 300)

RECOVERY: dict[str, tuple[str, Reader]] = {
    "recovery_score": ("Recovery score %", _percent),
    "resting_heart_rate": ("Resting heart rate (bpm)", number(0, 300)),
    "hrv_rmssd_milli": ("Heart rate variability (ms)", number(0, 1000)),
    "skin_temp_celsius": ("Skin temp (celsius)", number(0, 60)),
    "spo2_percentage": ("Blood oxygen %", _percent),
}
STRAIN: dict[str, tuple[str, Reader]] = {
    "strain": ("Day Strain", number(0, 21)),
    "kilojoule": ("Energy burned (cal)", kilocalories),
    "max_heart_rate": ("Max HR (bpm)", _beats),
    "average_heart_rate": ("Average HR (bpm)", _beats),
}
ASLEEP: dict[str, tuple[str, Reader]] = {
    "sleep_performance_percentage": ("Sleep performance %", _percent),
    "respiratory_rate": ("Respiratory rate (rpm)", number(0, 100)),
    "asleep_milli": ("Asleep duration (min)", minutes),
    "total_in_bed_time_milli": ("In bed duration (min)", minutes),
    "total_light_sleep_time_milli": ("Light sleep duration (min)", minutes),
    "total_slow_wave_sleep_time_milli": ("Deep (SWS) duration (min)", minutes),
    "total_rem_sleep_time_milli": ("REM duration (min)", minutes),
    "total_awake_time_milli": ("Awake duration (min)", minutes),
    "sleep_needed_milli": ("Sleep need (min)", minutes),
    "need_from_sleep_debt_milli": ("Sleep debt (min)", minutes),
    "sleep_efficiency_percentage": ("Sleep efficiency %", _percent),
    "sleep_consistency_percentage": ("Sleep consistency %", _percent),
}
EXERTION: dict[str, tuple[str, Reader]] = {
    "strain": ("Activity Strain", number(0, 21)),
    "kilojoule": ("Energy burned (cal)", kilocalories),
    "max_heart_rate": ("Max HR (bpm)", _beats),
    "average_heart_rate": ("Average HR (bpm)", _beats),
    "gps_enabled": ("GPS enabled", flag),
    "distance_meter": ("Distance (meters)", number(0, 10_000_000)),
    "altitude_gain_meter": ("Altitude gain (meters)", number(-100_000, 100_000)),
    "altitude_change_meter": ("Altitude change (meters)", number(-100_000, 100_000)),
}
ZONES: dict[str, tuple[str, Reader]] = {
    f"zone_{name}_milli": (f"HR Zone {place} %", _percent)
    for place, name in enumerate(("one", "two", "three", "four", "five"), 1)
}


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not understood: where it stood, why, and its text. `reason` repeats the offending cell at most, and no word of it."""

    file: str
    line: int
    reason: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cycle:
    """A cycle with the recovery that it begins with. `end` is None while it is open; values of STRAIN and RECOVERY."""

    start: datetime
    end: datetime | None
    offset: str
    day: date
    values: Mapping[str, Any]
    line: int
    raw: Texts = field(repr=False)

    @property
    def key(self) -> tuple[datetime]:
        return (self.start,)


@dataclass(frozen=True, slots=True)
class Sleep:
    """A main sleep or a nap; values of ASLEEP."""

    start: datetime
    end: datetime
    nap: bool
    cycle_start: datetime
    offset: str
    day: date
    values: Mapping[str, Any]
    line: int
    raw: Texts = field(repr=False)

    @property
    def key(self) -> tuple[datetime, bool]:
        return (self.start, self.nap)


@dataclass(frozen=True, slots=True)
class Workout:
    """A workout or other activity; values of EXERTION and ZONES, whose percentages are milliseconds here."""

    start: datetime
    end: datetime
    activity: str
    sport_name: str
    cycle_start: datetime
    offset: str
    day: date
    values: Mapping[str, Any]
    line: int
    raw: Texts = field(repr=False)

    @property
    def key(self) -> tuple[datetime, str]:
        return (self.start, self.activity)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """An answer to one question, listed under the cycle in which it was given."""

    cycle_start: datetime
    question: str
    answered_yes: bool
    notes: str | None
    offset: str
    day: date
    line: int
    raw: Texts = field(repr=False)

    @property
    def key(self) -> tuple[datetime, str]:
        return (self.cycle_start, self.question)


def plain(heading: str) -> str:
    """A column's heading as it is compared: `HR Zone 1 %`, `hr zone 1%` and `hr_zone_1_%` are one column."""
    return "".join(character for character in heading.lower() if character.isascii() and character.isalnum())


START, END, ZONE = "Cycle start time", "Cycle end time", "Cycle timezone"
ONSET, WAKE, NAP = "Sleep onset", "Wake onset", "Nap"
BEGUN, ENDED, ACTIVITY = "Workout start time", "Workout end time", "Activity name"
QUESTION, ANSWER, NOTES = "Question text", "Answered yes", "Notes"


def cycle(row: Texts, line: int) -> Cycle:
    """The cycle of a row of physiological_cycles.csv. Raises ValueError with the reason when it cannot be read."""
    start, offset, day = _cycle_of(row)
    # The end is written by the clock of this cycle, the start of the next one by the clock of the next: after a journey
    # or when the clocks change they are hours apart, and the same instant.
    end = _optional(row, END, lambda text: instant(text, offset))
    if end is not None and end <= start:
        raise ValueError(f"{END}: the cycle ends before it starts")
    return Cycle(start, end, offset, day, _values(row, STRAIN | RECOVERY), line, row)


def main_sleep(row: Texts, line: int) -> Sleep | None:
    """The main sleep that a row of physiological_cycles.csv tells of as well; None for a cycle without one."""
    if not _cell(row, ONSET):
        return None
    return _sleep(row, line, nap=False)


def sleep(row: Texts, line: int) -> Sleep:
    """The sleep of a row of sleeps.csv. Raises ValueError."""
    return _sleep(row, line, nap=_needed(row, NAP, flag))


def _sleep(row: Texts, line: int, *, nap: bool) -> Sleep:
    cycle_start, offset, day = _cycle_of(row)
    start = _needed(row, ONSET, lambda text: instant(text, offset))
    end = _needed(row, WAKE, lambda text: instant(text, offset))
    if end <= start:
        raise ValueError(f"{WAKE}: the sleep ends before it starts")
    return Sleep(start, end, nap, cycle_start, offset, day, _values(row, ASLEEP), line, row)


def workout(row: Texts, line: int) -> Workout:
    """The workout of a row of workouts.csv. Raises ValueError."""
    cycle_start, offset, day = _cycle_of(row)
    start = _needed(row, BEGUN, lambda text: instant(text, offset))
    end = _needed(row, ENDED, lambda text: instant(text, offset))
    if end <= start:
        raise ValueError(f"{ENDED}: the workout ends before it starts")
    activity = _text(row, ACTIVITY, MOST_ACTIVITY)
    values = _values(row, EXERTION)
    zones = {name: share_of(percent, end - start) for name, percent in _values(row, ZONES).items()}
    return Workout(start, end, activity, slug(activity), cycle_start, offset, day, values | zones, line, row)


def journal_entry(row: Texts, line: int) -> JournalEntry:
    """The answer of a row of journal_entries.csv. Raises ValueError."""
    cycle_start, offset, day = _cycle_of(row)
    question = _text(row, QUESTION, MOST_QUESTION)
    answer = _needed(row, ANSWER, flag)
    return JournalEntry(cycle_start, question, answer, _cell(row, NOTES) or None, offset, day, line, row)


def _cycle_of(row: Texts) -> tuple[datetime, str, date]:
    """Start, offset and WHOOP day of the cycle that a row is listed under."""
    offset = _needed(row, ZONE, zone)
    start = _needed(row, START, lambda text: instant(text, offset))
    return start, offset, cycle_day(start, parse_offset(offset))


def _values(row: Texts, columns: Mapping[str, tuple[str, Reader]]) -> dict[str, Any]:
    return {name: _optional(row, heading, read) for name, (heading, read) in columns.items()}


def _cell(row: Texts, heading: str) -> str:
    return row.get(plain(heading), "").strip()


def _optional(row: Texts, heading: str, read: Reader) -> Any:
    text = _cell(row, heading)
    if not text:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"{heading}: {error}") from None


def _needed(row: Texts, heading: str, read: Reader) -> Any:
    value = _optional(row, heading, read)
    if value is None:
        raise ValueError(f"{heading}: it is empty")
    return value


def _text(row: Texts, heading: str, most: int) -> str:
    text: str = _needed(row, heading, str)
    if len(text) > most:
        raise ValueError(f"{heading}: it has {len(text)} characters, and at most {most} are kept")
    return text
