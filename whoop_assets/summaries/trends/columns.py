"""The columns that trends read from daily rows and write: name -> kind of value."""

from whoop_assets.db.columns import kinds_of
from whoop_assets.db.types import ColumnKind
from whoop_assets.summaries.record_columns import ZONES
from whoop_assets.summaries.tables import DAILY, trends

LOAD_ZONES = ZONES[1:]
"""The heart rate zones of the training load: one to five."""

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
DAILY_READ: dict[str, ColumnKind] = {name: DAILY[name] for name in _READ}
"""Columns of a daily row that trends read."""

BASELINED = ("ln_hrv_rmssd", "resting_heart_rate", "respiratory_rate", "sleep_duration_minutes", "strain")
"""Measures with rolling means and standard deviations, a usual range and a z-score."""

TRENDS: dict[str, ColumnKind] = kinds_of(trends)
"""The columns of a row of trends in the order of the table. The store adds `built_at`."""

TREND_COLUMNS = tuple(TRENDS)
MEASURES = {
    name: kind for name, kind in TRENDS.items() if name not in ("user_id", "day", "is_partial", "missing")
}
"""The measures. `missing` has the reason of each one that is None."""
