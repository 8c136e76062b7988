"""Tables of the daily summary, the trends and the weekly summary, and the columns of the daily summary."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, String, Table, Text, text

from whoop_assets.db.columns import (
    column,
    count,
    derived,
    key,
    kinds_of,
    measure,
    metadata,
    milliseconds,
    sources_of,
)
from whoop_assets.db.types import ColumnKind, UtcDateTime
from whoop_assets.records.tables import RECORD_TABLES
from whoop_assets.summaries.record_columns import ASLEEP, MINUTES_OF_SLEEP, ZONES
from whoop_assets.whoop_api.streams import STREAMS


def _minutes_of_sleep(name: str, comment: str) -> "Column[Any]":
    return derived(measure(name, comment), f"sleeps.{' '.join(MINUTES_OF_SLEEP[name])}")


daily_summary = Table(
    "daily_summary",
    metadata,
    derived(key("user_id", BigInteger, "WHOOP user id"), *(f"{stream}.user_id" for stream in STREAMS)),
    derived(key("day", Date, "WHOOP day"), *(f"{stream}.day" for stream in STREAMS)),
    derived(column("cycle_id", BigInteger, "the day's cycle"), "cycles.id"),
    derived(column("cycle_start_time", UtcDateTime(), "start of the cycle, UTC"), "cycles.start_time"),
    derived(
        column("cycle_end_time", UtcDateTime(), "end of the cycle, UTC; NULL while open"), "cycles.end_time"
    ),
    derived(
        column("cycle_start_date", Date, "local date of the start of the cycle"),
        "cycles.start_time timezone_offset",
    ),
    derived(
        column("cycle_end_date", Date, "local date of the end of the cycle"),
        "cycles.end_time timezone_offset",
    ),
    derived(column("timezone_offset", String(6), "the cycle's own UTC offset"), "cycles.timezone_offset"),
    derived(
        column(
            "is_partial",
            Boolean,
            "true if the cycle is the member's latest, and open or not fully scored",
            nullable=False,
        ),
        "cycles.id end_time score_state",
    ),
    derived(count("cycle_count", "number of cycles of the day"), "cycles.id"),
    derived(measure("strain", "day strain, 0 to 21"), "cycles.strain"),
    derived(measure("kilojoule", "energy of the cycle, kilojoules"), "cycles.kilojoule"),
    derived(count("average_heart_rate", "mean heart rate, beats per minute"), "cycles.average_heart_rate"),
    derived(count("max_heart_rate", "highest heart rate, beats per minute"), "cycles.max_heart_rate"),
    derived(count("step_count", "number of steps"), "cycles.step_count"),
    derived(
        measure("recovery_score", "recovery of the main sleep, percent, 0 to 100"),
        "recoveries.recovery_score",
    ),
    derived(
        column("recovery_band", String(8), "green (67 to 100), yellow (34 to 66) or red (0 to 33)"),
        "recoveries.recovery_score",
    ),
    derived(
        measure("hrv_rmssd_milli", "heart rate variability (RMSSD), milliseconds"),
        "recoveries.hrv_rmssd_milli",
    ),
    derived(
        measure("resting_heart_rate", "resting heart rate, beats per minute"), "recoveries.resting_heart_rate"
    ),
    derived(measure("spo2_percentage", "blood oxygen, percent"), "recoveries.spo2_percentage"),
    derived(
        measure("skin_temp_celsius", "skin temperature, degrees Celsius"), "recoveries.skin_temp_celsius"
    ),
    derived(
        column("user_calibrating", Boolean, "true while WHOOP still learns the member's baseline"),
        "recoveries.user_calibrating",
    ),
    derived(column("sleep_id", String(36), "the day's main sleep (UUID)"), "sleeps.id"),
    derived(column("sleep_start_time", UtcDateTime(), "start of the main sleep, UTC"), "sleeps.start_time"),
    derived(column("sleep_end_time", UtcDateTime(), "end of the main sleep, UTC"), "sleeps.end_time"),
    _minutes_of_sleep("sleep_duration_minutes", "light, slow wave and REM sleep, minutes"),
    _minutes_of_sleep("in_bed_minutes", "time in bed, minutes"),
    _minutes_of_sleep("awake_minutes", "time awake in bed, minutes"),
    _minutes_of_sleep("light_minutes", "light sleep, minutes"),
    _minutes_of_sleep("slow_wave_minutes", "slow wave (deep) sleep, minutes"),
    _minutes_of_sleep("rem_minutes", "REM sleep, minutes"),
    _minutes_of_sleep("sleep_needed_minutes", "sleep need, the sum of its four parts, minutes"),
    _minutes_of_sleep("sleep_debt_minutes", "part of the sleep need that comes from sleep debt, minutes"),
    derived(
        measure("sleep_performance_percentage", "sleep performance, percent, 0 to 100"),
        "sleeps.sleep_performance_percentage",
    ),
    derived(
        measure("sleep_efficiency_percentage", "sleep efficiency, percent, 0 to 100"),
        "sleeps.sleep_efficiency_percentage",
    ),
    derived(
        measure("sleep_consistency_percentage", "sleep consistency, percent, 0 to 100"),
        "sleeps.sleep_consistency_percentage",
    ),
    derived(measure("respiratory_rate", "respiratory rate, breaths per minute"), "sleeps.respiratory_rate"),
    derived(count("disturbance_count", "number of sleep disturbances"), "sleeps.disturbance_count"),
    derived(count("nap_count", "number of naps"), "sleeps.id nap"),
    derived(measure("nap_minutes", "time asleep in naps, minutes"), f"sleeps.nap {' '.join(ASLEEP)}"),
    derived(count("workout_count", "number of workouts and other activities"), "workouts.id"),
    derived(measure("workout_minutes", "duration of all workouts, minutes"), "workouts.start_time end_time"),
    derived(measure("workout_strain_max", "highest workout strain, 0 to 21"), "workouts.strain"),
    derived(measure("workout_kilojoule", "energy of all workouts, kilojoules"), "workouts.kilojoule"),
    derived(measure("distance_meter", "distance of all workouts, metres"), "workouts.distance_meter"),
    *(
        derived(milliseconds(zone, f"time in heart rate zone {zone.split('_')[1]}"), f"workouts.{zone}")
        for zone in ZONES
    ),
    derived(column("sports", Text, "distinct sport slugs, comma-separated"), "workouts.sport_name"),
    derived(
        column("last_recovery_data_changed_at", UtcDateTime(), "time of the recovery's last change, UTC"),
        "recoveries.changed_at",
    ),
    derived(
        column(
            "last_recovery_synced_at", UtcDateTime(), "time at which WHOOP last confirmed the recovery, UTC"
        ),
        "recoveries.synced_at",
    ),
    derived(
        column(
            "source",
            String(8),
            "api; export: app export only; mixed: an export fills streams that were not read from the API",
            nullable=False,
            server_default=text("'api'"),
        ),
        *(f"{stream}.day" for stream in STREAMS),
    ),
    column("built_at", UtcDateTime(), "time of the row's last change, UTC", nullable=False),
    comment="One row per member and WHOOP day that has any record.",
)


def _rolled(name: str, what: str, unit: str) -> "list[Column[Any]]":
    """Return columns for rolling means and standard deviations of a daily column."""
    return [
        *(measure(f"{name}_mean_{days}", f"mean of {days} days of {what}, {unit}") for days in (7, 28, 60)),
        *(
            measure(f"{name}_sd_{days}", f"sample standard deviation of {days} days of {what}, {unit}")
            for days in (7, 28, 60)
        ),
    ]


def _usual(name: str, what: str, unit: str) -> "list[Column[Any]]":
    """Return columns for the usual value of a daily column and the z-score of the day."""
    return [
        measure(f"{name}_usual_mean_28", f"mean of the 28 days before the day of {what}, {unit}"),
        measure(
            f"{name}_usual_sd_28",
            f"sample standard deviation of the 28 days before the day of {what}, {unit}",
        ),
        measure(f"{name}_z_28", f"z-score of {what} against the 28 days before the day, standard deviations"),
    ]


def _baselined(name: str, what: str, unit: str) -> "list[Column[Any]]":
    return [*_rolled(name, what, unit), *_usual(name, what, unit)]


trends = Table(
    "trends",
    metadata,
    key("user_id", BigInteger, "WHOOP user id"),
    key("day", Date, "WHOOP day"),
    column("is_partial", Boolean, "true if the day is not finished, as in daily_summary", nullable=False),
    *_rolled("hrv_rmssd_milli", "HRV (RMSSD)", "milliseconds"),
    *_baselined("ln_hrv_rmssd", "the natural logarithm of HRV (RMSSD in milliseconds)", "ln ms"),
    *_baselined("resting_heart_rate", "resting heart rate", "beats per minute"),
    *_baselined("respiratory_rate", "respiratory rate", "breaths per minute"),
    *_baselined("sleep_duration_minutes", "sleep", "minutes"),
    *_baselined("strain", "day strain of finished days", "0 to 21"),
    *_usual("recovery_score", "recovery", "percent"),
    *_usual("skin_temp_celsius", "skin temperature", "degrees Celsius"),
    measure("hrv_cv_7", "100 x standard deviation of 7 days of ln RMSSD, percent"),
    column(
        "hrv_status",
        String(8),
        "below, within or above: mean ln RMSSD of 7 days compared with the normal band",
    ),
    measure(
        "hrv_normal_low_milli",
        "lower end of the normal band of HRV, milliseconds: mean - 0.5 SD of ln RMSSD of 60 earlier days",
    ),
    measure("hrv_normal_high_milli", "upper end of the normal band of HRV, milliseconds: mean + 0.5 SD"),
    measure("training_load", "minutes in zone 1 x 1 + .. + zone 5 x 5, points; 0 on a rest day"),
    measure("training_load_mean_7", "mean of 7 days of training load, points"),
    measure("training_load_mean_28", "mean of 28 days of training load, points"),
    measure("training_load_ratio_7_21", "mean load of 7 days / mean load of the 21 days before"),
    measure(
        "training_load_monotony_7", "mean / standard deviation of training load of 7 days; needs all 7 days"
    ),
    measure("training_load_foster_strain_7", "training load of 7 days x monotony (Foster 1998), points"),
    measure("sleep_balance_7_minutes", "sleep - need over 7 nights, minutes; negative: too little sleep"),
    measure("sleep_balance_14_minutes", "sleep - need over 14 nights, minutes; negative: too little sleep"),
    measure(
        "sleep_balance_7_minutes_usual_mean_28",
        "mean of sleep_balance_7_minutes of the 28 days before, minutes",
    ),
    measure(
        "sleep_balance_7_minutes_usual_sd_28",
        "sample standard deviation of sleep_balance_7_minutes of the 28 days before, minutes",
    ),
    measure(
        "bed_time_deviation_minutes", "local bed time - usual bed time of 28 days, minutes; positive: later"
    ),
    measure(
        "wake_time_deviation_minutes",
        "local wake time - usual wake time of 28 days, minutes; positive: later",
    ),
    measure("mid_sleep_minutes", "local middle between bed time and wake time, minutes since midnight"),
    measure("mid_sleep_sd_7_minutes", "circular standard deviation of 7 days of mid-sleep, minutes"),
    measure("mid_sleep_sd_28_minutes", "circular standard deviation of 28 days of mid-sleep, minutes"),
    measure(
        "social_jetlag_weekend_28_minutes",
        "mid-sleep on weekends - mid-sleep on other days, 28 days, minutes; positive: later",
    ),
    measure("sleep_regularity_28", "sleep regularity index of 28 days from sleep times, -100 to 100"),
    measure(
        "timezone_shift_minutes",
        "UTC offset - usual offset of 28 days, wrapped at 12 hours, minutes; positive: east",
    ),
    column("timezone_shift_cause", String(16), "none, clock_change or travel"),
    measure("timezone_days_to_adapt", "estimated time until the body clock has adapted to the shift, days"),
    measure(
        "strain_target_low", "rule of thumb: lower end of the target strain for the day's recovery, 0 to 21"
    ),
    measure(
        "strain_target_high", "rule of thumb: upper end of the target strain for the day's recovery, 0 to 21"
    ),
    count(
        "illness_systems",
        "number of systems with a sign of illness, 0 to 3: heart, respiratory rate, skin temperature",
    ),
    count("illness_systems_known", "number of systems with a known z-score, 0 to 3"),
    column("illness_signs", Text, "measures beyond their threshold, comma-separated; empty if none"),
    column("illness_flag", Boolean, "true if at least two systems have a sign of illness; no diagnosis"),
    count("green_streak_days", "consecutive green days up to this one, at most 60"),
    column("missing", Text, "JSON object: the reason of each NULL measure; NULL if all have a value"),
    column("built_at", UtcDateTime(), "time of the row's last change, UTC", nullable=False),
    comment="One row per member and WHOOP day with a daily summary: the day compared with earlier days.",
)


def _week_of(name: str, what: str, unit: str, *, extremes: bool = False) -> "list[Column[Any]]":
    """Return the weekly columns of a value: days with it, mean, median and extremes.

    An extreme has the first day with that value.
    """
    found = [
        count(f"{name}_days", f"number of days with a value of {what}"),
        measure(f"{name}_mean", f"mean of {what}, {unit}; needs 4 days"),
        measure(f"{name}_median", f"median of {what}, {unit}; needs 4 days"),
    ]
    for extreme, says in (("min", "lowest"), ("max", "highest")) if extremes else ():
        found += [
            measure(f"{name}_{extreme}", f"{says} {what}, {unit}"),
            column(f"{name}_{extreme}_day", Date, f"first day with the {says} {what}"),
        ]
    return found


weekly_summary = Table(
    "weekly_summary",
    metadata,
    key("user_id", BigInteger, "WHOOP user id"),
    key("week_start", Date, "Monday of the ISO week"),
    column("iso_year", Integer, "ISO 8601 year of the week", nullable=False),
    column("iso_week", Integer, "ISO 8601 week, 1 to 53", nullable=False),
    column("is_partial", Boolean, "true if one of its days is partial", nullable=False),
    count("days_with_data", "number of days with a daily summary, 1 to 7"),
    count("green_days", "number of days with a green recovery"),
    count("yellow_days", "number of days with a yellow recovery"),
    count("red_days", "number of days with a red recovery"),
    *_week_of("recovery_score", "recovery", "percent", extremes=True),
    *_week_of("hrv_rmssd_milli", "heart rate variability (RMSSD)", "milliseconds"),
    *_week_of("resting_heart_rate", "resting heart rate", "beats per minute"),
    *_week_of("respiratory_rate", "respiratory rate", "breaths per minute"),
    *_week_of("sleep_duration_minutes", "sleep in main sleeps", "minutes", extremes=True),
    *_week_of("sleep_needed_minutes", "sleep need", "minutes"),
    *_week_of("sleep_debt_minutes", "the part of the need that comes from sleep debt", "minutes"),
    *_week_of("sleep_performance_percentage", "sleep performance", "percent"),
    *_week_of("strain", "day strain of finished days", "0 to 21", extremes=True),
    *_week_of("training_load", "training load", "points"),
    measure("training_load_sum", "sum of training load, points"),
    count("kilojoule_days", "number of finished days with energy"),
    measure("kilojoule_sum", "sum of the energy of finished days, kilojoules"),
    count("workout_count_days", "number of days with known workouts"),
    count("workout_count", "number of workouts and other activities"),
    measure("workout_minutes", "duration of all workouts, minutes"),
    measure("workout_kilojoule", "energy of all workouts, kilojoules"),
    measure("distance_meter", "distance of all workouts, metres"),
    measure("nap_minutes", "time asleep in naps, minutes"),
    *(
        measure(f"zone_{zone}_minutes", f"time in heart rate zone {zone}, minutes")
        for zone in ("zero", "one", "two", "three", "four", "five")
    ),
    column("missing", Text, "JSON object: the reason of each NULL mean or median; NULL if all have a value"),
    column("built_at", UtcDateTime(), "time of the row's last change, UTC", nullable=False),
    comment="One row per member and ISO week with a daily summary.",
)

DAILY: dict[str, ColumnKind] = kinds_of(daily_summary)
"""The columns of a daily row in the order of the table: name -> kind of value. The store adds `built_at`."""

DAILY_COLUMNS: tuple[str, ...] = tuple(DAILY)
DAILY_SOURCES = sources_of(daily_summary)

_CHOOSING = {"user_id", "day", "id", "sleep_id", "cycle_id", "score_state"}
"""Columns that assign a record to its row, or decide whether the row uses it."""

READ_COLUMNS: dict[str, tuple[str, ...]] = {
    stream: tuple(
        column.name
        for column in table.columns
        if column.name in _CHOOSING
        or any((stream, column.name) in sources for sources in DAILY_SOURCES.values())
    )
    for stream, table in RECORD_TABLES.items()
}
"""Stream -> the columns of its records that daily rows are computed from."""
