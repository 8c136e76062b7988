"""Daily rows on a grid of members and calendar days, on which a window is a plain slice.

All arithmetic here is element by element, in one order: a day comes out the same to the last bit, whichever other
days and members are computed beside it. (A sum over an axis is not: its order depends on the array's shape.)
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
    """Where each daily row lies: members by id, days from the first to the last, gaps included."""

    def __init__(self, daily: pd.DataFrame, first: date, last: date) -> None:
        """`daily` has `user_id` and `day`, the latter within first..last; no two rows have the same."""
        self.first, self.days = first, (last - first).days + 1
        self.members, self._row = np.unique(daily["user_id"].to_numpy(dtype=np.int64), return_inverse=True)
        day = daily["day"].to_numpy().astype("datetime64[D]")
        self._column = (day - np.datetime64(first)).astype(np.int64)
        self.shape = (len(self.members), self.days)

    def fill(self, values: pd.Series) -> Floats:
        """The values on the grid, NaN where there is none."""
        filled = np.full(self.shape, np.nan)
        filled[self._row, self._column] = values.to_numpy(dtype=np.float64, na_value=np.nan)
        return filled

    def flags(self, values: pd.Series) -> Flags:
        """The flags on the grid, false where there is none."""
        filled = np.zeros(self.shape, dtype=np.bool_)
        filled[self._row, self._column] = values.fillna(False).to_numpy(dtype=np.bool_)
        return filled

    def places(self, first: date) -> tuple[NDArray[Any], NDArray[Any]]:
        """Row and column of every place that has a daily row, from that day on: by member and day."""
        there = np.zeros(self.shape, dtype=np.bool_)
        there[self._row, self._column] = True
        there[:, : max(0, (first - self.first).days)] = False
        row, column = np.nonzero(there)
        return row, column

    def day(self, column: int) -> date:
        """The day of that column."""
        return self.first + timedelta(days=column)

    def column(self, day: date) -> int:
        """The column of that day; below 0, or at least `days`, if it lies outside of the grid."""
        return (day - self.first).days

    def columns(self, after: date, before: date) -> slice:
        """The columns of the days between two days, both left out."""
        return slice(max(0, self.column(after) + 1), max(0, self.column(before)))

    def weekends(self) -> NDArray[np.bool_]:
        """Per column whether its day is a Saturday or a Sunday."""
        return np.array([self.day(column).weekday() >= 5 for column in range(self.days)])


def back(values: NDArray[Any], days: int, fill: Any) -> NDArray[Any]:
    """The grid so many days before: what stood there then stands here now; `fill` where nothing did."""
    if days == 0:
        return values
    moved = np.full_like(values, fill)
    if days < values.shape[1]:
        moved[:, days:] = values[:, :-days]
    return moved


def exactly(function: Callable[[float], float], values: Floats) -> Floats:
    """The function of each value that is one, by Python's own: numpy's can differ in the last bit with the place in the array."""
    found = np.full_like(values, np.nan)
    there = ~np.isnan(values)
    found[there] = [function(value) for value in values[there].tolist()]
    return found


def log(values: Floats) -> Floats:
    """Natural logarithm; NaN where there is none."""
    return exactly(lambda value: math.log(value) if value > 0 else math.nan, values)


def minutes_of_day(times: pd.Series, offsets: pd.Series) -> pd.Series:
    """Local minutes since midnight, 0 up to 1440, of UTC times under offsets like `+05:30` or `Z`; NaN if one is missing."""
    local = times.dt.tz_localize(None) + pd.to_timedelta(offset_minutes(offsets), unit="min")
    minutes: pd.Series = (local - local.dt.normalize()) / pd.Timedelta(minutes=1)
    return minutes


def offset_minutes(offsets: pd.Series) -> pd.Series:
    """Offsets like `+05:30` or `Z` in minutes, east of Greenwich positive; NaN for what is none."""
    minutes = {
        str(text): parse_offset(str(text)) / timedelta(minutes=1) for text in offsets.dropna().unique()
    }
    return offsets.map(minutes).astype("float64")
