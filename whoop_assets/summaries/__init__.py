"""Daily, weekly and trend rows: pure functions compute them; `rebuild` and `store` use the database."""

from whoop_assets.summaries.daily import DAILY_COLUMNS, daily_rows

__all__ = ["DAILY_COLUMNS", "daily_rows"]
