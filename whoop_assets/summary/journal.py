"""The journal beside the recoveries, and what each habit goes with: pure functions.

An answer is listed under the cycle in which it was given: in the morning, about the day before. So it is about what came
before the night with which that cycle begins, and the recovery it concerns is that cycle's own: that of its WHOOP day.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from statistics import fmean
from typing import Any

from whoop_assets.summary.welch import Interval, interval

Row = dict[str, Any]

MEASURES = ("recovery_score", "hrv_rmssd_milli")
FLOOR = 10
"""Days with, and days without, below which nothing is said of a habit. A convention of this project."""


def journal_rows(
    entries: Iterable[Mapping[str, Any]], measures: Mapping[date, Mapping[str, Any]]
) -> list[Row]:
    """One row per day and question, by day and question, of one member's answers.

    `measures`: by day the start of the day's cycle, recovery and HRV. Of answers given in two cycles of one day those of the
    day's own cycle stand, else the later ones.
    """
    found: dict[tuple[date, str], tuple[tuple[bool, Any], Row]] = {}
    for entry in entries:
        day = entry["day"]
        measured = measures.get(day, {})
        # An export has whole seconds, the API milliseconds.
        start, own = entry["cycle_start_time"], measured.get("cycle_start_time")
        rank = (own is not None and abs((start - own).total_seconds()) <= 60, start)
        row = dict(entry) | {name: measured.get(name) for name in MEASURES}
        key = (day, entry["question"])
        if key not in found or rank > found[key][0]:
            found[key] = rank, row
    return [found[key][1] for key in sorted(found)]


def effect_rows(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    """One row per question of one member's journal: the days with against the days without.

    A difference is None with a reason in `missing` where fewer than FLOOR days of either kind have the measure, or where it
    does not vary. What it goes with is no proof of what it causes.
    """
    of_question: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        of_question.setdefault(row["question"], []).append(row)
    return [_effect(question, answers) for question, answers in sorted(of_question.items())]


def _effect(question: str, answers: Sequence[Mapping[str, Any]]) -> Row:
    days = [answer["day"] for answer in answers]
    row: Row = {
        "user_id": answers[0]["user_id"],
        "question": question,
        "days_with": sum(answer["answered_yes"] for answer in answers),
        "days_without": sum(not answer["answered_yes"] for answer in answers),
        "first_day": min(days),
        "last_day": max(days),
    }
    missing: dict[str, str] = {}
    for name in MEASURES:
        with_, without = (
            [answer[name] for answer in answers if answer["answered_yes"] is yes and answer[name] is not None]
            for yes in (True, False)
        )
        found, reason = _difference(with_, without)
        if reason is not None:
            missing[f"{name}_difference"] = reason
        row |= {
            f"{name}_days_with": len(with_),
            f"{name}_days_without": len(without),
            f"{name}_mean_with": None if found is None else fmean(with_),
            f"{name}_mean_without": None if found is None else fmean(without),
            f"{name}_difference": None if found is None else found.difference,
            f"{name}_difference_low": None if found is None else found.low,
            f"{name}_difference_high": None if found is None else found.high,
        }
    return row | {"missing": json.dumps(missing) if missing else None}


def _difference(with_: Sequence[float], without: Sequence[float]) -> tuple[Interval | None, str | None]:
    for values, what in ((with_, "with"), (without, "without")):
        if len(values) < FLOOR:
            return None, f"{len(values)} of {FLOOR} days {what}"
    found = interval(with_, without)
    return (None, "no spread") if found is None else (found, None)
