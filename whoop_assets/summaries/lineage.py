"""Where each column of a daily row comes from: the columns of the record tables that its value is computed of.

Of values, not of choices: which cycle, sleep and recovery are the day's hangs on ids, times and the main sleep besides,
and what WHOOP did not score is missing whatever its column says.
"""

from whoop_assets.summaries.columns import (
    ASLEEP,
    CYCLE_SCORE,
    MINUTES_OF_SLEEP,
    RECOVERY_SCORE,
    SLEEP_VALUES,
    SUMS_OF_WORKOUTS,
)

Source = tuple[str, str]
"""A record table and one of its columns."""

_EVERY_STREAM = ("cycles", "sleeps", "recoveries", "workouts")


def _of(table: str, *columns: str) -> tuple[Source, ...]:
    return tuple((table, column) for column in columns)


SOURCES: dict[str, tuple[Source, ...]] = {
    "user_id": tuple((table, "user_id") for table in _EVERY_STREAM),
    "day": tuple((table, "day") for table in _EVERY_STREAM),
    "cycle_id": _of("cycles", "id"),
    "cycle_start_time": _of("cycles", "start_time"),
    "cycle_end_time": _of("cycles", "end_time"),
    "cycle_start_date": _of("cycles", "start_time", "timezone_offset"),
    "cycle_end_date": _of("cycles", "end_time", "timezone_offset"),
    "timezone_offset": _of("cycles", "timezone_offset"),
    "is_partial": _of("cycles", "id", "end_time", "score_state"),
    "cycle_count": _of("cycles", "id"),
    **{name: _of("cycles", name) for name in (*CYCLE_SCORE, "step_count")},
    **{name: _of("recoveries", name) for name in RECOVERY_SCORE},
    "recovery_band": _of("recoveries", "recovery_score"),
    "sleep_id": _of("sleeps", "id"),
    "sleep_start_time": _of("sleeps", "start_time"),
    "sleep_end_time": _of("sleeps", "end_time"),
    **{name: _of("sleeps", *parts) for name, parts in MINUTES_OF_SLEEP.items()},
    **{name: _of("sleeps", name) for name in SLEEP_VALUES},
    "nap_count": _of("sleeps", "id", "nap"),
    "nap_minutes": _of("sleeps", "nap", *ASLEEP),
    "workout_count": _of("workouts", "id"),
    "workout_minutes": _of("workouts", "start_time", "end_time"),
    "workout_strain_max": _of("workouts", "strain"),
    **{name: _of("workouts", column) for name, column in SUMS_OF_WORKOUTS.items()},
    "sports": _of("workouts", "sport_name"),
    "last_recovery_data_changed_at": _of("recoveries", "changed_at"),
    "last_recovery_synced_at": _of("recoveries", "synced_at"),
    "source": tuple((table, "day") for table in _EVERY_STREAM),
}

JOURNAL_SOURCES: dict[str, tuple[Source, ...]] = {
    name: _of("daily_summary", name) for name in ("recovery_score", "hrv_rmssd_milli")
}
"""Of the journal, what is not the export's own."""

_ANSWERS = _of("journal", "user_id", "day", "question", "answered_yes")
_OUTCOMES = _of(
    "daily_summary",
    *("day", "user_calibrating", "recovery_score", "hrv_rmssd_milli", "resting_heart_rate"),
    "sleep_duration_minutes",
)
EFFECT_SOURCES: dict[str, tuple[Source, ...]] = {
    "user_id": _of("journal", "user_id"),
    "question": _of("journal", "question"),
    **dict.fromkeys(("answered_yes_days", "answered_no_days"), _of("journal", "answered_yes")),
    **dict.fromkeys(("first_day", "last_day"), _of("journal", "day")),
    **dict.fromkeys(
        (
            *("days_with", "days_without", "mean_with", "mean_without"),
            *("difference", "difference_low", "difference_high", "hedges_g"),
            *("p_value", "q_value", "verdict", "missing"),
        ),
        (*_ANSWERS, *_OUTCOMES),
    ),
}
"""Column of the effects -> the columns of journal and daily summary that it is computed of.

The names of outcome, lag and unit come from no column.
"""
