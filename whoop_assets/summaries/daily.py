"""One row per member and WHOOP day: the `daily_summary` contract, computed from the day's records.

What adds up and what does not: strain, energy, heart rate and steps are the day's cycle's alone, recovery and
sleep are its main sleep's alone, naps and workouts are all of the day's, whichever cycle they lie in. Minutes
are WHOOP's milliseconds / 60,000, not rounded. What WHOOP did not score is None, never 0.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from whoop_assets.summaries.choice import days_cycle, days_recovery, days_sleep
from whoop_assets.summaries.columns import CYCLES, DAILY, DAILY_COLUMNS, RECOVERIES, SLEEPS, WORKOUTS
from whoop_assets.summaries.frames import plain_rows, read
from whoop_assets.summaries.parts import (
    cycle_columns,
    nap_columns,
    recovery_columns,
    sleep_columns,
    workout_columns,
)

__all__ = ["DAILY_COLUMNS", "daily_rows"]

FROM_API = "api"
"""The source of a row that is made of what the API gave."""


def daily_rows(
    cycles: pd.DataFrame,
    sleeps: pd.DataFrame,
    recoveries: pd.DataFrame,
    workouts: pd.DataFrame,
    *,
    latest_cycle: Mapping[int, int],
) -> list[dict[str, object]]:
    """The daily row of every (member, day) that has a record in any of the frames, by member and day.

    The frames hold whole days: every record of the asked days that is not deleted, of any number of members.
    They may be empty. `latest_cycle` gives each member's latest cycle, whatever its day: only that one can be
    partial. Values are plain Python, None for what is missing. About 3 kB a row: ask for a long history in
    pieces.
    """
    tables = [
        read("cycles", cycles, CYCLES),
        read("sleeps", sleeps, SLEEPS),
        read("recoveries", recoveries, RECOVERIES),
        read("workouts", workouts, WORKOUTS),
    ]
    days, (cycles, sleeps, recoveries, workouts) = _by_day(tables)
    main_sleeps, naps = _parted(sleeps)

    cycle = days_cycle(cycles, main_sleeps)
    sleep = days_sleep(main_sleeps, cycle)
    recovery = days_recovery(recoveries, naps, sleep, cycle)
    parts = [
        days[["user_id", "day"]],
        cycle_columns(cycle, cycles, days, latest_cycle),
        sleep_columns(sleep, days),
        recovery_columns(recovery, days),
        nap_columns(naps, days),
        workout_columns(workouts, days),
        pd.DataFrame({"source": pd.Series(FROM_API, index=days.index, dtype="str")}),
    ]
    return plain_rows(pd.concat(parts, axis="columns"), DAILY)


def _by_day(tables: list[pd.DataFrame]) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """The (member, day) pairs, numbered in order, and the tables with that number as `at`."""
    keys = pd.concat([table[["user_id", "day"]] for table in tables], ignore_index=True)
    keys = keys.assign(at=keys.groupby(["user_id", "day"], sort=True).ngroup())
    days = keys[keys["at"] >= 0].drop_duplicates("at").sort_values("at").reset_index(drop=True)
    ends = np.cumsum([len(table) for table in tables])[:-1]
    numbers = np.split(keys["at"].to_numpy(), ends)
    return days, [table.assign(at=at) for table, at in zip(tables, numbers, strict=True)]


def _parted(sleeps: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The main sleeps and the naps."""
    nap = sleeps["nap"].fillna(False).astype(bool)
    return sleeps[~nap], sleeps[nap]
