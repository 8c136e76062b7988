"""Rows of the record tables with plausible values.

Times are hours since noon of the day before DAY. A sleep from hour 10 to hour 18 is the night into DAY.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

from whoop_assets.summaries.daily.rows import daily_rows

DAY = date(2026, 3, 10)
_NOON_BEFORE = datetime(2026, 3, 9, 12, tzinfo=UTC)
_READ = datetime(2026, 3, 12, 6, tzinfo=UTC)

Record = dict[str, object]


def hour(number: float) -> datetime:
    """The instant that many hours after the noon before DAY."""
    return _NOON_BEFORE + timedelta(hours=number)


def _record(values: Mapping[str, object], changes: Mapping[str, object], unscored: Iterable[str]) -> Record:
    record = {
        "user_id": 1,
        "day": DAY,
        "score_state": "SCORED",
        "timezone_offset": "Z",
        "changed_at": _READ,
        "synced_at": _READ + timedelta(hours=1),
        **values,
        **changes,
    }
    if record["score_state"] != "SCORED":
        record |= dict.fromkeys(name for name in unscored if name not in changes)
    return record


CYCLE_SCORE = {"strain": 12.5, "kilojoule": 9000.25, "average_heart_rate": 68, "max_heart_rate": 151}
SLEEP_SCORE = {
    "total_in_bed_time_milli": 28_800_000,
    "total_awake_time_milli": 1_800_000,
    "total_no_data_time_milli": 0,
    "total_light_sleep_time_milli": 14_400_000,
    "total_slow_wave_sleep_time_milli": 5_400_000,
    "total_rem_sleep_time_milli": 7_200_000,
    "sleep_cycle_count": 5,
    "disturbance_count": 7,
    "baseline_milli": 27_000_000,
    "need_from_sleep_debt_milli": 1_200_000,
    "need_from_recent_strain_milli": 600_000,
    "need_from_recent_nap_milli": -300_000,
    "respiratory_rate": 15.2,
    "sleep_performance_percentage": 94.0,
    "sleep_consistency_percentage": 71.0,
    "sleep_efficiency_percentage": 93.75,
}
RECOVERY_SCORE = {
    "user_calibrating": False,
    "recovery_score": 72.0,
    "resting_heart_rate": 51.0,
    "hrv_rmssd_milli": 88.5,
    "spo2_percentage": 96.5,
    "skin_temp_celsius": 33.4,
}
WORKOUT_SCORE = {
    "strain": 8.25,
    "average_heart_rate": 128,
    "max_heart_rate": 165,
    "kilojoule": 1500.5,
    "percent_recorded": 1.0,
    "distance_meter": 5000.0,
    "altitude_gain_meter": 40.0,
    "altitude_change_meter": -2.0,
    "zone_zero_milli": 60_000,
    "zone_one_milli": 600_000,
    "zone_two_milli": 900_000,
    "zone_three_milli": 720_000,
    "zone_four_milli": 300_000,
    "zone_five_milli": 20_000,
}


def cycle(**changes: object) -> Record:
    base = {"id": 100, "start_time": hour(10), "end_time": hour(34), "step_count": 8123, **CYCLE_SCORE}
    return _record(base, changes, CYCLE_SCORE)


def sleep(**changes: object) -> Record:
    base = {
        "id": "night",
        "cycle_id": 100,
        "nap": False,
        "start_time": hour(10),
        "end_time": hour(18),
        **SLEEP_SCORE,
    }
    return _record(base, changes, SLEEP_SCORE)


def nap(**changes: object) -> Record:
    base = {
        "id": "nap",
        "nap": True,
        "start_time": hour(26),
        "end_time": hour(27),
        "total_in_bed_time_milli": 3_600_000,
        "total_awake_time_milli": 600_000,
        "total_light_sleep_time_milli": 2_400_000,
        "total_slow_wave_sleep_time_milli": 600_000,
        "total_rem_sleep_time_milli": 0,
    }
    if changes.get("score_state", "SCORED") != "SCORED":
        base |= dict.fromkeys(SLEEP_SCORE)
    return sleep(**base | changes)


def recovery(**changes: object) -> Record:
    return _record({"sleep_id": "night", "cycle_id": 100, **RECOVERY_SCORE}, changes, RECOVERY_SCORE)


def workout(**changes: object) -> Record:
    base = {
        "id": "run",
        "sport_id": 0,
        "sport_name": "running",
        "start_time": hour(30),
        "end_time": hour(30.75),
        **WORKOUT_SCORE,
    }
    return _record(base, changes, WORKOUT_SCORE)


def summarised(
    cycles: Iterable[Record] = (),
    sleeps: Iterable[Record] = (),
    recoveries: Iterable[Record] = (),
    workouts: Iterable[Record] = (),
    *,
    latest: Mapping[int, int] | None = None,
) -> list[Record]:
    given = {"cycles": cycles, "sleeps": sleeps, "recoveries": recoveries, "workouts": workouts}
    return daily_rows({stream: list(rows) for stream, rows in given.items()}, latest or {})


def the_day(
    cycles: Iterable[Record] = (),
    sleeps: Iterable[Record] = (),
    recoveries: Iterable[Record] = (),
    workouts: Iterable[Record] = (),
    *,
    latest: Mapping[int, int] | None = None,
) -> Record:
    """The one row that these records make."""
    (row,) = summarised(cycles, sleeps, recoveries, workouts, latest=latest)
    return row
