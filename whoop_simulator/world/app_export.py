"""The app's data export of a simulated member, in several variants.

Four CSV files with the app's names and rounding.

Times are local and without offset, next to the zone of the cycle. Energy is in kilocalories, durations in
whole minutes, heart rate zones 1 to 5 in percent. There are no ids. The newest row is first, and the newest
cycle is open and has no strain. The end of a cycle uses the cycle's offset.
"""

import csv
import io
import random
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from whoop_simulator.errors import SimulatorError
from whoop_simulator.timestamps import HOUR, MINUTE, SECOND, from_text, to_text
from whoop_simulator.world.records import CYCLES, RECOVERIES, SLEEPS, WORKOUTS, Record

KILOJOULES_PER_KILOCALORIE = 4.184
NAMES = {
    "cycles": "physiological_cycles.csv",
    "sleeps": "sleeps.csv",
    "workouts": "workouts.csv",
    "journal": "journal_entries.csv",
}
VARIANTS = (
    "full",
    "no-distance",
    "subfolder",
    "bom",
    "extra-columns",
    "no-sleeps",
    "no-workouts",
    "no-journal",
)
"""`no-distance`: workouts with 17 columns; `bom`: saved again by a spreadsheet, with a byte order mark and
CRLF.
"""

_LISTED = ("Cycle start time", "Cycle end time", "Cycle timezone")
_RECOVERY = {
    "Recovery score %": ("recovery_score", 0),
    "Resting heart rate (bpm)": ("resting_heart_rate", 0),
    "Heart rate variability (ms)": ("hrv_rmssd_milli", 0),
    "Skin temp (celsius)": ("skin_temp_celsius", 1),
    "Blood oxygen %": ("spo2_percentage", 2),
}
"""Column -> field of the recovery and number of decimal places."""
_HEART = ("Energy burned (cal)", "Max HR (bpm)", "Average HR (bpm)")
_ONSET = ("Sleep onset", "Wake onset")
_ASLEEP = (
    "Sleep performance %",
    "Respiratory rate (rpm)",
    "Asleep duration (min)",
    "In bed duration (min)",
    "Light sleep duration (min)",
    "Deep (SWS) duration (min)",
    "REM duration (min)",
    "Awake duration (min)",
    "Sleep need (min)",
    "Sleep debt (min)",
    "Sleep efficiency %",
    "Sleep consistency %",
)
_WORKOUT = ("Workout start time", "Workout end time", "Duration (min)", "Activity name", "Activity Strain")
_ZONES = tuple(f"HR Zone {zone} %" for zone in range(1, 6))
_DISTANCE = ("Distance (meters)", "Altitude gain (meters)", "Altitude change (meters)")
COLUMNS = {
    "cycles": (*_LISTED, *_RECOVERY, "Day Strain", *_HEART, *_ONSET, *_ASLEEP),
    "sleeps": (*_LISTED, *_ONSET, *_ASLEEP, "Nap"),
    "workouts": (*_LISTED, *_WORKOUT, *_HEART, *_ZONES, "GPS enabled", *_DISTANCE),
    "journal": (*_LISTED, "Question text", "Answered yes", "Notes"),
}
"""26, 18, 20 and 6 columns."""

ALCOHOL, CAFFEINE, READ = (
    "Have any alcoholic drinks?",
    "Have any caffeine? ",
    "Read (non-screened device) while in bed?",
)
"""Questions of the journal: related to low recoveries, nearly always yes, and unrelated to anything."""
UNANSWERED = 0.1
"""Share of mornings without journal answers."""

_ACTIVITIES = {"weightlifting_msk": "Strength Trainer", "hiking-rucking": "Hiking/Rucking"}


