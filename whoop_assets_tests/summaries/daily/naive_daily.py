"""Independent implementation of the daily summary in plain Python, from its written rules."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

Record = dict
HOUR = timedelta(hours=1)
ZONES = [f"zone_{name}_milli" for name in ("zero", "one", "two", "three", "four", "five")]


def naive_daily_rows(
    cycles: Sequence[Record],
    sleeps: Sequence[Record],
    recoveries: Sequence[Record],
    workouts: Sequence[Record],
    latest_cycle: Mapping[int, int],
) -> list[Record]:
    days: dict[tuple[int, date], tuple[list, list, list, list]] = defaultdict(lambda: ([], [], [], []))
    for place, records in enumerate((cycles, sleeps, recoveries, workouts)):
        for record in records:
            days[record["user_id"], record["day"]][place].append(record)
    return [
        {"user_id": user_id, "day": day, **_row(*days[user_id, day], latest_cycle.get(user_id))}
        for user_id, day in sorted(days)
    ]


def _row(cycles: list, sleeps: list, recoveries: list, workouts: list, latest: int | None) -> Record:
    mains = [sleep for sleep in sleeps if not sleep["nap"]]
    naps = [sleep for sleep in sleeps if sleep["nap"]]
    cycle = _cycle_of(cycles, mains)
    sleep = _sleep_of(mains, cycle)
    recovery = _recovery_of(recoveries, naps, sleep, cycle)
    return {
        **_from_cycle(cycle, latest),
        "cycle_count": len(cycles),
        **_from_recovery(recovery),
        **_from_sleep(sleep),
        "nap_count": len(naps),
        "nap_minutes": _nap_minutes(naps),
        **_from_workouts(workouts),
    }


def _hours(record: Record) -> float:
    return (record["end_time"] - record["start_time"]).total_seconds() / 3600


def _cycle_of(cycles: list, mains: list) -> Record | None:
    with_sleep = [cycle for cycle in cycles if any(main["cycle_id"] == cycle["id"] for main in mains)]
    if with_sleep:
        theirs = [
            main for main in mains if any(main["cycle_id"] == candidate["id"] for candidate in with_sleep)
        ]
        longest = max(_hours(main) for main in theirs)
        ids = {main["cycle_id"] for main in theirs if _hours(main) == longest}
        cycles = [candidate for candidate in with_sleep if candidate["id"] in ids]
    closed = [cycle for cycle in cycles if cycle["end_time"] is not None]
    if closed:
        longest = max(_hours(closed_cycle) for closed_cycle in closed)
        cycles = [closed_cycle for closed_cycle in closed if _hours(closed_cycle) == longest]
    return min(cycles, key=lambda record: record["id"], default=None)


def _sleep_of(mains: list, cycle: Record | None) -> Record | None:
    of_cycle = [main for main in mains if cycle is not None and main["cycle_id"] == cycle["id"]]
    candidates = of_cycle or mains
    if not candidates:
        return None
    longest = max(_hours(candidate) for candidate in candidates)
    return min(
        (candidate for candidate in candidates if _hours(candidate) == longest),
        key=lambda record: record["id"],
    )


def _recovery_of(recoveries: list, naps: list, sleep: Record | None, cycle: Record | None) -> Record | None:
    if sleep is not None:
        candidates = [recovery for recovery in recoveries if recovery["sleep_id"] == sleep["id"]]
    else:
        of_naps = {nap["id"] for nap in naps}
        candidates = [
            recovery
            for recovery in recoveries
            if cycle is not None
            and recovery["cycle_id"] == cycle["id"]
            and recovery["sleep_id"] not in of_naps
        ]
    return candidates[0] if len(candidates) == 1 else None


def _offset(text: str) -> timedelta:
    if text == "Z":
        return timedelta()
    size = timedelta(hours=int(text[1:3]), minutes=int(text[4:6]))
    return -size if text[0] == "-" else size


def _value(record: Record | None, name: str) -> Any:
    return record[name] if record is not None and record["score_state"] == "SCORED" else None


def _from_cycle(cycle: Record | None, latest: int | None) -> Record:
    score = {
        name: _value(cycle, name) for name in ("strain", "kilojoule", "average_heart_rate", "max_heart_rate")
    }
    if all(value == 0 for value in score.values()):
        score = dict.fromkeys(score)
    if cycle is None:
        plain = ("cycle_id", "cycle_start_time", "cycle_end_time", "cycle_start_date", "cycle_end_date")
        return dict.fromkeys((*plain, "timezone_offset", "step_count")) | {"is_partial": False} | score
    start, end, offset = cycle["start_time"], cycle["end_time"], _offset(cycle["timezone_offset"])
    return {
        "cycle_id": cycle["id"],
        "cycle_start_time": start,
        "cycle_end_time": end,
        "cycle_start_date": (start + offset).date(),
        "cycle_end_date": None if end is None else (end + offset).date(),
        "timezone_offset": cycle["timezone_offset"],
        "step_count": cycle["step_count"],
        "is_partial": cycle["id"] == latest and (end is None or cycle["score_state"] != "SCORED"),
        **score,
    }


def _from_recovery(recovery: Record | None) -> Record:
    score = _value(recovery, "recovery_score")
    band = None if score is None else "green" if score >= 67 else "yellow" if score >= 34 else "red"
    names = (
        "hrv_rmssd_milli",
        "resting_heart_rate",
        "spo2_percentage",
        "skin_temp_celsius",
        "user_calibrating",
    )
    return {
        "recovery_score": score,
        "recovery_band": band,
        **{name: _value(recovery, name) for name in names},
        "last_recovery_data_changed_at": recovery and recovery["changed_at"],
        "last_recovery_synced_at": recovery and recovery["synced_at"],
        "source": "api",
    }


def _minutes(record: Record | None, *names: str) -> float | None:
    milli = [_value(record, name) for name in names]
    return None if None in milli else sum(milli) / 60_000


_ASLEEP = ("total_light_sleep_time_milli", "total_slow_wave_sleep_time_milli", "total_rem_sleep_time_milli")


def _from_sleep(sleep: Record | None) -> Record:
    values = (
        "sleep_performance_percentage",
        "sleep_efficiency_percentage",
        "sleep_consistency_percentage",
        "respiratory_rate",
        "disturbance_count",
    )
    needed = ("baseline_milli", "need_from_sleep_debt_milli", "need_from_recent_strain_milli")
    return {
        "sleep_id": sleep and sleep["id"],
        "sleep_start_time": sleep and sleep["start_time"],
        "sleep_end_time": sleep and sleep["end_time"],
        "sleep_duration_minutes": _minutes(sleep, *_ASLEEP),
        "in_bed_minutes": _minutes(sleep, "total_in_bed_time_milli"),
        "awake_minutes": _minutes(sleep, "total_awake_time_milli"),
        "light_minutes": _minutes(sleep, _ASLEEP[0]),
        "slow_wave_minutes": _minutes(sleep, _ASLEEP[1]),
        "rem_minutes": _minutes(sleep, _ASLEEP[2]),
        "sleep_needed_minutes": _minutes(sleep, *needed, "need_from_recent_nap_milli"),
        "sleep_debt_minutes": _minutes(sleep, "need_from_sleep_debt_milli"),
        **{name: _value(sleep, name) for name in values},
    }


def _sum(values: list) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _nap_minutes(naps: list) -> float | None:
    return _sum([_minutes(nap, *_ASLEEP) for nap in naps]) if naps else 0.0


def _from_workouts(workouts: list) -> Record:
    strains = [workout["strain"] for workout in workouts if _value(workout, "strain") is not None]
    return {
        "workout_count": len(workouts),
        "workout_minutes": sum((_hours(workout) * 60 for workout in workouts), 0.0),
        "workout_strain_max": max(strains, default=None),
        "workout_kilojoule": _sum([_value(workout, "kilojoule") for workout in workouts]),
        "distance_meter": _sum([_value(workout, "distance_meter") for workout in workouts]),
        **{zone: _sum([_value(workout, zone) for workout in workouts]) for zone in ZONES},
        "sports": ",".join(sorted({workout["sport_name"] for workout in workouts})) or None,
    }


def naive_unknown(
    rows: Sequence[Record], cycles: Sequence[Record], coverage: Sequence[Record]
) -> list[Record]:
    """The rows, with counts of 0 emptied where no reading of the stream covers the day's cycles.

    Gaps of up to an hour between two covered spans do not count. Days without a cycle stay as they are.
    """
    found = []
    for row in rows:
        of_member = sorted(
            (cycle for cycle in cycles if cycle["user_id"] == row["user_id"]),
            key=lambda record: record["start_time"],
        )
        ends = [*(cycle["start_time"] for cycle in of_member[1:]), None]
        of_day = [
            (cycle["start_time"], cycle["end_time"] or after)
            for cycle, after in zip(of_member, ends, strict=True)
            if cycle["day"] == row["day"]
        ]
        changed = dict(row)
        for stream, count, names in (
            ("sleeps", "nap_count", ("nap_count", "nap_minutes")),
            ("workouts", "workout_count", ("workout_count", "workout_minutes")),
        ):
            spans = sorted(
                (entry["start_time"], entry["end_time"])
                for entry in coverage
                if entry["user_id"] == row["user_id"] and entry["stream"] == stream
            )
            if of_day and row[count] == 0 and not _is_covered(of_day, spans):
                changed.update(dict.fromkeys(names))
        found.append(changed)
    return found


def _is_covered(of_day: list, spans: list) -> bool:
    joined: list = []
    for begin, end in spans:
        if joined and begin - joined[-1][1] <= HOUR:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    start = min(begin for begin, _ in of_day)
    ends = [end for _, end in of_day]
    return any(begin <= start < end and (None in ends or max(ends) <= end) for begin, end in joined)
