"""Compute the rows of `daily_summary` from the records of each day. Pure functions of rows.

Strain, energy, heart rate and steps come from the day's cycle only. Recovery and sleep come from its main
sleep only. Naps and workouts are added up over all cycles of the day. Minutes are WHOOP's milliseconds /
60,000, not rounded. A value that WHOOP did not score is None, never 0.
"""

import functools
import operator
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from whoop_assets.summaries.daily.choice import Row, choose_cycle, choose_recovery, choose_sleep, span_milli
from whoop_assets.summaries.record_columns import (
    ASLEEP,
    CYCLE_SCORE,
    MINUTES_OF_SLEEP,
    RECOVERY_SCORE,
    SLEEP_SCORE,
    SLEEP_VALUES,
    SUMS_OF_WORKOUTS,
    WORKOUT_SCORE,
)
from whoop_assets.summaries.tables import DAILY_COLUMNS
from whoop_assets.whoop_day import local_date, parse_offset

FROM_API = "api"
"""The `source` of a row that is computed from the API's records only."""
Columns = dict[str, Any]
"""Columns of a daily row that come from one stream, by name. All are None on a day without such a record."""

SCORED = "SCORED"
# WHOOP's published bands: red 0 to 33, yellow 34 to 66, green 67 to 100. A score between two bands is in the
# lower one.
MIN_GREEN_SCORE, MIN_YELLOW_SCORE = 67.0, 34.0

_NO_RECORD: Row = dict.fromkeys(
    (
        *("id", "start_time", "end_time", "timezone_offset", "step_count", "changed_at", "synced_at"),
        *(*CYCLE_SCORE, *SLEEP_SCORE, *RECOVERY_SCORE),
    )
)


Records = Mapping[str, Sequence[Row]]
"""Stream -> rows of its records, without deleted ones, of any number of members and days."""


