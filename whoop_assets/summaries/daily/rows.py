"""Compute the rows of `daily_summary` from the records of each day. Pure functions of data frames.

Strain, energy, heart rate and steps come from the day's cycle only. Recovery and sleep come from its main
sleep only. Naps and workouts are added up over all cycles of the day. Minutes are WHOOP's milliseconds /
60,000, not rounded. A value that WHOOP did not score is None, never 0.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from whoop_assets.summaries.columns import CYCLES, DAILY, RECOVERIES, SLEEPS, WORKOUTS
from whoop_assets.summaries.daily.choice import choose_cycle, choose_recovery, choose_sleep
from whoop_assets.summaries.daily.parts import (
    cycle_columns,
    nap_columns,
    recovery_columns,
    sleep_columns,
    workout_columns,
)
from whoop_assets.summaries.frames import TEXT, plain_rows, read

FROM_API = "api"
"""The `source` of a row that is computed from the API's records only."""


def daily_rows(
    cycles: pd.DataFrame,
    sleeps: pd.DataFrame,
    recoveries: pd.DataFrame,
    workouts: pd.DataFrame,
    *,
    latest_cycle: Mapping[int, int],
) -> list[dict[str, object]]:
    """Compute the daily row of every (member, day) with a record in any of the frames.

    Args:
        cycles: All cycles of the days that are not deleted, of any number of members. All frames can be
            empty.
        sleeps: All sleeps and naps of the days.
        recoveries: All recoveries of the days.
        workouts: All workouts of the days.
        latest_cycle: Member -> id of the member's latest cycle on any day; only that one can be partial.

    Returns:
        Rows by member and day. Values are plain Python; missing values are None. A row takes about 3 kB.
    """
    tables = [
        read("cycles", cycles, CYCLES),
        read("sleeps", sleeps, SLEEPS),
        read("recoveries", recoveries, RECOVERIES),
        read("workouts", workouts, WORKOUTS),
    ]
    days, (cycles, sleeps, recoveries, workouts) = _by_day(tables)
    main_sleeps, naps = _split_naps(sleeps)

    cycle = choose_cycle(cycles, main_sleeps)
    sleep = choose_sleep(main_sleeps, cycle)
    recovery = choose_recovery(recoveries, naps, sleep, cycle)
    parts = [
        days[["user_id", "day"]],
        cycle_columns(cycle, cycles, days, latest_cycle),
        sleep_columns(sleep, days),
        recovery_columns(recovery, days),
        nap_columns(naps, days),
        workout_columns(workouts, days),
        pd.DataFrame({"source": pd.Series(FROM_API, index=days.index, dtype=TEXT)}),
    ]
    return plain_rows(pd.concat(parts, axis="columns"), DAILY)


def _by_day(tables: list[pd.DataFrame]) -> tuple[pd.DataFrame, list[pd.DataFrame]]:
    """Return the (member, day) pairs in order, and the tables with the number of their pair as `at`."""
    keys = pd.concat([table[["user_id", "day"]] for table in tables], ignore_index=True)
    keys = keys.assign(at=keys.groupby(["user_id", "day"], sort=True).ngroup())
    days = keys[keys["at"] >= 0].drop_duplicates("at").sort_values("at").reset_index(drop=True)
    ends = np.cumsum([len(table) for table in tables])[:-1]
    numbers = np.split(keys["at"].to_numpy(), ends)
    return days, [table.assign(at=at) for table, at in zip(tables, numbers, strict=True)]


def _split_naps(sleeps: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the main sleeps and the naps."""
    nap = sleeps["nap"].fillna(False).astype(bool)
    return sleeps[~nap], sleeps[nap]
