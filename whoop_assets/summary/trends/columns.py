"""The columns that trends and weeks read of a daily row, and those they give: name -> kind of value."""

from whoop_assets.summary.columns import DAILY
from whoop_assets.summary.frames import Kind
from whoop_assets.summary.trends.windows import ROLLING

_READ = (
    "user_id",
    "day",
    "timezone_offset",
    "is_partial",
    "strain",
    "kilojoule",
    "recovery_band",
    "hrv_rmssd_milli",
    "resting_heart_rate",
    "respiratory_rate",
    "skin_temp_celsius",
    "sleep_start_time",
    "sleep_end_time",
    "sleep_duration_minutes",
    "sleep_needed_minutes",
    "sleep_debt_minutes",
)
DAILY_READ: dict[str, Kind] = {name: DAILY[name] for name in _READ}
"""What trends read of a daily row."""

BASELINED = (
    "hrv_rmssd_milli",
    "ln_hrv_rmssd",
    "resting_heart_rate",
    "respiratory_rate",
    "sleep_duration_minutes",
    "strain",
)
"""What has rolling means, standard deviations and a z-score."""

MEASURES: dict[str, Kind] = {
    **{
        f"{name}_{statistic}": "number"
        for name in BASELINED
        for statistic in (*(f"mean_{n}" for n in ROLLING), *(f"sd_{n}" for n in ROLLING), "z_28")
    },
    "skin_temp_celsius_z_28": "number",
    "hrv_rmssd_milli_cv_7": "number",
    "ln_hrv_rmssd_cv_7": "number",
    "acwr_coupled_7_28": "number",
    "acwr_ewma_7_28": "number",
    "training_monotony_7": "number",
    "training_strain_7": "number",
    "sleep_debt_7_minutes": "number",
    "sleep_debt_14_minutes": "number",
    "bed_time_deviation_minutes": "number",
    "wake_time_deviation_minutes": "number",
    "timezone_shift_minutes": "number",
    "strain_target_low": "number",
    "strain_target_high": "number",
    "illness_signal_count": "integer",
    "illness_signals_known": "integer",
    "illness_signals": "text",
    "illness_flag": "flag",
    "green_streak_days": "integer",
}
"""The measures; one that is None has its reason in `missing`."""

TREND_COLUMNS: tuple[str, ...] = ("user_id", "day", "is_partial", *MEASURES, "missing")
"""The columns of a trend row in order; the table's `built_at` is its writer's."""
