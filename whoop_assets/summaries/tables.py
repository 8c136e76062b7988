"""Tables of the daily summary, the trends and the weekly summary."""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Integer, String, Table, Text, text

from whoop_assets.db.columns import column, count, key, measure, milliseconds
from whoop_assets.db.metadata import metadata
from whoop_assets.db.types import UtcDateTime

daily_summary = Table(
    "daily_summary",
    metadata,
    key("user_id", BigInteger, "WHOOP user id"),
    key("day", Date, "WHOOP day"),
    column("cycle_id", BigInteger, "the day's cycle"),
    column("cycle_start_time", UtcDateTime(), "its start, UTC"),
    column("cycle_end_time", UtcDateTime(), "its end, UTC; NULL while open"),
    column("cycle_start_date", Date, "plain local date of its start"),
    column("cycle_end_date", Date, "plain local date of its end"),
    column("timezone_offset", String(6), "the cycle's own offset"),
    column(
        "is_partial",
        Boolean,
        "the cycle is the member's latest, and open or not fully scored",
        nullable=False,
    ),
    count("cycle_count", "cycles of the day"),
    measure("strain", "day strain, 0 to 21"),
    measure("kilojoule", "energy, kilojoules"),
    count("average_heart_rate", "beats per minute"),
    count("max_heart_rate", "beats per minute"),
    count("step_count", "steps"),
    measure("recovery_score", "percent, 0 to 100, of the main sleep's recovery"),
    column("recovery_band", String(8), "green (67 to 100), yellow (34 to 66) or red (0 to 33)"),
    measure("hrv_rmssd_milli", "heart rate variability (RMSSD), milliseconds"),
    measure("resting_heart_rate", "beats per minute"),
    measure("spo2_percentage", "blood oxygen, percent"),
    measure("skin_temp_celsius", "skin temperature, degrees Celsius"),
    column("user_calibrating", Boolean, "true while WHOOP still learns the member's baseline"),
    column("sleep_id", String(36), "the day's main sleep (UUID)"),
    column("sleep_start_time", UtcDateTime(), "its start, UTC"),
    column("sleep_end_time", UtcDateTime(), "its end, UTC"),
    measure("sleep_duration_minutes", "light, slow wave and REM sleep, minutes"),
    measure("in_bed_minutes", "time in bed, minutes"),
    measure("awake_minutes", "time awake in bed, minutes"),
    measure("light_minutes", "light sleep, minutes"),
    measure("slow_wave_minutes", "slow wave sleep, minutes"),
    measure("rem_minutes", "REM sleep, minutes"),
    measure("sleep_needed_minutes", "sleep need, the sum of its four parts, minutes"),
    measure("sleep_debt_minutes", "the part of the need that comes from sleep debt, minutes"),
    measure("sleep_performance_percentage", "percent, 0 to 100"),
    measure("sleep_efficiency_percentage", "percent, 0 to 100"),
    measure("sleep_consistency_percentage", "percent, 0 to 100"),
    measure("respiratory_rate", "breaths per minute"),
    count("disturbance_count", "disturbances"),
    count("nap_count", "naps"),
    measure("nap_minutes", "time asleep in naps, minutes"),
    count("workout_count", "workouts and other activities"),
    measure("workout_minutes", "their total time, minutes"),
    measure("workout_strain_max", "highest workout strain, 0 to 21"),
    measure("workout_kilojoule", "their energy, kilojoules"),
    measure("distance_meter", "their distance, metres"),
    *(
        milliseconds(f"zone_{zone}_milli", f"time in heart rate zone {zone}")
        for zone in ("zero", "one", "two")
    ),
    *(
        milliseconds(f"zone_{zone}_milli", f"time in heart rate zone {zone}")
        for zone in ("three", "four", "five")
    ),
    column("sports", Text, "distinct sport slugs, comma separated"),
    column("last_recovery_data_changed_at", UtcDateTime(), "when the day's recovery last changed"),
    column("last_recovery_synced_at", UtcDateTime(), "when the day's recovery was last confirmed"),
    column(
        "source",
        String(8),
        "api, export: from the app's own export alone, or mixed: an export fills streams of which the API was not read",
        nullable=False,
        server_default=text("'api'"),
    ),
    column("built_at", UtcDateTime(), "when this row last changed", nullable=False),
    comment="One row per member and WHOOP day that has any record.",
)


def _rolled(name: str, what: str, unit: str) -> "list[Column[Any]]":
    """Rolling means and standard deviations of one column of the daily summary."""
    return [
        *(measure(f"{name}_mean_{days}", f"mean of {days} days of {what}, {unit}") for days in (7, 28, 60)),
        *(
            measure(f"{name}_sd_{days}", f"sample standard deviation of {days} days of {what}, {unit}")
            for days in (7, 28, 60)
        ),
    ]


def _usual(name: str, what: str, unit: str) -> "list[Column[Any]]":
    """The usual value of one column of the daily summary, and the day against it."""
    return [
        measure(f"{name}_usual_mean_28", f"mean of the 28 days before the day of {what}, {unit}"),
        measure(
            f"{name}_usual_sd_28",
            f"sample standard deviation of the 28 days before the day of {what}, {unit}",
        ),
        measure(f"{name}_z_28", f"{what}: the day against the 28 days before it, standard deviations"),
    ]


def _baselined(name: str, what: str, unit: str) -> "list[Column[Any]]":
    return [*_rolled(name, what, unit), *_usual(name, what, unit)]


