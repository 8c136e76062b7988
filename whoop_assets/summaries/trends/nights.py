"""Sleep balance and the timing of sleep: deviations, spread, social jetlag and regularity.

Times of day are local by each cycle's own offset, and have circular means: a mean of 23:30 and 00:30 is 00:00.
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
    LEAST,
    MIN_WEEKDAY_NIGHTS,
    MIN_WEEKEND_NIGHTS,
)

DAY_MINUTES = 1440.0
CONCENTRATED = 0.5
"""The least mean resultant length (0 to 1) of times of day that have a mean worth the name: two shifts twelve hours
apart have 0, times spread evenly over eight hours 0.83."""

_NO_DIRECTION = 1e-9
"""A mean resultant length below this is rounding: the times cancel each other out."""


def balance_measures(shortfall: Floats) -> dict[str, Measure]:
    """Sleep balance over 7 and 14 nights, minutes: time asleep less the need; below zero the member slept too little.

    `shortfall` is the need of each night less the time asleep, without the part of WHOOP's need that comes from sleep
    debt: that part carries the shortfall of the nights before, which the sum counts already. The part that naps take off stays
    in, so naps count. For nights without a value the mean of the others is assumed. More sleep than needed counts
    against earlier short nights one for one. That is a convention: whether such sleep makes up for them is not known.
    So the balance is compared with the member's own usual balance.
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
    """Circular mean and mean resultant length of local times of day over `days` days that end `ago` days before the day."""

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

    def scattered(self, least: int, below: float = CONCENTRATED) -> Flags:
        """Where there are enough times, and they have no mean worth the name."""
        found: Flags = (self.length < below) & (self.count >= least)
        return found


def clock_deviation(minutes: Floats) -> Measure:
    """How far a local time of day (minutes since midnight) lies from the usual one, -720 to 720 minutes; later is positive.

    The usual time is the circular mean over the 28 days before, which knows no midnight: it is as good for a night
    shift. A member who sleeps at eleven in New York and at eleven in Tokyo does not deviate (`timezone_shift_minutes` shows
    the journey). Where the times of the month are scattered around the clock there is no usual one.
    """
    before = CircularWindow(minutes, CHRONIC, ago=1)
    deviation = of_window(_apart(minutes, before.mean), before.count, LEAST[CHRONIC])
    return deviation.but(before.scattered(LEAST[CHRONIC]), SCATTERED).but(np.isnan(minutes), NO_VALUE)


def timing_measures(grid: Grid, mid_sleep: Floats) -> dict[str, Measure]:
    """Mid-sleep, its circular standard deviation over 7 and 28 days, and social jetlag over 28 days, minutes.

    The circular standard deviation is sqrt(-2 ln R), R being the mean resultant length (Fisher, "Statistical Analysis
    of Circular Data", 1993, section 2.3). Social jetlag is mid-sleep on free days less mid-sleep on work days (Wittmann et al.
    2006, Chronobiol Int 23:497). WHOOP does not say which days are free, so Saturday and Sunday stand for them.
    """
    found = {"mid_sleep_minutes": known(mid_sleep)}
    for days in (ACUTE, CHRONIC):
        window = CircularWindow(mid_sleep, days)
        nowhere = window.scattered(LEAST[days], _NO_DIRECTION)
        # Whatever the count: the logarithm of 0 is an error.
        length = np.where(window.length < _NO_DIRECTION, np.nan, window.length)
        spread = exactly(_circular_sd, length)
        measure = of_window(spread * (DAY_MINUTES / (2 * math.pi)), window.count, LEAST[days])
        found[f"mid_sleep_sd_{days}_minutes"] = measure.but(nowhere, SCATTERED)
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
    """Sleep regularity index of 28 days from the spans of main sleeps, -100 to 100; 100 is the same span every day.

    Phillips et al. 2017 (Sci Rep 7:3216): how likely the member is in the same state, asleep or awake, at two moments
    24 hours apart, scaled so that chance is 0. Here a main sleep counts as asleep from its start to its end, and naps
    are not counted, so it is an approximation. Moments are 24 hours of elapsed time apart: a flight lowers it.

    Args:
        start: Start of each day's main sleep, minutes since any fixed moment.
        end: Its end, likewise.
    """
    before_start, before_end = (back(values, 1, np.nan) + DAY_MINUTES for values in (start, end))
    overlap = np.maximum(0.0, np.minimum(end, before_end) - np.maximum(start, before_start))
    apart = (end - start) + (before_end - before_start) - 2 * overlap
    agreement = 1.0 - np.minimum(apart, DAY_MINUTES) / DAY_MINUTES
    window = Window(agreement, CHRONIC)
    return window.measure(200.0 * window.average - 100.0)


def mid_sleep_times(start: pd.Series, end: pd.Series) -> pd.Series:
    """The moment halfway between start and end, UTC."""
    middle: pd.Series = start + (end - start) / 2
    return middle


def _apart(minutes: Floats, usual: Floats) -> Floats:
    """From one time of day to another, -720 to 720 minutes; later is positive."""
    apart = (minutes - usual) % DAY_MINUTES
    return np.where(apart > DAY_MINUTES / 2, apart - DAY_MINUTES, apart)


def _circular_sd(length: float) -> float:
    """Radians; rounding can make the length of equal times a little more than 1."""
    return math.sqrt(max(0.0, -2.0 * math.log(length)))
