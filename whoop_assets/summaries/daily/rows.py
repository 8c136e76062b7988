"""Compute the rows of `daily_summary` from the records of each day. Pure functions of rows.

Strain, energy, heart rate and steps come from the day's cycle only. Recovery and sleep come from its main
sleep only. Naps and workouts are added up over all cycles of the day. Minutes are WHOOP's milliseconds /
60,000, not rounded. A value that WHOOP did not score is None, never 0.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from whoop_assets.summaries.columns import DAILY_COLUMNS
from whoop_assets.summaries.daily.choice import Row, choose_cycle, choose_recovery, choose_sleep
from whoop_assets.summaries.daily.parts import (
    cycle_columns,
    nap_columns,
    recovery_columns,
    sleep_columns,
    workout_columns,
)

FROM_API = "api"
"""The `source` of a row that is computed from the API's records only."""


@dataclass(slots=True)
class _Day:
    """The records of one member's day."""

    cycles: list[Row] = field(default_factory=list)
    sleeps: list[Row] = field(default_factory=list)
    recoveries: list[Row] = field(default_factory=list)
    workouts: list[Row] = field(default_factory=list)


def daily_rows(
    cycles: Iterable[Row],
    sleeps: Iterable[Row],
    recoveries: Iterable[Row],
    workouts: Iterable[Row],
    *,
    latest_cycle: Mapping[int, int],
) -> list[dict[str, object]]:
    """Compute the daily row of every (member, day) with a record.

    Args:
        cycles: All cycles of the days that are not deleted, of any number of members.
        sleeps: All sleeps and naps of the days.
        recoveries: All recoveries of the days.
        workouts: All workouts of the days.
        latest_cycle: Member -> id of the member's latest cycle on any day; only that one can be partial.

    Returns:
        Rows by member and day, with the columns in the order of the table. Missing values are None.
    """
    days: dict[tuple[int, date], _Day] = defaultdict(_Day)
    for cycle in cycles:
        days[cycle["user_id"], cycle["day"]].cycles.append(cycle)
    for sleep in sleeps:
        days[sleep["user_id"], sleep["day"]].sleeps.append(sleep)
    for recovery in recoveries:
        days[recovery["user_id"], recovery["day"]].recoveries.append(recovery)
    for workout in workouts:
        days[workout["user_id"], workout["day"]].workouts.append(workout)
    return [
        _row(user_id, day, days[user_id, day], latest_cycle.get(user_id)) for user_id, day in sorted(days)
    ]


def _row(user_id: int, day: date, records: _Day, latest: int | None) -> dict[str, object]:
    main_sleeps = [sleep for sleep in records.sleeps if not sleep["nap"]]
    naps = [sleep for sleep in records.sleeps if sleep["nap"]]
    cycle = choose_cycle(records.cycles, main_sleeps)
    sleep = choose_sleep(main_sleeps, cycle)
    recovery = choose_recovery(records.recoveries, naps, sleep, cycle)
    row = {
        "user_id": user_id,
        "day": day,
        **cycle_columns(cycle, records.cycles, latest),
        **sleep_columns(sleep),
        **recovery_columns(recovery),
        **nap_columns(naps),
        **workout_columns(records.workouts),
        "source": FROM_API,
    }
    return {name: row[name] for name in DAILY_COLUMNS}
