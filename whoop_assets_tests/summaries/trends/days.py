"""Daily rows for the tests of trends and weeks, and the trends of the last day."""

import json
from datetime import UTC, date, datetime, time, timedelta

import pandas as pd

from whoop_assets.summaries.trends.columns import DAILY_READ
from whoop_assets.summaries.trends.rows import trend_rows

FIRST = date(2026, 1, 1)
ME = 1
USUAL_VALUES = {"resting_heart_rate": (50, 52), "hrv_rmssd_milli": (60, 64), "respiratory_rate": (14.8, 15.2)}
"""Values of healthy days in turn."""


def day(number):
    return FIRST + timedelta(days=number)


def daily(number, **changes):
    """Return a finished daily row with the given values; other columns are None."""
    user_id = changes.pop("user_id", ME)
    row = dict.fromkeys(DAILY_READ) | {"user_id": user_id, "day": day(number), "is_partial": False}
    assert set(changes) <= set(row)
    return row | changes


def many(column, values, **columns):
    """Return a row per day with the values of the column; `...` means a day without a row."""
    return [daily(n, **{column: value}, **columns) for n, value in enumerate(values) if value is not ...]


def night(number, bed, hours, offset="Z", minutes=0):
    """Return a sleep that begins `bed` hours after local midnight at the start of the day."""
    local = datetime.combine(day(number), time(), UTC) + timedelta(hours=bed)
    start = local - timedelta(minutes=minutes)
    return {
        "sleep_start_time": start,
        "sleep_end_time": start + timedelta(hours=hours),
        "timezone_offset": offset,
    }


def frame(rows, columns=DAILY_READ):
    return pd.DataFrame(rows, columns=list(columns), dtype=object)


def last_row(rows):
    """Return the trends of the last day."""
    newest = max(row["day"] for row in rows)
    (row,) = trend_rows(frame(rows), newest, newest)
    return row


def reason(row, measure):
    """Return the reason for a missing measure."""
    assert row[measure] is None
    return json.loads(row["missing"])[measure]
