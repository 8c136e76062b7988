"""What the flags and trends find of what was planted, and what they raise for nothing.

    python -m benchmarks.planted [--members 200] [--simulated 8] [--days 400]

First members made of daily rows with known parameters: an illness, three weeks of overreach, a journey. Then members of the
simulator, which has illnesses of five to eight days of its own, loaded over HTTP, summed up and followed. A night of an
illness counts as found when `illness_flag` is true; an alarm more than three days after one is false.
"""

import argparse
import math
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import select

from whoop_assets.summaries.dependents import rebuild_trends
from whoop_assets.summaries.tables import trends as trends_table
from whoop_assets.summaries.trends import DAILY_READ, trend_rows
from whoop_assets.summaries.trends.columns import LOAD_ZONES
from whoop_assets.whoop_day import cycle_day, parse_offset
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.sync.home import at_home, frozen_world
from whoop_simulator.physiology import sleep_history

FIRST = date(2025, 1, 1)
YEAR = 365
ILL, OVERREACH, AWAY = range(150, 155), range(220, 241), range(300, 310)
FOLLOWS_ILLNESS = 3
"""The flag of a night soon after an illness is no false alarm."""

NOISE = {"hrv": 0.16, "resting_heart_rate": 1.9, "respiratory_rate": 0.35, "skin_temp": 0.35}
"""Standard deviation of a night about the member's own level: of ln RMSSD, bpm, breaths a minute, degrees."""

SHARED = 0.84
"""Share of the variance of heart rate and HRV that comes from one and the same state: over 4,537 nights of five members the
z-scores of the two correlate with -0.84."""


def healthy_and(severity: float, seed: int) -> list[dict[str, Any]]:
    """A year's daily rows with an illness that moves each of the four signals by so many standard deviations."""
    rng = random.Random(seed)
    rows = []
    level = rng.gauss(4.1, 0.3), rng.uniform(46, 60), rng.uniform(13.5, 16.5)
    state = 0.0
    for n in range(YEAR):
        day = FIRST + timedelta(days=n)
        ill = severity if n in ILL else 0.0
        state = 0.3 * state + math.sqrt(1 - 0.09) * rng.gauss(0, 1)  # a good day follows a good day, a little

        def mixed(state: float = state) -> float:
            return math.sqrt(SHARED) * state + math.sqrt(1 - SHARED) * rng.gauss(0, 1)

        weekly = 13.0 if day.weekday() in (1, 3, 5) else 8.0
        strain = min(20.5, max(2.0, weekly + rng.gauss(0, 2.5) + (5.0 if n in OVERREACH else 0.0)))
        offset = 480 if n in AWAY else 0
        local = datetime.combine(day, time(), UTC) + timedelta(hours=-1 + rng.gauss(0, 0.6))
        minutes = max(0.0, 6 * (strain - 5) + rng.gauss(0, 8))  # in zone 2, of a workout every other day
        row = dict.fromkeys(DAILY_READ) | {
            "user_id": seed,
            "day": day,
            "is_partial": False,
            "strain": strain,
            "workout_count": int(minutes > 0),
            **dict.fromkeys(LOAD_ZONES, 0 if minutes else None),
            "zone_two_milli": round(60_000 * minutes) if minutes else None,
            "kilojoule": 9000.0,
            "timezone_offset": f"+{offset // 60:02}:00",
            "hrv_rmssd_milli": math.exp(level[0] + NOISE["hrv"] * (mixed() - ill)),
            "resting_heart_rate": float(round(level[1] + NOISE["resting_heart_rate"] * (ill - mixed()))),
            "respiratory_rate": level[2] + NOISE["respiratory_rate"] * (rng.gauss(0, 1) + ill),
            "skin_temp_celsius": 33.7 + NOISE["skin_temp"] * (rng.gauss(0, 1) + ill),
            "sleep_start_time": local - timedelta(minutes=offset),
            "sleep_end_time": local + timedelta(hours=7.5) - timedelta(minutes=offset),
        }
        if rng.random() > 0.03:  # a night without the strap
            rows.append(row)
    return rows


