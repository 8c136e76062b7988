"""Names of the record columns from which daily columns are computed.

Tuples that end in `_SCORE` name columns that have a value only if the record is scored.
"""

CYCLE_SCORE = ("strain", "kilojoule", "average_heart_rate", "max_heart_rate")
RECOVERY_SCORE = (
    "recovery_score",
    "hrv_rmssd_milli",
    "resting_heart_rate",
    "spo2_percentage",
    "skin_temp_celsius",
    "user_calibrating",
)

ASLEEP = ("total_light_sleep_time_milli", "total_slow_wave_sleep_time_milli", "total_rem_sleep_time_milli")
NEEDED = (
    "baseline_milli",
    "need_from_sleep_debt_milli",
    "need_from_recent_strain_milli",
    "need_from_recent_nap_milli",
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
"""Daily column -> the durations of the main sleep that it adds up."""

DURATIONS = tuple(dict.fromkeys(name for names in MINUTES_OF_SLEEP.values() for name in names))
SLEEP_VALUES = (
    "sleep_performance_percentage",
    "sleep_efficiency_percentage",
    "sleep_consistency_percentage",
    "respiratory_rate",
    "disturbance_count",
)
"""Daily columns that are a value of the main sleep."""

SLEEP_SCORE = (*DURATIONS, *SLEEP_VALUES)

ZONES = tuple(f"zone_{zone}_milli" for zone in ("zero", "one", "two", "three", "four", "five"))
SUMS_OF_WORKOUTS = {
    "workout_kilojoule": "kilojoule",
    "distance_meter": "distance_meter",
    **{zone: zone for zone in ZONES},
}
"""Daily column -> the column of the day's scored workouts that it adds up."""

WORKOUT_SCORE = ("strain", *SUMS_OF_WORKOUTS.values())
