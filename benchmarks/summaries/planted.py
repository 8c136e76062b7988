"""Detection of planted illnesses, overreach and journeys, and false alarms.

    python -m benchmarks.summaries.planted [--members 200] [--simulated 8] [--days 400]

The first members are daily rows with known parameters: an illness, three weeks of overreach, a journey. Then
come members of the simulator, with illnesses of five to eight days, loaded over HTTP and summarised. A night
of an illness is found if `illness_flag` is true. An alarm more than three days after an illness is false.
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from sqlalchemy import select

from whoop_assets.summaries.rebuild import rebuild_trends
from whoop_assets.summaries.tables import trends as trends_table
from whoop_assets.whoop_day import cycle_day, parse_offset
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import at_home, frozen_world
from whoop_assets_tests.support.models.planted import (
    AWAY,
    FIRST,
    ILL,
    OVERREACH,
    Illnesses,
    healthy_and,
    trends_of,
)
from whoop_simulator.physiology import sleep_history


def planted(members: int) -> None:
    """Measure members that are generated as daily rows."""
    print(
        f"{members} members of a year each, an illness of {len(ILL)} nights in it; its strength in SD of"
        f" a night:"
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
    """Measure three weeks with 5 more strain per day: is their ratio the highest of the year? And the
    journey.
    """
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
        f"an overreach of {len(OVERREACH)} days with 5 more strain a day: the highest of the year is"
        f" within it"
    )
    for name in loads:
        print(f"  {name:<30} in {highest[name]} of {members} members; {false[name]} other days as high")
    print(
        f"a journey of {len(AWAY)} days, eight hours east: {shifts} of {arrivals} nights show the shift,"
        f" {elsewhere} of {home} others show one; {late} nights away count as late or early to bed"
    )


@contextmanager
def sick_nights() -> Iterator[set[int]]:
    """Collect the ids of the cycles with a sick night while the simulator generates them."""
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
    """Measure members of the simulator, through every layer."""
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
        prog="python -m benchmarks.summaries.planted",
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
