"""Compute daily summaries from records: pure functions of rows."""

from whoop_assets.summaries.daily.rows import Records, daily_rows
from whoop_assets.summaries.tables import DAILY_COLUMNS

__all__ = ["DAILY_COLUMNS", "Records", "daily_rows"]
