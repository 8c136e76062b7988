"""The columns that trends read of a daily row, and those they give: name -> kind of value."""

from whoop_assets.summaries.columns import DAILY, ZONES
from whoop_assets.summaries.frames import Kind
from whoop_assets.summaries.trends.windows import ROLLING

LOAD_ZONES = ZONES[1:]
"""The heart rate zones that count in the training load: one to five."""

_READ = (
    "user_id",
    "day",
    "timezone_offset",
    "is_partial",
    "strain",
    "kilojoule",
    "recovery_score",
    "recovery_band",
    "user_calibrating",
    "hrv_rmssd_milli",
    "resting_heart_rate",
    "respiratory_rate",
    "skin_temp_celsius",
    "sleep_start_time",
    "sleep_end_time",
    "sleep_duration_minutes",
    "sleep_needed_minutes",
    "sleep_debt_minutes",
    "workout_count",
    *LOAD_ZONES,
)
DAILY_READ: dict[str, Kind] = {name: DAILY[name] for name in _READ}
"""Columns of a daily row that trends read."""

BASELINED = ("ln_hrv_rmssd", "resting_heart_rate", "respiratory_rate", "sleep_duration_minutes", "strain")
"""Measures with rolling means and standard deviations, a usual range and a z-score."""

_WITH_USUAL = (*BASELINED, "recovery_score", "skin_temp_celsius")
_ROLLED = tuple(f"{statistic}_{days}" for statistic in ("mean", "sd") for days in ROLLING)
_USUAL = ("usual_mean_28", "usual_sd_28", "z_28")

MEASURES: dict[str, Kind] = {
    **{f"hrv_rmssd_milli_{statistic}": "number" for statistic in _ROLLED},
    **{
        f"{name}_{statistic}": "number"
        for name in _WITH_USUAL
        for statistic in (*(_ROLLED if name in BASELINED else ()), *_USUAL)
    },
    "hrv_cv_7": "number",
    "hrv_status": "text",
    "hrv_normal_low_milli": "number",
    "hrv_normal_high_milli": "number",
    "training_load": "number",
    "training_load_mean_7": "number",
    "training_load_mean_28": "number",
    "training_load_ratio_7_21": "number",
    "training_load_monotony_7": "number",
    "training_load_foster_strain_7": "number",
    "sleep_balance_7_minutes": "number",
    "sleep_balance_14_minutes": "number",
    "sleep_balance_7_minutes_usual_mean_28": "number",
    "sleep_balance_7_minutes_usual_sd_28": "number",
    "bed_time_deviation_minutes": "number",
    "wake_time_deviation_minutes": "number",
    "mid_sleep_minutes": "number",
    "mid_sleep_sd_7_minutes": "number",
    "mid_sleep_sd_28_minutes": "number",
    "social_jetlag_weekend_28_minutes": "number",
    "sleep_regularity_28": "number",
    "timezone_shift_minutes": "number",
    "timezone_shift_cause": "text",
    "timezone_days_to_adapt": "number",
    "strain_target_low": "number",
    "strain_target_high": "number",
    "illness_systems": "integer",
    "illness_systems_known": "integer",
    "illness_signs": "text",
    "illness_flag": "flag",
    "green_streak_days": "integer",
}
"""The measures; one that is None has its reason in `missing`."""

TREND_COLUMNS: tuple[str, ...] = ("user_id", "day", "is_partial", *MEASURES, "missing")
"""The columns of a trend row in order; the table's `built_at` is its writer's."""
