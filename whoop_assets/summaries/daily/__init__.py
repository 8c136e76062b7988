"""Compute daily summaries from records: pure functions of data frames."""

from whoop_assets.summaries.columns import DAILY_COLUMNS
from whoop_assets.summaries.daily.rows import daily_rows

__all__ = ["DAILY_COLUMNS", "daily_rows"]
