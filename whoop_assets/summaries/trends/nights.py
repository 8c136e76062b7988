"""Sleep balance and sleep timing: deviations, spread, social jetlag and regularity.

Times of day are local by each cycle's own offset. Their means are circular: the mean of 23:30 and 00:30 is
00:00.
"""

import math

import numpy as np
import pandas as pd

from whoop_assets.summaries.trends.grid import Grid, back, exactly
from whoop_assets.summaries.trends.reasons import (
    NO_VALUE,
    SCATTERED,
    Flags,
    Floats,
    Measure,
    known,
    of_window,
)
from whoop_assets.summaries.trends.rolling import Window, usual
from whoop_assets.summaries.trends.windows import (
    ACUTE,
    CHRONIC,
    FORTNIGHT,
    MIN_VALUES,
    MIN_WEEKDAY_NIGHTS,
    MIN_WEEKEND_NIGHTS,
)

DAY_MINUTES = 1440.0
MIN_RESULTANT_LENGTH = 0.5
"""Minimum mean resultant length (0 to 1) of times of day with a meaningful mean. Two shifts twelve hours
apart have 0; times spread evenly over eight hours have 0.83."""

_ROUNDING_ERROR = 1e-9
"""A mean resultant length below this is a rounding error of 0."""


def balance_measures(shortfall: Floats) -> dict[str, Measure]:
    """Return the sleep balance of 7 and 14 nights: time asleep - need.

    In minutes; negative for too little sleep.

    Nights without a value count with the mean of the others. Surplus sleep compensates short nights fully.
    This is a convention, because the real effect is not known, so the balance is compared with the member's
    usual balance.

    Args:
        shortfall: Need - time asleep of each night in minutes, without the part of the need that comes from
            sleep debt, because the sum already contains the earlier shortfalls. Naps reduce the need, so they
            count.
    """
    windows = {days: Window(shortfall, days) for days in (ACUTE, FORTNIGHT)}
    found = {
        f"sleep_balance_{days}_minutes": window.measure(-days * window.average)
        for days, window in windows.items()
    }
    week = "sleep_balance_7_minutes"
    before = usual(week, found[week].values)
    return found | {name: measure for name, measure in before.items() if "_usual_" in name}


class CircularWindow:
    """Return circular mean and mean resultant length of times of day.

    The window has `days` days and ends `ago` days before the day.
    """

    def __init__(self, minutes: Floats, days: int, *, ago: int = 0) -> None:
        turn = minutes * (2 * math.pi / DAY_MINUTES)
        there = ~np.isnan(minutes)
        self.count = np.zeros(minutes.shape, dtype=np.int16)
        sine, cosine = np.zeros(minutes.shape), np.zeros(minutes.shape)
        sines, cosines = np.nan_to_num(exactly(math.sin, turn)), np.nan_to_num(exactly(math.cos, turn))
        for lag in range(ago, ago + days):
            self.count += back(there, lag, False)
            sine += back(sines, lag, 0.0)
            cosine += back(cosines, lag, 0.0)
        angles = list(map(math.atan2, sine.ravel().tolist(), cosine.ravel().tolist()))
        self.mean: Floats = np.array(angles).reshape(minutes.shape) * (DAY_MINUTES / (2 * math.pi))
        with np.errstate(invalid="ignore", divide="ignore"):
            self.length: Floats = np.sqrt(sine * sine + cosine * cosine) / self.count

    def scattered(self, least: int, below: float = MIN_RESULTANT_LENGTH) -> Flags:
        """Return where the window has enough times but no meaningful mean."""
        found: Flags = (self.length < below) & (self.count >= least)
        return found


def clock_deviation(minutes: Floats) -> Measure:
    """Return the deviation of a local time of day from the usual one.

    In minutes, -720 to 720; positive for later.

    The usual time is the circular mean of the 28 days before, so it also works across midnight. It is
    undefined if the times are scattered around the clock. A flight causes no deviation:
    `timezone_shift_minutes` shows it.

    Args:
        minutes: Local minutes since midnight.
    """
    before = CircularWindow(minutes, CHRONIC, ago=1)
    deviation = of_window(_apart(minutes, before.mean), before.count, MIN_VALUES[CHRONIC])
    return deviation.but(before.scattered(MIN_VALUES[CHRONIC]), SCATTERED).but(np.isnan(minutes), NO_VALUE)


