"""Journal answers with unrelated outcomes, and the false alarms among their effects."""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import fmean, variance
from typing import Any

from scipy import stats

from whoop_assets.journal.effects import CANNOT_TELL, LAGS, MIN_DAYS, effect_rows

FIRST = date(2023, 1, 2)
MIN_ROTATION_DAYS = 45
MAX_ALARM_SHARE = 0.07
Days = Mapping[date, Mapping[str, float | None]]
Answers = list[dict[str, Any]]


def generate_member(seed: int, days: int) -> tuple[Answers, Days]:
    """Generate answers to five questions, and outcomes that do not depend on them."""
    rng = random.Random(seed)
    weekdays = [rng.gauss(0, 5) for _ in range(7)]
    level, state, drift = rng.gauss(4.1, 0.3), 0.0, 0.0
    outcomes: dict[date, dict[str, float | None]] = {}
    for n in range(days):
        day = FIRST + timedelta(days=n)
        state = 0.3 * state + math.sqrt(1 - 0.09) * rng.gauss(0, 1)
        drift = 0.995 * drift + rng.gauss(0, 0.06)
        good = state + drift + weekdays[day.weekday()] / 15
        score = min(99.0, max(1.0, round(60 + 15 * good + rng.gauss(0, 5))))
        if rng.random() > 0.04:
            outcomes[day] = {
                "recovery_score": score,
                "hrv_rmssd_milli": math.exp(level + 0.15 * good + rng.gauss(0, 0.05)),
                "resting_heart_rate": round(54 - 1.6 * good + rng.gauss(0, 1.0)),
                "sleep_duration_minutes": 430 + 35 * good + rng.gauss(0, 40),
            }
    return [answer for number in range(5) for answer in _habit(rng, seed, f"Habit {number}?", days)], outcomes


def _habit(rng: random.Random, member: int, question: str, days: int) -> Iterator[dict[str, Any]]:
    """Generate answers that depend on the weekday and change over weeks and years."""
    usual, trend, phase = rng.uniform(-1.5, 1.0), rng.uniform(-1.5, 1.5), 0.0
    weekdays = [rng.gauss(0, 0.8) for _ in range(7)]
    for n in range(days):
        day = FIRST + timedelta(days=n)
        phase = 0.9 * phase + rng.gauss(0, 0.4)
        odds = usual + trend * n / days + phase + weekdays[day.weekday()]
        if rng.random() < 0.9:
            yes = rng.random() < 1 / (1 + math.exp(-odds))
            yield {"user_id": member, "day": day, "question": question, "answered_yes": yes}


def rotated(days: Days, by: int) -> Days:
    """Rotate the outcomes to later days; outcomes after the last day continue at the first."""
    first, last = min(days), max(days)
    length = (last - first).days + 1
    length += -length % 7  # whole weeks, to keep the weekday
    return {first + timedelta(days=((day - first).days + by) % length): row for day, row in days.items()}


@dataclass
class Tally:
    """Number of intervals, and of intervals without zero: of this project and of a plain comparison."""

    intervals: int = 0
    alarms: int = 0
    reported: int = 0
    plain_intervals: int = 0
    plain_alarms: int = 0

    def add(self, answers: Answers, days: Days) -> None:
        """Count the effects of the answers on unrelated outcomes."""
        for row in effect_rows(answers, days):
            if row["difference"] is not None:
                self.intervals += 1
                self.alarms += not row["difference_low"] < 0 < row["difference_high"]
                self.reported += row["verdict"] != CANNOT_TELL
        for question in sorted({answer["question"] for answer in answers}):
            asked = [answer for answer in answers if answer["question"] == question]
            for outcome in next(iter(days.values())):
                for lag in LAGS:
                    out = _welch_leaves_out_zero(asked, days, outcome, lag)
                    if out is not None:
                        self.plain_intervals += 1
                        self.plain_alarms += out

    def __str__(self) -> str:
        return (
            f"{self.alarms} of {self.intervals} intervals leave out zero"
            f" ({self.alarms / self.intervals:.1%}; at most"
            f" {MAX_ALARM_SHARE:.0%}); {self.reported} are reported as strong or weak"
            f" ({self.reported / self.intervals:.2%}). A plain"
            f" comparison of means: {self.plain_alarms} of {self.plain_intervals}"
            f" ({self.plain_alarms / self.plain_intervals:.1%})"
        )


def _welch_leaves_out_zero(answers: Answers, days: Days, outcome: str, lag: int) -> bool | None:
    """Whether the 95% interval of the difference of two independent samples excludes zero; None with too few
    days.
    """
    groups: dict[bool, list[float]] = {True: [], False: []}
    for answer in answers:
        value = days.get(answer["day"] + timedelta(days=lag), {}).get(outcome)
        if value is not None:
            groups[bool(answer["answered_yes"])].append(value)
    if min(map(len, groups.values())) < MIN_DAYS:
        return None
    parts = [variance(values) / len(values) for values in groups.values()]
    if sum(parts) == 0:
        return None
    shares = zip(parts, groups.values(), strict=True)
    freedom = sum(parts) ** 2 / sum(part**2 / (len(values) - 1) for part, values in shares)
    difference = abs(fmean(groups[True]) - fmean(groups[False]))
    return difference > float(stats.t.ppf(0.975, freedom)) * math.sqrt(sum(parts))


def rotations(answers: Answers, days: Days, count: int, rng: random.Random, tally: Tally) -> None:
    """Count the false alarms of `count` rotations of one member."""
    weeks = ((max(days) - min(days)).days + 1) // 7
    min_weeks = -(-MIN_ROTATION_DAYS // 7)
    possible = range(min_weeks, weeks - min_weeks)
    for by in rng.sample(possible, min(count, len(possible))):
        tally.add(answers, rotated(days, 7 * by))