def files_of(truth: Mapping[str, Sequence[Record]], variant: str = "full") -> dict[str, bytes]:
    """Build the export of the given records (`World.truth`): path in the export -> content."""
    if variant not in VARIANTS:
        raise SimulatorError(
            f"there is no variant {variant} of the export: choose one of {', '.join(VARIANTS)}"
        )
    cycles = sorted(truth[CYCLES], key=lambda cycle: str(cycle["start"]), reverse=True)
    by_id = {cycle["id"]: cycle for cycle in cycles}
    tables = {
        "cycles": _cycles(cycles, truth),
        "sleeps": [
            {
                **_listed(by_id[sleep["cycle_id"]]),
                **_sleep(sleep, by_id[sleep["cycle_id"]]),
                "Nap": _flag(sleep["nap"]),
            }
            for sleep in _newest_first(truth[SLEEPS])
            if sleep["cycle_id"] in by_id
        ],
        "workouts": [
            _workout(workout, cycle)
            for workout in _newest_first(truth[WORKOUTS])
            if (cycle := _containing(cycles, workout)) is not None
        ],
        "journal": _journal(cycles, truth),
    }
    files = {}
    for kind, rows in tables.items():
        if variant == f"no-{kind}":
            continue
        columns = COLUMNS[kind]
        if variant == "no-distance" and kind == "workouts":
            columns = tuple(column for column in columns if column not in _DISTANCE)
        if variant == "extra-columns":
            columns = ("Of a later version", *columns, "Notes, as of later")
        text = _csv(columns, rows, newline="\r\n" if variant == "bom" else "\n")
        folder = "my_whoop_data_2026_11_21/" if variant == "subfolder" else ""
        files[folder + NAMES[kind]] = text.encode("utf-8-sig" if variant == "bom" else "utf-8")
    return files


def write_export(target: Path, files: Mapping[str, bytes]) -> None:
    """Write the files into a zip if the target ends with .zip, else into that folder."""
    if target.suffix.lower() == ".zip":
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return
    for name, content in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _cycles(cycles: Iterable[Record], truth: Mapping[str, Sequence[Record]]) -> list[dict[str, str]]:
    main = {sleep["cycle_id"]: sleep for sleep in reversed(truth[SLEEPS]) if not sleep["nap"]}
    recoveries = {recovery["sleep_id"]: recovery for recovery in truth[RECOVERIES]}
    rows = []
    for cycle in cycles:
        row = _listed(cycle)
        sleep = main.get(cycle["id"])
        if sleep is not None:
            row |= _sleep(sleep, cycle)
            score = recoveries.get(sleep["id"], {}).get("score") or {}
            row |= {column: _rounded(score.get(name), digits) for column, (name, digits) in _RECOVERY.items()}
        score = cycle.get("score") or {}
        if score and cycle.get("end"):
            row |= _effort(score, "Day Strain")
        rows.append(row)
    return rows


def _effort(score: Record, strain: str) -> dict[str, str]:
    return {
        strain: _rounded(score["strain"], 1),
        "Energy burned (cal)": _rounded(score["kilojoule"] / KILOJOULES_PER_KILOCALORIE),
        "Max HR (bpm)": _rounded(score["max_heart_rate"]),
        "Average HR (bpm)": _rounded(score["average_heart_rate"]),
    }


def _sleep(sleep: Record, cycle: Record) -> dict[str, str]:
    row = {"Sleep onset": _local(sleep["start"], cycle), "Wake onset": _local(sleep["end"], cycle)}
    score = sleep.get("score")
    if not score:
        return row
    stages, need = score["stage_summary"], score["sleep_needed"]
    light, deep, rem = (stages[f"total_{stage}_sleep_time_milli"] for stage in ("light", "slow_wave", "rem"))
    return row | {
        "Sleep performance %": _rounded(score.get("sleep_performance_percentage")),
        "Respiratory rate (rpm)": _rounded(score.get("respiratory_rate"), 1),
        "Asleep duration (min)": _rounded((light + deep + rem) / MINUTE),
        "In bed duration (min)": _rounded(stages["total_in_bed_time_milli"] / MINUTE),
        "Light sleep duration (min)": _rounded(light / MINUTE),
        "Deep (SWS) duration (min)": _rounded(deep / MINUTE),
        "REM duration (min)": _rounded(rem / MINUTE),
        "Awake duration (min)": _rounded(stages["total_awake_time_milli"] / MINUTE),
        "Sleep need (min)": _rounded(sum(need.values()) / MINUTE),
        "Sleep debt (min)": _rounded(need["need_from_sleep_debt_milli"] / MINUTE),
        "Sleep efficiency %": _rounded(score.get("sleep_efficiency_percentage")),
        "Sleep consistency %": "" if sleep["nap"] else _rounded(score.get("sleep_consistency_percentage")),
    }


