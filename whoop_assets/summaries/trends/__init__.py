"""Compute trends from daily rows: pure functions, vectorised over members and days."""

from whoop_assets.summaries.trends.columns import DAILY_READ, MEASURES, TREND_COLUMNS
from whoop_assets.summaries.trends.rows import trend_rows
from whoop_assets.summaries.trends.windows import BACK_DAYS, REACH_DAYS

__all__ = ["BACK_DAYS", "DAILY_READ", "MEASURES", "REACH_DAYS", "TREND_COLUMNS", "trend_rows"]