trends = Table(
    "trends",
    metadata,
    key("user_id", BigInteger, "WHOOP user id"),
    key("day", Date, "WHOOP day"),
    column("is_partial", Boolean, "as in daily_summary: the day's strain is still passing", nullable=False),
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
        "hrv_status", String(8), "below, within or above: mean of 7 days of ln RMSSD against the normal band"
    ),
    measure(
        "hrv_normal_low_milli",
        "normal band of HRV, from, milliseconds: mean - 0.5 SD of ln RMSSD of the 60 days before the last 7",
    ),
    measure("hrv_normal_high_milli", "normal band of HRV, to, milliseconds: mean + 0.5 SD"),
    measure("training_load", "minutes in zone 1 x 1 + .. + in zone 5 x 5, points; 0 on a day of rest"),
    measure("training_load_mean_7", "mean of 7 days of training load, points"),
    measure("training_load_mean_28", "mean of 28 days of training load, points"),
    measure("training_load_ratio_7_21", "mean load of 7 days / mean load of the 21 days before them"),
    measure("training_load_monotony_7", "mean / standard deviation of training load, all 7 days known"),
    measure("training_load_foster_strain_7", "training load of 7 days x monotony (Foster 1998), points"),
    measure("sleep_balance_7_minutes", "sleep less need over 7 nights, minutes; below 0: too little"),
    measure("sleep_balance_14_minutes", "the same over 14 nights, minutes"),
    measure(
        "sleep_balance_7_minutes_usual_mean_28",
        "mean of sleep_balance_7_minutes of the 28 days before, minutes",
    ),
    measure("sleep_balance_7_minutes_usual_sd_28", "their sample standard deviation, minutes"),
    measure("bed_time_deviation_minutes", "local bed time against the usual of 28 days, minutes later"),
    measure("wake_time_deviation_minutes", "local wake time against the usual of 28 days, minutes later"),
    measure("mid_sleep_minutes", "local time halfway between bed time and wake time, minutes since midnight"),
    measure("mid_sleep_sd_7_minutes", "circular standard deviation of 7 days of mid-sleep, minutes"),
    measure("mid_sleep_sd_28_minutes", "circular standard deviation of 28 days of mid-sleep, minutes"),
    measure(
        "social_jetlag_weekend_28_minutes",
        "mid-sleep on Saturdays and Sundays less that of other days, 28 days, minutes later",
    ),
    measure("sleep_regularity_28", "sleep regularity index of 28 days from sleep spans, -100 to 100"),
    measure(
        "timezone_shift_minutes",
        "UTC offset less the usual of 28 days, wrapped at 12 hours, minutes; east is positive",
    ),
    column("timezone_shift_cause", String(16), "none, clock_change or travel"),
    measure("timezone_days_to_adapt", "estimated days until the body clock has followed the shift, days"),
    measure("strain_target_low", "rule of thumb: day strain to aim at with the day's recovery, from"),
    measure("strain_target_high", "rule of thumb: day strain to aim at with the day's recovery, to"),
    count(
        "illness_systems", "systems with a sign of illness, 0 to 3: heart, respiratory rate, skin temperature"
    ),
    count("illness_systems_known", "systems of which a sign can be told, 0 to 3"),
    column("illness_signs", Text, "measures beyond their threshold, comma separated; empty: none"),
    column("illness_flag", Boolean, "at least two systems with a sign of illness; no diagnosis"),
    count("green_streak_days", "consecutive green days up to this one, counted to 60"),
    column("missing", Text, "JSON: why each measure is NULL that is; NULL when none is"),
    column("built_at", UtcDateTime(), "when this row last changed", nullable=False),
    comment="One row per member and WHOOP day that has a daily summary: the day against the days before it.",
)


def _week_of(name: str, what: str, unit: str, *, extremes: bool = False) -> "list[Column[Any]]":
    """How many days of a week have a value, its mean and median, and its extremes with the first day that has them."""
    found = [
        count(f"{name}_days", f"days with a value of {what}"),
        measure(f"{name}_mean", f"mean of {what}, {unit}; needs 4 days"),
        measure(f"{name}_median", f"median of {what}, {unit}; needs 4 days"),
    ]
    for extreme, says in (("min", "lowest"), ("max", "highest")) if extremes else ():
        found += [
            measure(f"{name}_{extreme}", f"{says} {what}, {unit}"),
            column(f"{name}_{extreme}_day", Date, "the first day that has it"),
        ]
    return found


weekly_summary = Table(
    "weekly_summary",
    metadata,
    key("user_id", BigInteger, "WHOOP user id"),
    key("week_start", Date, "Monday of the ISO week"),
    column("iso_year", Integer, "ISO 8601 year of the week", nullable=False),
    column("iso_week", Integer, "ISO 8601 week, 1 to 53", nullable=False),
    column("is_partial", Boolean, "one of its days is partial", nullable=False),
    count("days_with_data", "days with a daily summary, 1 to 7"),
    count("green_days", "days with a green recovery"),
    count("yellow_days", "days with a yellow recovery"),
    count("red_days", "days with a red recovery"),
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
    measure("training_load_sum", "training load of the days that have one, points"),
    count("kilojoule_days", "finished days with energy"),
    measure("kilojoule_sum", "energy of finished days, kilojoules"),
    count("workout_count_days", "days of which the workouts are known"),
    count("workout_count", "workouts and other activities"),
    measure("workout_minutes", "their total time, minutes"),
    measure("workout_kilojoule", "their energy, kilojoules"),
    measure("distance_meter", "their distance, metres"),
    measure("nap_minutes", "time asleep in naps, minutes"),
    *(
        measure(f"zone_{zone}_minutes", f"time in heart rate zone {zone}, minutes")
        for zone in ("zero", "one", "two", "three", "four", "five")
    ),
    column("missing", Text, "JSON: why each mean and median is NULL that is; NULL when none is"),
    column("built_at", UtcDateTime(), "when this row last changed", nullable=False),
    comment="One row per member and ISO week that has a daily summary.",
)