def timing_measures(grid: Grid, mid_sleep: Floats) -> dict[str, Measure]:
    """Return mid-sleep, its circular standard deviation over 7 and 28 days, and social jetlag, in minutes.

    The circular standard deviation is sqrt(-2 ln R) with the mean resultant length R (Fisher, "Statistical
    Analysis of Circular Data", 1993, section 2.3). Social jetlag is mid-sleep on free days - mid-sleep on
    work days (Wittmann et al. 2006, Chronobiol Int 23:497). WHOOP does not provide free days, so Saturday and
    Sunday replace them.
    """
    found = {"mid_sleep_minutes": known(mid_sleep)}
    for days in (ACUTE, CHRONIC):
        window = CircularWindow(mid_sleep, days)
        undefined = window.scattered(MIN_VALUES[days], _ROUNDING_ERROR)
        # The logarithm of 0 is an error.
        length = np.where(window.length < _ROUNDING_ERROR, np.nan, window.length)
        spread = exactly(_circular_sd, length)
        measure = of_window(spread * (DAY_MINUTES / (2 * math.pi)), window.count, MIN_VALUES[days])
        found[f"mid_sleep_sd_{days}_minutes"] = measure.but(undefined, SCATTERED)
    weekend = grid.weekends()
    free = CircularWindow(np.where(weekend, mid_sleep, np.nan), CHRONIC)
    work = CircularWindow(np.where(weekend, np.nan, mid_sleep), CHRONIC)
    lag = of_window(_apart(free.mean, work.mean), work.count, MIN_WEEKDAY_NIGHTS)
    few_free = of_window(lag.values, free.count, MIN_WEEKEND_NIGHTS)
    lag = lag.because(free.count < MIN_WEEKEND_NIGHTS, few_free)
    scattered = free.scattered(MIN_WEEKEND_NIGHTS) | work.scattered(MIN_WEEKDAY_NIGHTS)
    enough = (free.count >= MIN_WEEKEND_NIGHTS) & (work.count >= MIN_WEEKDAY_NIGHTS)
    found["social_jetlag_weekend_28_minutes"] = lag.but(scattered & enough, SCATTERED)
    return found


def regularity(start: Floats, end: Floats) -> Measure:
    """Return the sleep regularity index of 28 days, -100 to 100; 100 means the same sleep times every day.

    Phillips et al. 2017 (Sci Rep 7:3216): the probability of the same state, asleep or awake, at two moments
    24 hours apart, scaled so that chance is 0. This is an approximation: a main sleep counts as asleep from
    start to end, and naps do not count. The 24 hours are elapsed time, so a flight lowers the index.

    Args:
        start: Start of each day's main sleep in minutes since a fixed moment.
        end: End of each day's main sleep in minutes since the same moment.
    """
    before_start, before_end = (back(values, 1, np.nan) + DAY_MINUTES for values in (start, end))
    overlap = np.maximum(0.0, np.minimum(end, before_end) - np.maximum(start, before_start))
    apart = (end - start) + (before_end - before_start) - 2 * overlap
    agreement = 1.0 - np.minimum(apart, DAY_MINUTES) / DAY_MINUTES
    window = Window(agreement, CHRONIC)
    return window.measure(200.0 * window.average - 100.0)


def mid_sleep_times(start: pd.Series, end: pd.Series) -> pd.Series:
    """Return the middle between start and end, UTC."""
    middle: pd.Series = start + (end - start) / 2
    return middle


def _apart(minutes: Floats, usual: Floats) -> Floats:
    """Return the difference between two times of day, -720 to 720 minutes; positive for later."""
    apart = (minutes - usual) % DAY_MINUTES
    return np.where(apart > DAY_MINUTES / 2, apart - DAY_MINUTES, apart)


def _circular_sd(length: float) -> float:
    """Return radians. Rounding can make the length of equal times slightly larger than 1."""
    return math.sqrt(max(0.0, -2.0 * math.log(length)))