def _workout(workout: Record, cycle: Record) -> dict[str, str]:
    span = from_text(workout["end"]) - from_text(workout["start"])
    name = workout["sport_name"]
    row = _listed(cycle) | {
        "Workout start time": _local(workout["start"], cycle),
        "Workout end time": _local(workout["end"], cycle),
        "Duration (min)": str(span // MINUTE),
        "Activity name": _ACTIVITIES.get(name) or name.replace("-", " ").title(),
        "GPS enabled": "false",
    }
    score = workout.get("score")
    if not score:
        return row
    durations = score["zone_durations"]
    zones = ("one", "two", "three", "four", "five")
    return row | {
        **_effort(score, "Activity Strain"),
        **{
            column: _rounded(min(100, durations[f"zone_{zone}_milli"] / span * 100))
            for column, zone in zip(_ZONES, zones, strict=True)
        },
        "Distance (meters)": _rounded(score.get("distance_meter"), 1),
        "Altitude gain (meters)": _rounded(score.get("altitude_gain_meter"), 1),
        "Altitude change (meters)": _rounded(score.get("altitude_change_meter"), 1),
    }


def _journal(cycles: Iterable[Record], truth: Mapping[str, Sequence[Record]]) -> list[dict[str, str]]:
    """Answers given on the morning of each cycle with a recovery, about the day before."""
    naps = {sleep["id"] for sleep in truth[SLEEPS] if sleep["nap"]}
    scores = {
        recovery["cycle_id"]: recovery["score"]["recovery_score"]
        for recovery in truth[RECOVERIES]
        if recovery.get("score") and recovery["sleep_id"] not in naps
    }
    rows = []
    for cycle in cycles:
        rng = random.Random(f"{cycle['user_id']}/{cycle['id']}/journal")
        if cycle["id"] not in scores or rng.random() < UNANSWERED:
            continue
        for question, chance in ((ALCOHOL, 0.8 - scores[cycle["id"]] / 100), (CAFFEINE, 0.98), (READ, 0.5)):
            yes = rng.random() < chance
            rows.append(
                _listed(cycle)
                | {
                    "Question text": question,
                    "Answered yes": _flag(yes),
                    "Notes": 'red, "a glass",\nor two' if question == ALCOHOL and yes else "",
                }
            )
    return rows


def _containing(cycles: Iterable[Record], workout: Record) -> Record | None:
    """The cycle in which the workout starts; `cycles` are sorted newest first."""
    for cycle in cycles:
        if cycle["start"] <= workout["start"] and (not cycle["end"] or workout["start"] < cycle["end"]):
            return cycle
    return None


def _listed(cycle: Record) -> dict[str, str]:
    return {
        "Cycle start time": _local(cycle["start"], cycle),
        "Cycle end time": _local(cycle["end"], cycle) if cycle["end"] else "",
        "Cycle timezone": f"UTC{cycle['timezone_offset']}",
    }


def _local(instant: str, cycle: Record) -> str:
    """The local time by the cycle's offset, in whole seconds."""
    offset = cycle["timezone_offset"]
    ahead = 0
    if offset != "Z":
        size = int(offset[1:3]) * HOUR + int(offset[4:6]) * MINUTE
        ahead = size if offset[0] == "+" else -size
    local = (from_text(instant) + ahead) // SECOND * SECOND
    return to_text(local)[:19].replace("T", " ")


def _newest_first(records: Iterable[Record]) -> list[Record]:
    return sorted(records, key=lambda record: str(record["start"]), reverse=True)


def _rounded(value: float | None, digits: int = 0) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, newline: str) -> str:
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, columns, restval="", extrasaction="ignore", lineterminator=newline)
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue()
