"""Daily rows for the tests of trends and weeks."""

from datetime import UTC, date, datetime, time, timedelta

import pandas as pd

from whoop_assets.summaries.trends import DAILY_READ

FIRST = date(2026, 1, 1)
ME = 1


def day(number):
    return FIRST + timedelta(days=number)


def daily(number, **changes):
    """The daily row of that day: a finished day, with the given values only."""
    user_id = changes.pop("user_id", ME)
    row = dict.fromkeys(DAILY_READ) | {"user_id": user_id, "day": day(number), "is_partial": False}
    assert set(changes) <= set(row)
    return row | changes


def many(column, values, **also):
    """A row a day with these values of the column; no row where the value is `...`."""
    return [daily(n, **{column: value}, **also) for n, value in enumerate(values) if value is not ...]


def night(number, bed, hours, offset="Z", minutes=0):
    """Sleep from a local clock time, `bed` hours after the midnight that begins the day."""
    local = datetime.combine(day(number), time(), UTC) + timedelta(hours=bed)
    start = local - timedelta(minutes=minutes)
    return {
        "sleep_start_time": start,
        "sleep_end_time": start + timedelta(hours=hours),
        "timezone_offset": offset,
    }


def frame(rows, columns=DAILY_READ):
    return pd.DataFrame(rows, columns=list(columns), dtype=object)
