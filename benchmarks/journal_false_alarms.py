"""How often a journal effect is reported where there is none.

    python -m benchmarks.journal_false_alarms [--members 40] [--days 700] [--rotations 10] [--export FOLDER_OR_ZIP ...]

Each member's outcomes are rotated against the member's answers by at least 45 days, so that the two have nothing to do with
each other, while both keep their weekdays, their resemblance from day to day and their drift. (Rotations are by whole weeks: an
outcome of a Saturday meets an answer of a Saturday.) An interval that leaves out zero is then a false alarm. At most 7% of
them may. Beside it stands what a plain comparison of two means gives (Welch's interval, for days that do not depend on each other).

By default members are made up, with what real days have: a correlation of one day with the next of 0.3, weekdays that differ by
10 to 25 points of recovery, drift over months, and habits that follow weekdays, come in phases and become more or less
frequent. `--export` adds members from the app's own exports.
"""

import argparse
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from statistics import fmean, variance
from tempfile import TemporaryDirectory
from typing import Any

from scipy import stats

from whoop_assets import schema
from whoop_assets.app_export.parsing import read_files
from whoop_assets.db.database import Database
from whoop_assets.journal import store as stored
from whoop_assets.journal.effects import CANNOT_TELL, LAGS, MIN_DAYS, effect_rows
from whoop_assets.sync.import_export import import_export

FIRST = date(2023, 1, 2)
MIN_ROTATION_DAYS = 45
AT_MOST = 0.07
Days = Mapping[date, Mapping[str, float | None]]
Answers = list[dict[str, Any]]


def made_up(seed: int, days: int) -> tuple[Answers, Days]:
    """Answers to five questions, and outcomes of a member on whom no habit has an effect."""
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
    return [answer for place in range(5) for answer in _habit(rng, seed, f"Habit {place}?", days)], outcomes


def _habit(rng: random.Random, member: int, question: str, days: int) -> Iterator[dict[str, Any]]:
    """Answers that follow the weekday, come in phases of weeks, and become more or less frequent over the years."""
    usual, trend, phase = rng.uniform(-1.5, 1.0), rng.uniform(-1.5, 1.5), 0.0
    weekdays = [rng.gauss(0, 0.8) for _ in range(7)]
    for n in range(days):
        day = FIRST + timedelta(days=n)
        phase = 0.9 * phase + rng.gauss(0, 0.4)
        odds = usual + trend * n / days + phase + weekdays[day.weekday()]
        if rng.random() < 0.9:
            yes = rng.random() < 1 / (1 + math.exp(-odds))
            yield {"user_id": member, "day": day, "question": question, "answered_yes": yes}


def exported(path: Path) -> tuple[Answers, Days]:
    """Answers and outcomes of a member's export, imported into a temporary database."""
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'export.db'}")
        schema.prepare(database)
        try:
            import_export(database, read_files(path), None)
            with database.read() as connection:
                return stored.answers(connection, -1), stored.outcomes(connection, -1)
        finally:
            database.close()


def rotated(days: Days, by: int) -> Days:
    """The outcomes moved to later days; those after the last day continue at the first."""
    first, last = min(days), max(days)
    length = (last - first).days + 1
    length += -length % 7  # whole weeks, so that weekdays meet weekdays
    return {first + timedelta(days=((day - first).days + by) % length): row for day, row in days.items()}


@dataclass
class Tally:
    """Intervals, and how many leave out zero: this project's, and a plain comparison's."""

    intervals: int = 0
    alarms: int = 0
    told: int = 0
    plain_intervals: int = 0
    plain_alarms: int = 0

    def add(self, answers: Answers, days: Days) -> None:
        """Count the effects of these answers on outcomes that have nothing to do with them."""
        for row in effect_rows(answers, days):
            if row["difference"] is not None:
                self.intervals += 1
                self.alarms += not row["difference_low"] < 0 < row["difference_high"]
                self.told += row["verdict"] != CANNOT_TELL
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
            f"{self.alarms} of {self.intervals} intervals leave out zero ({self.alarms / self.intervals:.1%}; at most"
            f" {AT_MOST:.0%}); {self.told} are told as strong or weak ({self.told / self.intervals:.2%}). A plain"
            f" comparison of means: {self.plain_alarms} of {self.plain_intervals}"
            f" ({self.plain_alarms / self.plain_intervals:.1%})"
        )


def _welch_leaves_out_zero(answers: Answers, days: Days, outcome: str, lag: int) -> bool | None:
    """Whether the 95% interval of two independent samples' difference leaves out zero; None with too few days."""
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
    apart = abs(fmean(groups[True]) - fmean(groups[False]))
    return apart > float(stats.t.ppf(0.975, freedom)) * math.sqrt(sum(parts))


def rotations(answers: Answers, days: Days, count: int, rng: random.Random, tally: Tally) -> None:
    """Count the false alarms of so many rotations of one member."""
    weeks = ((max(days) - min(days)).days + 1) // 7
    least = -(-MIN_ROTATION_DAYS // 7)
    possible = range(least, weeks - least)
    for by in rng.sample(possible, min(count, len(possible))):
        tally.add(answers, rotated(days, 7 * by))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.journal_false_alarms",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--members", type=int, default=40, help="Made-up members.")
    parser.add_argument("--days", type=int, default=700, help="Days of each of them.")
    parser.add_argument("--rotations", type=int, default=10, help="Rotations of each member.")
    parser.add_argument(
        "--export", type=Path, nargs="*", default=[], help="Exports of the app: zip or folder."
    )
    chosen = parser.parse_args()
    rng = random.Random(1)
    if chosen.members:
        tally = Tally()
        for seed in range(chosen.members):
            rotations(*made_up(seed, chosen.days), chosen.rotations, rng, tally)
        print(f"{chosen.members} made-up members of {chosen.days} days: {tally}")
    for place, path in enumerate(chosen.export, start=1):
        tally = Tally()
        rotations(*exported(path), chosen.rotations, rng, tally)
        print(f"export {place}: {tally if tally.intervals else 'too few answers'}")


if __name__ == "__main__":
    main()
