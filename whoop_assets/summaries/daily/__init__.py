"""Compute daily summaries from records: pure functions of data frames."""

from whoop_assets.summaries.daily.rows import daily_rows
from whoop_assets.summaries.tables import DAILY_COLUMNS

__all__ = ["DAILY_COLUMNS", "daily_rows"]