def trends_of(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    frame = pd.DataFrame(rows, columns=list(DAILY_READ), dtype=object)
    return trend_rows(frame, FIRST, FIRST + timedelta(days=YEAR))


@dataclass
class Illnesses:
    """How the flag did, over members."""

    episodes: int = 0
    found: int = 0
    by_second_night: int = 0
    nights: int = 0
    nights_found: int = 0
    well: int = 0
    false: int = 0

    def add(self, flagged: dict[date, bool | None], episodes: list[list[date]]) -> None:
        """Take in one member: the flag of each night, and the nights of each illness."""
        ill = {day for episode in episodes for day in episode}
        near = {day + timedelta(days=n) for day in ill for n in range(FOLLOWS_ILLNESS + 1)}
        for episode in episodes:
            known = [day for day in episode if flagged.get(day) is not None]
            if not known:
                continue
            self.episodes += 1
            self.found += any(flagged[day] for day in known)
            self.by_second_night += any(flagged.get(day) for day in episode[:2])
            self.nights += len(known)
            self.nights_found += sum(bool(flagged[day]) for day in known)
        for day, flag in flagged.items():
            if flag is not None and day not in near:
                self.well += 1
                self.false += flag

    def __str__(self) -> str:
        yearly = 365 * self.false / self.well
        return (
            f"{self.found} of {self.episodes} illnesses found, {self.by_second_night} by the second night,"
            f" {self.nights_found} of {self.nights} nights; {self.false} false alarms in {self.well} nights"
            f" ({yearly:.1f} a member and year)"
        )


def planted(members: int) -> None:
    """Members of daily rows."""
    print(
        f"{members} members of a year each, an illness of {len(ILL)} nights in it; its strength in SD of a night:"
    )
    days = [FIRST + timedelta(days=n) for n in ILL]
    for severity in (1.0, 1.5, 2.0, 3.0):
        tally = Illnesses()
        for seed in range(1, members + 1):
            rows = trends_of(healthy_and(severity, seed))
            tally.add({row["day"]: row["illness_flag"] for row in rows}, [days])
        print(f"  {severity}: {tally}")
    overreach(members)


def overreach(members: int) -> None:
    """Three weeks of 5 more strain a day: is their ratio above all others of the year? And the journey."""
    loads = (
        "training_load_mean_7",
        "training_load_ratio_7_21",
        "training_load_foster_strain_7",
        "strain_mean_7",
    )
    highest, false = dict.fromkeys(loads, 0), dict.fromkeys(loads, 0)
    arrivals = shifts = elsewhere = home = late = 0
    since, after = FIRST + timedelta(days=OVERREACH[0]), FIRST + timedelta(days=OVERREACH[-1] + 28)
    for seed in range(1, members + 1):
        rows = trends_of(healthy_and(2.0, seed))
        for name in loads:
            within = [row[name] for row in rows if since <= row["day"] <= after and row[name] is not None]
            others = [row[name] for row in rows if not since <= row["day"] <= after and row[name] is not None]
            highest[name] += max(within) > max(others)
            false[name] += sum(value >= max(within) for value in others)
        for row in rows:
            n, shift = (row["day"] - FIRST).days, row["timezone_shift_minutes"]
            if n in AWAY:
                arrivals += 1
                shifts += shift == 480
                late += abs(row["bed_time_deviation_minutes"] or 0) > 180
            elif shift is not None:
                home += 1
                elsewhere += shift != 0
    print(
        f"an overreach of {len(OVERREACH)} days with 5 more strain a day: the highest of the year is within it"
    )
    for name in loads:
        print(f"  {name:<30} in {highest[name]} of {members} members; {false[name]} other days as high")
    print(
        f"a journey of {len(AWAY)} days, eight hours east: {shifts} of {arrivals} nights show the shift,"
        f" {elsewhere} of {home} others show one; {late} nights away count as late or early to bed"
    )


@contextmanager
def sick_nights() -> Iterator[set[int]]:
    """The ids of the cycles whose night the simulator makes sick, while it makes them."""
    found: set[int] = set()
    real = sleep_history.SleepHistory.write_night

    def write_night(self: Any, cycle_id: int, sleep: Any, strain: float) -> Any:
        if sleep.sick:
            found.add(cycle_id)
        return real(self, cycle_id, sleep, strain)

    sleep_history.SleepHistory.write_night = write_night  # type: ignore[method-assign]
    try:
        yield found
    finally:
        sleep_history.SleepHistory.write_night = real  # type: ignore[method-assign]


def simulated(members: int, days: int) -> None:
    """Members of the simulator, through every layer."""
    tally, trips, shown = Illnesses(), 0, 0
    first = TODAY - timedelta(days=days - 1)
    with sick_nights() as sick, tempfile.TemporaryDirectory() as folder:
        world = frozen_world(members=members, days=days)
        with at_home(f"sqlite:///{Path(folder) / 'whoop.db'}", world) as home:
            home.load_and_summarise(first, TODAY)
            rebuild_trends(home.database, home.members, first, TODAY)
            with home.database.read() as connection:
                rows = [dict(row) for row in connection.execute(select(trends_table)).mappings()]
            for user_id in home.members:
                mine = {row["day"]: row for row in rows if row["user_id"] == user_id}
                ill, offsets = set(), {}
                for cycle in home.truth(user_id)["cycles"]:
                    offset = parse_offset(cycle["timezone_offset"])
                    day = cycle_day(datetime.fromisoformat(cycle["start"]), offset)
                    offsets[day] = offset
                    if cycle["id"] in sick:
                        ill.add(day)
                tally.add({day: row["illness_flag"] for day, row in mine.items()}, _episodes(ill))
                ordered = sorted(offsets)
                for before, day in pairwise(ordered):
                    shift = mine[day]["timezone_shift_minutes"] if day in mine else None
                    if shift is None:
                        continue
                    if abs(offsets[day] - offsets[before]) > timedelta(hours=1):
                        trips += 1
                        shown += shift != 0 or mine[before]["timezone_shift_minutes"] != 0
    print(f"{members} simulated members of {days} days: {tally}")
    print(f"  journeys of more than an hour, there or back: {shown} of {trips} change the shift")


def _episodes(ill: set[date]) -> list[list[date]]:
    found: list[list[date]] = []
    for day in sorted(ill):
        if found and day - found[-1][-1] <= timedelta(days=2):
            found[-1].append(day)
        else:
            found.append([day])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.planted",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--members", type=int, default=200)
    parser.add_argument("--simulated", type=int, default=8)
    parser.add_argument("--days", type=int, default=400)
    chosen = parser.parse_args()
    planted(chosen.members)
    simulated(chosen.simulated, chosen.days)


if __name__ == "__main__":
    main()
