"""Independent implementation of journal effects in plain Python, from their written rules.

The weekdays are taken out of answers and outcomes before the regression, instead of being regressors.
"""

import math
import statistics
from collections import defaultdict
from datetime import date, timedelta

from scipy import stats

NEW_STAGES = date(2025, 2, 24)
OUTCOMES = {
    "recovery_score": "points",
    "hrv_rmssd_milli": "percent",
    "resting_heart_rate": "bpm",
    "sleep_duration_minutes": "minutes",
}


def naive_effect_rows(answers, days):
    rows = [
        _effect([answer for answer in answers if answer["question"] == question], outcome, lag, days)
        for question in sorted({answer["question"] for answer in answers})
        for outcome in OUTCOMES
        for lag in (0, 1)
    ]
    tested = [row["p_value"] for row in rows if row["p_value"] is not None]
    for row in rows:
        row["verdict"] = "cannot tell"
        if row["p_value"] is None:
            continue
        larger = [p_value for p_value in tested if p_value >= row["p_value"]]
        row["q_value"] = min(
            p_value * len(tested) / sum(other <= p_value for other in tested) for p_value in larger
        )
        if row["q_value"] <= 0.05:
            row["verdict"] = "strong" if abs(row["hedges_g"]) >= 0.5 else "weak"
    return rows


def _effect(answers, outcome, lag, days):
    change = _minus_usual(outcome, days)
    used = [
        (answer["day"] + timedelta(days=lag), answer["answered_yes"])
        for answer in sorted(answers, key=lambda answer: answer["day"])
        if answer["day"] + timedelta(days=lag) in change
    ]
    yes, no = ([day for day, answered in used if answered is wanted] for wanted in (True, False))
    row = {
        "user_id": answers[0]["user_id"],
        "question": answers[0]["question"],
        "outcome": outcome,
        "lag_days": lag,
        "answered_yes_days": [answer["answered_yes"] for answer in answers].count(True),
        "answered_no_days": [answer["answered_yes"] for answer in answers].count(False),
        "first_day": min(answer["day"] for answer in answers),
        "last_day": max(answer["day"] for answer in answers),
        "days_with": len(yes),
        "days_without": len(no),
        **dict.fromkeys(("mean_with", "mean_without", "difference", "difference_low", "difference_high")),
        "difference_unit": OUTCOMES[outcome],
        **dict.fromkeys(("hedges_g", "p_value", "q_value", "missing")),
    }
    for group, name in ((yes, "with"), (no, "without")):
        if len(group) < 10:
            return row | {"missing": f"{len(group)} of 10 days {name}"}
    answered = _without_weekdays(dict(used))
    squares = sum(value**2 for value in answered.values())
    if squares < 1e-9:
        return row | {"missing": "the answers follow the weekday"}
    rest = _without_weekdays({day: change[day] for day, _ in used})
    slope = sum(answered[day] * rest[day] for day in rest) / squares
    residual = {day: rest[day] - slope * answered[day] for day in rest}
    if max(map(abs, residual.values())) < 1e-9:
        return row | {"missing": "no spread"}
    score = {day: answered[day] * residual[day] / squares for day in rest}
    variance = sum(
        (1 - abs((day - other).days) / 8) * score[day] * score[other]
        for day in score
        for other in score
        if abs((day - other).days) < 8
    )
    freedom = len(used) - 1 - len({day.weekday() for day, _ in used})
    error = math.sqrt(variance * len(used) / freedom)
    margin = stats.t.isf(0.025, freedom) * error
    ends = [slope, slope - margin, slope + margin]
    if outcome == "hrv_rmssd_milli":
        ends = [100 * (math.exp(end) - 1) for end in ends]
    mean = statistics.geometric_mean if outcome == "hrv_rmssd_milli" else statistics.fmean
    return row | {
        "mean_with": mean([days[day][outcome] for day in yes]),
        "mean_without": mean([days[day][outcome] for day in no]),
        **dict(zip(("difference", "difference_low", "difference_high"), ends, strict=True)),
        "hedges_g": _hedges_g([change[day] for day in yes], [change[day] for day in no]),
        "p_value": 2 * stats.t.cdf(-abs(slope) / error, freedom),
    }


def _minus_usual(outcome, days):
    """The outcome, or its logarithm, minus its mean of the 28 days before, where 14 of them have a value."""
    found = {}
    for day in days:
        before = [day - timedelta(days=lag) for lag in range(28, 0, -1)]
        if outcome == "sleep_duration_minutes":
            before = [earlier for earlier in before if (earlier >= NEW_STAGES) == (day >= NEW_STAGES)]
        value = _value(outcome, days, day)
        usual = [known for earlier in before if (known := _value(outcome, days, earlier)) is not None]
        if value is not None and len(usual) >= 14:
            found[day] = value - sum(usual) / len(usual)
    return found


def _value(outcome, days, day):
    value = days.get(day, {}).get(outcome)
    if value is None or outcome != "hrv_rmssd_milli":
        return value
    return math.log(value) if value > 0 else None


def _without_weekdays(values):
    by_weekday = defaultdict(list)
    for day, value in values.items():
        by_weekday[day.weekday()].append(value)
    return {day: value - statistics.fmean(by_weekday[day.weekday()]) for day, value in values.items()}


def _hedges_g(first, other):
    freedom = len(first) + len(other) - 2
    squares = sum((value - statistics.fmean(group)) ** 2 for group in (first, other) for value in group)
    distance = statistics.fmean(first) - statistics.fmean(other)
    return distance / math.sqrt(squares / freedom) * (1 - 3 / (4 * freedom - 1))
