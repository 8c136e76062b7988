"""Means, standard deviations, usual ranges and z-scores of windows of days.

Standard deviations are sample standard deviations (n - 1), computed in two passes.
"""

import math
from collections.abc import Callable

import numpy as np

from whoop_assets.definition_changes import changes_of
from whoop_assets.summaries.trends.grid import Grid, back, exactly
from whoop_assets.summaries.trends.reasons import NO_SPREAD, NO_VALUE, Floats, Measure, of_window
from whoop_assets.summaries.trends.windows import ACUTE, CHRONIC, LONG, MIN_CV_VALUES, MIN_VALUES, ROLLING

_RELATIVE_ROUNDING_ERROR = 1e-9
"""A spread below this share of the mean is a rounding error of 0."""

HRV_STATUSES = ("below", "within", "above")
NORMAL_BAND_SD = 0.5
"""Half the width of the normal band of HRV, in standard deviations: the smallest worthwhile change."""


class Window:
    """Count, mean and standard deviation of `days` days that end `ago` days before the day."""

    def __init__(self, values: Floats, days: int, *, ago: int = 0, least: int | None = None) -> None:
        """Compute the window. `least` is the number of values it needs, by default that of its length."""
        self.least = MIN_VALUES[days] if least is None else least
        there = ~np.isnan(values)
        filled = np.where(there, values, 0.0)
        lags = range(ago, ago + days)
        self.count = np.zeros(values.shape, dtype=np.int16)
        total = np.zeros(values.shape)
        for lag in lags:
            self.count += back(there, lag, False)
            total += back(filled, lag, 0.0)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.average: Floats = total / self.count
            squares = np.zeros(values.shape)
            for lag in lags:
                apart = back(filled, lag, 0.0) - self.average
                squares += np.where(back(there, lag, False), apart * apart, 0.0)
            spread = np.sqrt(squares / (self.count - 1))
        flat = spread <= _RELATIVE_ROUNDING_ERROR * np.abs(self.average)
        self.spread: Floats = np.where(flat, 0.0, spread)

    def measure(self, values: Floats) -> Measure:
        """Return these values where the window has enough values."""
        return of_window(values, self.count, self.least)

    @property
    def mean(self) -> Measure:
        """The mean, where the window has enough values."""
        return self.measure(self.average)

    @property
    def sd(self) -> Measure:
        """The sample standard deviation, where the window has enough values."""
        return self.measure(self.spread)

    def ratio(self, numerator: Floats, denominator: Floats, *, zero: int) -> Measure:
        """Return a ratio where the window has enough values; `zero` is the reason if the denominator is 0."""
        with np.errstate(invalid="ignore", divide="ignore"):
            given = self.measure(numerator / denominator)
        return given.but((denominator == 0) & (self.count >= self.least), zero)


def rolling(name: str, values: Floats) -> dict[str, Measure]:
    """Return `name_mean_7` to `name_sd_60` in the unit of the values."""
    found = {}
    for days in ROLLING:
        window = Window(values, days)
        found[f"{name}_mean_{days}"], found[f"{name}_sd_{days}"] = window.mean, window.sd
    return found


def usual(name: str, values: Floats) -> dict[str, Measure]:
    """Return `name_usual_mean_28`, `name_usual_sd_28` and `name_z_28`.

    Mean and standard deviation of the 28 days before the day, and the z-score of the day.

    The window excludes the day. Otherwise an outlier would shift its own baseline, and its z-score could not
    exceed 27 / sqrt(28) = 5.1.
    """
    before = Window(values, CHRONIC, ago=1)
    score = before.ratio(values - before.average, before.spread, zero=NO_SPREAD)
    return {
        f"{name}_usual_mean_28": before.mean,
        f"{name}_usual_sd_28": before.sd,
        f"{name}_z_28": score.but(np.isnan(values), NO_VALUE),
    }


def of_one_definition(
    column: str, grid: Grid, values: Floats, compute: Callable[[Floats], dict[str, Measure]]
) -> dict[str, Measure]:
    """Compute measures so that no window contains values with two definitions of WHOOP's.

    Args:
        column: The column of `daily_summary` with the values.
        grid: The grid of the values.
        values: One value per member and day.
        compute: Computes the measures; their windows end on the day or earlier.
    """
    for change in changes_of(column):
        values = values.copy()
        values[:, grid.columns(change.last_old_day, change.first_new_day)] = np.nan
    found = compute(values)
    for change in changes_of(column):
        start = grid.column(change.first_new_day)
        if 0 < start < grid.days:
            later = values.copy()
            later[:, :start] = np.nan
            found = {name: found[name].since(start, measure) for name, measure in compute(later).items()}
    return found


def hrv_measures(ln_hrv: Floats) -> dict[str, Measure]:
    """Return the variability of 7 days of HRV, and its status.

    The status compares the mean of 7 days with the 60 days before them.

    `hrv_cv_7` is 100 x the standard deviation of ln RMSSD, in percent. It approximates the coefficient of
    variation of RMSSD and does not depend on the unit. The normal band is the smallest worthwhile change of
    half a standard deviation (Plews et al. 2013, Sports Med 43:773; Buchheit 2014, Front Physiol 5:73).
    `hrv_status` is an index of HRV_STATUSES.
    """
    week, before = Window(ln_hrv, ACUTE), Window(ln_hrv, LONG, ago=ACUTE)
    flat = (before.spread == 0) & (before.count >= before.least)
    low = before.average - NORMAL_BAND_SD * before.spread
    high = before.average + NORMAL_BAND_SD * before.spread
    status: Floats = np.where(week.average > high, 2.0, np.where(week.average < low, 0.0, 1.0))
    few = week.count < week.least
    return {
        "hrv_cv_7": Window(100.0 * ln_hrv, ACUTE, least=MIN_CV_VALUES).sd,
        "hrv_status": before.measure(status).but(flat, NO_SPREAD).because(few, week.mean),
        "hrv_normal_low_milli": before.measure(exactly(math.exp, low)).but(flat, NO_SPREAD),
        "hrv_normal_high_milli": before.measure(exactly(math.exp, high)).but(flat, NO_SPREAD),
    }