def daily_rows(records: Records, latest_cycle: Mapping[int, int]) -> list[dict[str, object]]:
    """Compute the daily row of every (member, day) with a record of any stream.

    Args:
        records: All records of the days.
        latest_cycle: Member -> id of the member's latest cycle on any day; only that one can be partial.

    Returns:
        Rows by member and day, with the columns in the order of the table. Missing values are None.
    """
    days: dict[tuple[int, date], dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for stream, rows in records.items():
        for row in rows:
            days[row["user_id"], row["day"]][stream].append(row)
    return [
        _row(user_id, day, days[user_id, day], latest_cycle.get(user_id)) for user_id, day in sorted(days)
    ]


def _row(user_id: int, day: date, records: Mapping[str, list[Row]], latest: int | None) -> dict[str, object]:
    main_sleeps = [sleep for sleep in records["sleeps"] if not sleep["nap"]]
    naps = [sleep for sleep in records["sleeps"] if sleep["nap"]]
    cycle = choose_cycle(records["cycles"], main_sleeps)
    sleep = choose_sleep(main_sleeps, cycle)
    recovery = choose_recovery(records["recoveries"], naps, sleep, cycle)
    row = {
        "user_id": user_id,
        "day": day,
        **_cycle_columns(cycle, records["cycles"], latest),
        **_sleep_columns(sleep),
        **_recovery_columns(recovery),
        **_nap_columns(naps),
        **_workout_columns(records["workouts"]),
        "source": FROM_API,
    }
    return {name: row[name] for name in DAILY_COLUMNS}


def _cycle_columns(chosen: Row | None, cycles: Sequence[Row], latest: int | None) -> Columns:
    cycle = _NO_RECORD if chosen is None else _without_empty_score(_scored(chosen, CYCLE_SCORE))
    unfinished = chosen is not None and (chosen["end_time"] is None or chosen["score_state"] != SCORED)
    return {
        "cycle_id": cycle["id"],
        "cycle_start_time": cycle["start_time"],
        "cycle_end_time": cycle["end_time"],
        "cycle_start_date": _local_date(cycle["start_time"], cycle["timezone_offset"]),
        "cycle_end_date": _local_date(cycle["end_time"], cycle["timezone_offset"]),
        "timezone_offset": cycle["timezone_offset"],
        "is_partial": unfinished and cycle["id"] == latest,
        "cycle_count": len(cycles),
        **{name: cycle[name] for name in CYCLE_SCORE},
        "step_count": cycle["step_count"],
    }


def _without_empty_score(cycle: Row) -> Row:
    """Empty an all-zero score, which WHOOP gives to a cycle in which the strap was not worn."""
    not_worn = all(cycle[name] == 0 for name in CYCLE_SCORE)
    return {**cycle, **dict.fromkeys(CYCLE_SCORE)} if not_worn else cycle


def _local_date(instant: datetime | None, offset: str | None) -> date | None:
    return None if instant is None or offset is None else local_date(instant, parse_offset(offset))


def _sleep_columns(chosen: Row | None) -> Columns:
    sleep = _NO_RECORD if chosen is None else _scored(chosen, SLEEP_SCORE)
    return {
        "sleep_id": sleep["id"],
        "sleep_start_time": sleep["start_time"],
        "sleep_end_time": sleep["end_time"],
        **{name: _minutes(_total(sleep, parts)) for name, parts in MINUTES_OF_SLEEP.items()},
        **{name: sleep[name] for name in SLEEP_VALUES},
    }


def _recovery_columns(chosen: Row | None) -> Columns:
    recovery = _NO_RECORD if chosen is None else _scored(chosen, RECOVERY_SCORE)
    return {
        **{name: recovery[name] for name in RECOVERY_SCORE},
        "recovery_band": _band(recovery["recovery_score"]),
        "last_recovery_data_changed_at": recovery["changed_at"],
        "last_recovery_synced_at": recovery["synced_at"],
    }


def _band(score: float | None) -> str | None:
    if score is None:
        return None
    if score >= MIN_GREEN_SCORE:
        return "green"
    return "yellow" if score >= MIN_YELLOW_SCORE else "red"


def _nap_columns(naps: Sequence[Row]) -> Columns:
    asleep = [_total(_scored(nap, SLEEP_SCORE), ASLEEP) for nap in _by_id(naps)]
    return {"nap_count": len(naps), "nap_minutes": _minutes(_sum(asleep)) if naps else 0.0}


def _workout_columns(workouts: Sequence[Row]) -> Columns:
    scored = [_scored(workout, WORKOUT_SCORE) for workout in _by_id(workouts)]
    strains = [workout["strain"] for workout in scored if workout["strain"] is not None]
    sports = {workout["sport_name"] for workout in workouts if workout["sport_name"]}
    return {
        "workout_count": len(workouts),
        "workout_minutes": _minutes(_sum(map(span_milli, scored))) if workouts else 0.0,
        "workout_strain_max": max(strains, default=None),
        **{name: _sum(workout[column] for workout in scored) for name, column in SUMS_OF_WORKOUTS.items()},
        "sports": ",".join(sorted(sports)) or None,
    }


def _scored(record: Row, score: Iterable[str]) -> Row:
    """Empty the columns of the score if WHOOP has not scored the record."""
    return record if record["score_state"] == SCORED else {**record, **dict.fromkeys(score)}


def _by_id(records: Sequence[Row]) -> list[Row]:
    """Sort the records, because the last digits of a sum of floats depend on the order of the addends."""
    return sorted(records, key=operator.itemgetter("id"))


def _sum(values: Iterable[float | None]) -> float | None:
    """Add the known values one by one; None if there are none.

    The built-in `sum` compensates rounding since Python 3.12, so its last digit depends on the version.
    """
    known = [value for value in values if value is not None]
    return functools.reduce(operator.add, known) if known else None


def _total(record: Row, names: tuple[str, ...]) -> float | None:
    """Return the sum of the columns; None if one of them is."""
    values = [record[name] for name in names]
    return None if None in values else _sum(values)


def _minutes(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 60_000
