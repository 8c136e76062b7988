"""Daily rows of days that only the app's own export tells of: by the same rules, of what an export has.

An export has no ids, so its records get numbers for the time of the computation, and the row none. What an export does
not say is None: steps, disturbances, calibration, zone 0, and naps or workouts where their file was not in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd

from whoop_assets.summary.columns import ASLEEP, CYCLE_SCORE, RECOVERY_SCORE, SUMS_OF_WORKOUTS, WORKOUT_SCORE
from whoop_assets.summary.daily import daily_rows
from whoop_assets.whoop_day import begins_as_nap

Rows = Sequence[Mapping[str, Any]]
Key = tuple[int, date]

FROM_EXPORT = "export"
"""The source of a row that is made of what an export says."""

NOT_EXPORTED = (
    "cycle_id",
    "sleep_id",
    "step_count",
    "user_calibrating",
    "disturbance_count",
    "zone_zero_milli",
    "last_recovery_data_changed_at",
    "last_recovery_synced_at",
)
"""Columns of a daily row that no export gives."""

OF_NAPS = ("nap_count", "nap_minutes")
OF_WORKOUTS = ("workout_count", "workout_minutes", "workout_strain_max", "sports", *SUMS_OF_WORKOUTS)

_EXPORTED_RECOVERY = tuple(name for name in RECOVERY_SCORE if name != "user_calibrating")
_SCORED, _NOT_SCORED = "SCORED", "UNSCORABLE"


def exported_rows(
    cycles: Rows,
    sleeps: Rows,
    workouts: Rows,
    *,
    newest_cycle: Mapping[int, datetime],
    naps_known: Iterable[Key],
    workouts_known: Iterable[Key],
) -> list[dict[str, object]]:
    """The daily row of every (member, day) that has a record in any of these, by member and day.

    Rows of the tables `imported_cycles`, `imported_sleeps` and `imported_workouts`, whole days of them. `newest_cycle` is the
    start of each member's newest cycle wherever it is known from: only that one can be partial. The `..._known` are the
    member-days for which an export had the file in question, so that none is 0 and not unknown.
    """
    number_of = {(row["user_id"], row["start_time"]): number for number, row in enumerate(cycles, 1)}
    main_sleeps: dict[int, tuple[bool, datetime, str]] = {}
    beginning: dict[tuple[int, datetime], str] = {}
    slept = []
    for number, row in enumerate(sleeps, 1):
        cycle_start = row["assigned_cycle_start_time"] or row["cycle_start_time"]
        cycle = number_of.get((row["user_id"], cycle_start), 0)
        identity = f"sleep {number}"
        slept.append(_sleep(row, identity, cycle))
        beginning[row["user_id"], row["start_time"]] = identity
        if not row["nap"]:
            # A row that names no sleep has the recovery of the sleep that the cycle begins with.
            offered = (row["start_time"] != cycle_start, row["start_time"], identity)
            main_sleeps[cycle] = min(offered, main_sleeps.get(cycle, offered))

    recoveries = []
    for number, row in enumerate(cycles, 1):
        if all(row[name] is None for name in _EXPORTED_RECOVERY):
            continue
        onset, sleep = row["sleep_start_time"], f"of {number}"
        if onset is None:
            sleep = main_sleeps[number][2] if number in main_sleeps else sleep
        elif (row["user_id"], onset) in beginning:
            sleep = beginning[row["user_id"], onset]
        elif begins_as_nap(row["start_time"], onset):
            continue
        # Only if that sleep is the day's main sleep, the recovery is the day's.
        recoveries.append(_recovery(row, number, sleep))
    rows = daily_rows(
        pd.DataFrame([_cycle(row, number) for number, row in enumerate(cycles, 1)], dtype=object),
        pd.DataFrame(slept, dtype=object),
        pd.DataFrame(recoveries, dtype=object),
        pd.DataFrame(
            [_workout(row, f"workout {number:09}") for number, row in enumerate(workouts, 1)], dtype=object
        ),
        latest_cycle={
            user_id: number_of[user_id, start]
            for user_id, start in newest_cycle.items()
            if (user_id, start) in number_of
        },
    )
    with_naps, with_workouts = set(naps_known), set(workouts_known)
    for row in rows:
        row["source"] = FROM_EXPORT
        key = (row["user_id"], row["day"])
        unknown = (
            *NOT_EXPORTED,
            *(() if key in with_naps else OF_NAPS),
            *(() if key in with_workouts else OF_WORKOUTS),
        )
        row.update(dict.fromkeys(unknown))
    return rows


def _cycle(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    scored = any(row[name] is not None for name in CYCLE_SCORE)
    return {
        **{name: row[name] for name in ("user_id", "day", "start_time", "end_time", "timezone_offset")},
        **{name: row[name] for name in CYCLE_SCORE},
        "id": number,
        "score_state": _SCORED if scored else _NOT_SCORED,
        "step_count": None,
    }


def _sleep(row: Mapping[str, Any], identity: str, cycle: int) -> dict[str, Any]:
    needed, debt = row["sleep_needed_milli"], row["need_from_sleep_debt_milli"]
    return {
        **dict(row),
        "id": identity,
        "cycle_id": cycle or None,
        "score_state": _SCORED if all(row[name] is not None for name in ASLEEP) else _NOT_SCORED,
        # Of the four parts of the need an export gives the sum and one.
        "baseline_milli": None if needed is None else needed - (debt or 0),
        "need_from_sleep_debt_milli": (0 if debt is None and needed is not None else debt),
        "need_from_recent_strain_milli": 0,
        "need_from_recent_nap_milli": 0,
        "disturbance_count": None,
    }


def _recovery(row: Mapping[str, Any], number: int, sleep: str) -> dict[str, Any]:
    return {
        "user_id": row["user_id"],
        "day": row["day"],
        "sleep_id": sleep,
        "cycle_id": number,
        "score_state": _SCORED,
        "user_calibrating": None,
        "changed_at": None,
        "synced_at": None,
        **{name: row[name] for name in _EXPORTED_RECOVERY},
    }


def _workout(row: Mapping[str, Any], identity: str) -> dict[str, Any]:
    return {
        **{name: row.get(name) for name in WORKOUT_SCORE},
        **{name: row[name] for name in ("user_id", "day", "start_time", "end_time", "sport_name")},
        "id": identity,
        "score_state": _NOT_SCORED if row["strain"] is None else _SCORED,
        "zone_zero_milli": None,
    }
