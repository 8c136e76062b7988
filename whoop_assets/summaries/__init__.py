"""Daily rows from records: pure functions, without I/O, a clock or a database."""

from whoop_assets.summaries.daily import DAILY_COLUMNS, daily_rows

__all__ = ["DAILY_COLUMNS", "daily_rows"]
