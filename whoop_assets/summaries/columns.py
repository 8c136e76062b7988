"""The columns that the summary reads and the ones it gives: one table each, name -> kind of value.

A `..._SCORE` table holds what only a scored record has: those columns count where `score_state` is SCORED.
"""

from whoop_assets.summaries.frames import Kind

ZONES = tuple(f"zone_{zone}_milli" for zone in ("zero", "one", "two", "three", "four", "five"))
ZONE_KINDS: dict[str, Kind] = dict.fromkeys(ZONES, "integer")
_KEY: dict[str, Kind] = {"user_id": "integer", "day": "date", "score_state": "text"}
_SPAN: dict[str, Kind] = {"start_time": "time", "end_time": "time"}
CYCLE_SCORE: dict[str, Kind] = {
    "strain": "number",
    "kilojoule": "number",
    "average_heart_rate": "integer",
    "max_heart_rate": "integer",
}
CYCLES: dict[str, Kind] = (
    _KEY
    | _SPAN
    | {
        "id": "integer",
        "timezone_offset": "text",
        **CYCLE_SCORE,
        "step_count": "integer",
    }
)
ASLEEP = ("total_light_sleep_time_milli", "total_slow_wave_sleep_time_milli", "total_rem_sleep_time_milli")
NEEDED = (
    "baseline_milli",
    "need_from_sleep_debt_milli",
    "need_from_recent_strain_milli",
    "need_from_recent_nap_milli",
)
_DURATIONS: dict[str, Kind] = dict.fromkeys(
    ("total_in_bed_time_milli", "total_awake_time_milli", *ASLEEP, *NEEDED), "number"
)
MINUTES_OF_SLEEP: dict[str, tuple[str, ...]] = {
    "sleep_duration_minutes": ASLEEP,
    "in_bed_minutes": ("total_in_bed_time_milli",),
    "awake_minutes": ("total_awake_time_milli",),
    "light_minutes": ("total_light_sleep_time_milli",),
    "slow_wave_minutes": ("total_slow_wave_sleep_time_milli",),
    "rem_minutes": ("total_rem_sleep_time_milli",),
    "sleep_needed_minutes": NEEDED,
    "sleep_debt_minutes": ("need_from_sleep_debt_milli",),
}
"""Daily column -> the durations of the main sleep that it is the sum of."""
SLEEP_VALUES: dict[str, Kind] = {
    "sleep_performance_percentage": "number",
    "sleep_efficiency_percentage": "number",
    "sleep_consistency_percentage": "number",
    "respiratory_rate": "number",
    "disturbance_count": "integer",
}
SLEEP_SCORE: dict[str, Kind] = _DURATIONS | SLEEP_VALUES
SLEEPS: dict[str, Kind] = _KEY | _SPAN | {"id": "text", "cycle_id": "integer", "nap": "flag", **SLEEP_SCORE}
RECOVERY_SCORE: dict[str, Kind] = {
    "recovery_score": "number",
    "hrv_rmssd_milli": "number",
    "resting_heart_rate": "number",
    "spo2_percentage": "number",
    "skin_temp_celsius": "number",
    "user_calibrating": "flag",
}
RECOVERIES: dict[str, Kind] = _KEY | {
    "sleep_id": "text",
    "cycle_id": "integer",
    "changed_at": "time",
    "synced_at": "time",
    **RECOVERY_SCORE,
}
WORKOUT_SCORE: dict[str, Kind] = {
    "strain": "number",
    "kilojoule": "number",
    "distance_meter": "number",
    **ZONE_KINDS,
}
SUMS_OF_WORKOUTS = {
    "workout_kilojoule": "kilojoule",
    "distance_meter": "distance_meter",
    **{zone: zone for zone in ZONES},
}
"""Daily column -> the column of the day's scored workouts that it is the sum of."""
WORKOUTS: dict[str, Kind] = _KEY | _SPAN | {"id": "text", "sport_name": "text", **WORKOUT_SCORE}

DAILY: dict[str, Kind] = {
    "user_id": "integer",
    "day": "date",
    "cycle_id": "integer",
    "cycle_start_time": "time",
    "cycle_end_time": "time",
    "cycle_start_date": "date",
    "cycle_end_date": "date",
    "timezone_offset": "text",
    "is_partial": "flag",
    "cycle_count": "integer",
    **CYCLE_SCORE,
    "step_count": "integer",
    "recovery_score": "number",
    "recovery_band": "text",
    "hrv_rmssd_milli": "number",
    "resting_heart_rate": "number",
    "spo2_percentage": "number",
    "skin_temp_celsius": "number",
    "user_calibrating": "flag",
    "sleep_id": "text",
    "sleep_start_time": "time",
    "sleep_end_time": "time",
    **dict.fromkeys(MINUTES_OF_SLEEP, "number"),
    **SLEEP_VALUES,
    "nap_count": "integer",
    "nap_minutes": "number",
    "workout_count": "integer",
    "workout_minutes": "number",
    "workout_strain_max": "number",
    "workout_kilojoule": "number",
    "distance_meter": "number",
    **ZONE_KINDS,
    "sports": "text",
    "last_recovery_data_changed_at": "time",
    "last_recovery_synced_at": "time",
    "source": "text",
}
DAILY_COLUMNS: tuple[str, ...] = tuple(DAILY)
"""The columns of a daily row in the contract's order; the table's `built_at` is its writer's."""
