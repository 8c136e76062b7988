"""Combine journal answers with recoveries, and estimate the effect of each habit. Pure functions.

Members answer in the morning about the day before, and the app lists the answer under the cycle of that
morning. The habit therefore precedes the night at the start of that cycle, and concerns the recovery of that
cycle's WHOOP day.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, variance
from typing import Any

from whoop_assets.definition_changes import definition_of
from whoop_assets.journal.newey_west import (
    Coefficient,
    NoSpread,
    NotIdentified,
    coefficient,
    false_discovery_rates,
)

Row = dict[str, Any]

MEASURES = ("recovery_score", "hrv_rmssd_milli")
"""Columns of `daily_summary` that the table `journal` repeats."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A column of `daily_summary` on which a habit can have an effect; `unit` is the unit of a difference."""

    name: str
    unit: str
    logarithmic: bool = False


OUTCOMES = (
    Outcome("recovery_score", "points"),
    Outcome("hrv_rmssd_milli", "percent", logarithmic=True),
    Outcome("resting_heart_rate", "bpm"),
    Outcome("sleep_duration_minutes", "minutes"),
)
LAGS = (0, 1)
"""Days after the morning of the answer: 0 is the night before it, 1 is the next night."""

MIN_DAYS = 10
"""Days with and days without the habit that an effect needs. A convention of this project."""

BASELINE_DAYS, MIN_BASELINE_VALUES = 28, 14
"""Length in days of the baseline, which ends on the day before, and the number of values that it needs."""

MAX_Q_VALUE = 0.05
STRONG_HEDGES_G = 0.5
"""Half a standard deviation: Cohen's medium effect."""

STRONG, WEAK, CANNOT_TELL = "strong", "weak", "cannot tell"


def journal_rows(
    entries: Iterable[Mapping[str, Any]], measures: Mapping[date, Mapping[str, Any]]
) -> list[Row]:
    """Return the rows of `journal` of one member, by day and question.

    If two cycles of a day have answers, those of the day's cycle count, else the later ones.

    Args:
        entries: The member's imported answers.
        measures: Day -> start of the day's cycle, recovery score and HRV.
    """
    found: dict[tuple[date, str], tuple[tuple[bool, Any], Row]] = {}
    for entry in entries:
        day = entry["day"]
        measured = measures.get(day, {})
        # Times of exports have whole seconds, those of the API milliseconds.
        start, own = entry["cycle_start_time"], measured.get("cycle_start_time")
        rank = (own is not None and abs((start - own).total_seconds()) <= 60, start)
        row = dict(entry) | {name: measured.get(name) for name in MEASURES}
        key = (day, entry["question"])
        if key not in found or rank > found[key][0]:
            found[key] = rank, row
    return [found[key][1] for key in sorted(found)]


def effect_rows(
    answers: Iterable[Mapping[str, Any]], days: Mapping[date, Mapping[str, float | None]]
) -> list[Row]:
    """Estimate the effect of each habit of one member on each outcome: days with compared with days without.

    The outcome minus its mean of the 28 days before removes drift over months. Weekdays are regressors, so
    that a habit of weekends is not mistaken for an effect of weekends. Standard errors are Newey-West's. An
    effect is an association, not a cause.

    Args:
        answers: `user_id`, `day`, `question` and `answered_yes` of each answer.
        days: Day -> outcomes of the member's whole history; None for unknown values.

    Returns:
        Rows by question, outcome and lag. `missing` has the reason if there is no difference.
    """
    of_question: dict[str, list[Mapping[str, Any]]] = {}
    for answer in answers:
        of_question.setdefault(answer["question"], []).append(answer)
    compared = {outcome: minus_baseline(outcome, days) for outcome in OUTCOMES}
    rows = [
        _effect(question, of_question[question], outcome, lag, days, compared[outcome])
        for question in sorted(of_question)
        for outcome in OUTCOMES
        for lag in LAGS
    ]
    known = [row for row in rows if row["p_value"] is not None]
    q_values = false_discovery_rates([row["p_value"] for row in known])
    for row, q_value in zip(known, q_values, strict=True):
        row["q_value"] = q_value
        row["verdict"] = verdict(q_value, row["hedges_g"])
    return rows


def verdict(q_value: float, hedges_g: float) -> str:
    """Return the verdict on an effect: strong, weak or cannot tell."""
    if q_value > MAX_Q_VALUE:
        return CANNOT_TELL
    return STRONG if abs(hedges_g) >= STRONG_HEDGES_G else WEAK


