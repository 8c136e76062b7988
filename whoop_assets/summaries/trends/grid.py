"""Daily rows on a grid of members and calendar days, so that windows become array slices.

All arithmetic is elementwise and in a fixed order, so a day's result is identical to the last bit whatever
other days and members are computed. The order of a sum over an axis would depend on the shape of the array.
"""

import math
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whoop_assets.summaries.trends.reasons import Flags, Floats
from whoop_assets.whoop_day import parse_offset


class Grid:
    """The place of each daily row: one row per member, by id; one column per day, including gaps."""

    def __init__(self, daily: pd.DataFrame, first: date, last: date) -> None:
        """Place these rows of `user_id` and `day`; each pair occurs once, and days lie within first..last."""
        self.first, self.days = first, (last - first).days + 1
        self.members, self._row = np.unique(daily["user_id"].to_numpy(dtype=np.int64), return_inverse=True)
        day = daily["day"].to_numpy().astype("datetime64[D]")
        self._column = (day - np.datetime64(first)).astype(np.int64)
        self.shape = (len(self.members), self.days)

    def fill(self, values: pd.Series) -> Floats:
        """Return the values on the grid; NaN where there is no row or value."""
        filled = np.full(self.shape, np.nan)
        filled[self._row, self._column] = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return filled

    def flags(self, values: pd.Series) -> Flags:
        """Return the flags on the grid; false where there is no row or value."""
        filled = np.zeros(self.shape, dtype=np.bool_)
        filled[self._row, self._column] = values.fillna(False).to_numpy(dtype=np.bool_)
        return filled

    def places(self, first: date) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return rows and columns of the places with a daily row from that day on, by member and day."""
        there = np.zeros(self.shape, dtype=np.bool_)
        there[self._row, self._column] = True
        there[:, : max(0, (first - self.first).days)] = False
        row, column = np.nonzero(there)
        return row, column

    def day(self, column: int) -> date:
        """Return the day of the column."""
        return self.first + timedelta(days=column)

    def column(self, day: date) -> int:
        """Return the column of the day; negative, or at least `days`, if it is outside the grid."""
        return (day - self.first).days

    def columns(self, after: date, before: date) -> slice:
        """Return the columns of the days between two days, both excluded."""
        return slice(max(0, self.column(after) + 1), max(0, self.column(before)))

    def weekends(self) -> NDArray[np.bool_]:
        """Return per column whether its day is a Saturday or Sunday."""
        return np.array([self.day(column).weekday() >= 5 for column in range(self.days)])


def back(values: NDArray[Any], days: int, fill: Any) -> NDArray[Any]:
    """Shift the grid by this many days: each day gets the earlier day's value, or `fill` without one."""
    if days == 0:
        return values
    moved = np.full_like(values, fill)
    if days < values.shape[1]:
        moved[:, days:] = values[:, :-days]
    return moved


def exactly(function: Callable[[float], float], values: Floats) -> Floats:
    """Apply a function of Python's math module to each value that is not NaN.

    The last bit of numpy's own functions can depend on the place in the array.
    """
    found = np.full_like(values, np.nan)
    there = ~np.isnan(values)
    found[there] = [function(value) for value in values[there].tolist()]
    return found


def log(values: Floats) -> Floats:
    """Return natural logarithms; NaN for values that are not positive."""
    return exactly(lambda value: math.log(value) if value > 0 else math.nan, values)


def minutes_of_day(times: pd.Series, offsets: pd.Series) -> pd.Series:
    """Return local minutes since midnight, 0 to below 1440; NaN if the time or the offset is missing.

    Args:
        times: Times in UTC.
        offsets: UTC offsets like `+05:30` or `Z`.
    """
    local = times.dt.tz_localize(None) + pd.to_timedelta(offset_minutes(offsets), unit="min")
    minutes: pd.Series = (local - local.dt.normalize()) / pd.Timedelta(minutes=1)
    return minutes


def offset_minutes(offsets: pd.Series) -> pd.Series:
    """Return offsets like `+05:30` or `Z` in minutes, positive east of Greenwich; NaN for missing ones."""
    minutes = {
        str(text): parse_offset(str(text)) / timedelta(minutes=1) for text in offsets.dropna().unique()
    }
    return offsets.map(minutes).astype("float64")