def minus_baseline(outcome: Outcome, days: Mapping[date, Mapping[str, float | None]]) -> dict[date, float]:
    """Return day -> outcome, or its logarithm, minus its mean of the 28 days before.

    The mean contains days with the same definition of the outcome only. Days with fewer than 14 such values
    are left out.
    """
    values = {
        day: math.log(value) if outcome.logarithmic else float(value)
        for day, row in days.items()
        if (value := row[outcome.name]) is not None and (value > 0 or not outcome.logarithmic)
    }
    definition = {day: definition_of(outcome.name, day) for day in values}
    found = {}
    for day, value in values.items():
        before = [
            values[earlier]
            for lag in range(1, BASELINE_DAYS + 1)
            if (earlier := day - timedelta(days=lag)) in values
            and definition[earlier] == definition[day] is not None
        ]
        if len(before) >= MIN_BASELINE_VALUES:
            found[day] = value - fmean(before)
    return found


def _effect(
    question: str,
    answers: Sequence[Mapping[str, Any]],
    outcome: Outcome,
    lag: int,
    days: Mapping[date, Mapping[str, float | None]],
    compared: Mapping[date, float],
) -> Row:
    used = sorted(
        (on, bool(answer["answered_yes"]))
        for answer in answers
        if (on := answer["day"] + timedelta(days=lag)) in compared
    )
    groups = {yes: [day for day, answered in used if answered is yes] for yes in (True, False)}
    found, reason = _difference(used, compared)
    row: Row = {
        "user_id": answers[0]["user_id"],
        "question": question,
        "outcome": outcome.name,
        "lag_days": lag,
        "answered_yes_days": sum(bool(answer["answered_yes"]) for answer in answers),
        "answered_no_days": sum(not answer["answered_yes"] for answer in answers),
        "first_day": min(answer["day"] for answer in answers),
        "last_day": max(answer["day"] for answer in answers),
        "days_with": len(groups[True]),
        "days_without": len(groups[False]),
        "mean_with": None,
        "mean_without": None,
        "difference": None,
        "difference_low": None,
        "difference_high": None,
        "difference_unit": outcome.unit,
        "hedges_g": None,
        "p_value": None,
        "q_value": None,
        "verdict": CANNOT_TELL,
        "missing": reason,
    }
    if found is None:
        return row
    ends = (found.value, found.low, found.high)
    if outcome.logarithmic:
        ends = tuple(100 * math.expm1(end) for end in ends)  # type: ignore[assignment]
    return row | {
        "mean_with": _mean(outcome, groups[True], days),
        "mean_without": _mean(outcome, groups[False], days),
        **dict(zip(("difference", "difference_low", "difference_high"), ends, strict=True)),
        "hedges_g": hedges_g(*([compared[day] for day in groups[yes]] for yes in (True, False))),
        "p_value": found.p_value,
    }


def _difference(
    used: Sequence[tuple[date, bool]], compared: Mapping[date, float]
) -> tuple[Coefficient | None, str | None]:
    for wanted, what in ((True, "with"), (False, "without")):
        count = sum(yes is wanted for _, yes in used)
        if count < MIN_DAYS:
            return None, f"{count} of {MIN_DAYS} days {what}"
    weekdays = sorted({day.weekday() for day, _ in used})[1:]
    regressors = [[yes, *(day.weekday() == weekday for weekday in weekdays)] for day, yes in used]
    try:
        found = coefficient(
            [compared[day] for day, _ in used], regressors, [day.toordinal() for day, _ in used]
        )
    except NotIdentified:
        return None, "the answers follow the weekday"
    except NoSpread:
        return None, "no spread"
    return found, None


def _mean(outcome: Outcome, chosen: Sequence[date], days: Mapping[date, Mapping[str, float | None]]) -> float:
    """Return the mean of the outcome on these days in its unit; the geometric mean for a logarithmic one."""
    values = [float(value) for day in chosen if (value := days[day][outcome.name]) is not None]
    return math.exp(fmean(map(math.log, values))) if outcome.logarithmic else fmean(values)


def hedges_g(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the difference of two means in pooled standard deviations.

    Corrected for small samples (Hedges 1981).
    """
    freedom = len(one) + len(other) - 2
    pooled = ((len(one) - 1) * variance(one) + (len(other) - 1) * variance(other)) / freedom
    if pooled <= 0:
        return 0.0
    return (1 - 3 / (4 * freedom - 1)) * (fmean(one) - fmean(other)) / math.sqrt(pooled)
