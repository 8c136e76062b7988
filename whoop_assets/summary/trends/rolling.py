"""Means, standard deviations and z-scores of windows of days.

The standard deviation is the sample's (n - 1), about the window's own mean in a second pass.
"""

from collections.abc import Sequence

import numpy as np

from whoop_assets.summary.trends.grid import back
from whoop_assets.summary.trends.reasons import NO_MEAN, NO_SPREAD, NO_VALUE, Floats, Measure, of_window
from whoop_assets.summary.trends.windows import ACUTE, CHRONIC, LEAST, ROLLING

_NEXT_TO_NOTHING = 1e-9
"""A spread below this share of the mean is rounding: equal values have none."""


class Window:
    """Count, mean and standard deviation of `days` days that end `ago` days before the day."""

    def __init__(self, values: Floats, days: int, *, ago: int = 0) -> None:
        self.days, self.ago = days, ago
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
        flat = spread <= _NEXT_TO_NOTHING * np.abs(self.average)
        self.spread: Floats = np.where(flat, 0.0, spread)

    @property
    def mean(self) -> Measure:
        """The mean, where enough days have a value."""
        return of_window(self.average, self.count, LEAST[self.days])

    @property
    def sd(self) -> Measure:
        """The sample standard deviation, where enough days have a value."""
        return of_window(self.spread, self.count, LEAST[self.days])

    def ratio(self, numerator: Floats, denominator: Floats, *, zero: int) -> Measure:
        """A ratio where enough days have a value; none, with that reason, where the denominator is zero."""
        with np.errstate(invalid="ignore", divide="ignore"):
            given = of_window(numerator / denominator, self.count, LEAST[self.days])
        return given.but((denominator == 0) & (self.count >= LEAST[self.days]), zero)

    @property
    def cv(self) -> Measure:
        """Coefficient of variation: 100 x standard deviation / mean, percent."""
        return self.ratio(100.0 * self.spread, self.average, zero=NO_MEAN)


def rolling(name: str, values: Floats, windows: Sequence[int] = ROLLING) -> dict[str, Measure]:
    """`name_mean_7` .. `name_sd_60` and `name_z_28`, in the unit of the values; the z-score in standard deviations."""
    found = {}
    for days in windows:
        window = Window(values, days)
        found[f"{name}_mean_{days}"], found[f"{name}_sd_{days}"] = window.mean, window.sd
    return found | {f"{name}_z_28": z_score(values)}


def z_score(values: Floats) -> Measure:
    """How many standard deviations the day lies from the mean of the 28 days before it.

    The day itself is left out: it would pull the baseline towards itself, and its own outlier out of reach (of 28
    values none can lie more than 27 / sqrt(28) = 5.1 standard deviations from a mean that it is part of).
    """
    before = Window(values, CHRONIC, ago=1)
    score = before.ratio(values - before.average, before.spread, zero=NO_SPREAD)
    return score.but(np.isnan(values), NO_VALUE)


def variability(hrv: Floats, ln_hrv: Floats) -> dict[str, Measure]:
    """Coefficient of variation of 7 days of HRV, percent: of RMSSD in milliseconds, and of ln RMSSD.

    Plews et al. (2012, Eur J Appl Physiol) follow the 7-day coefficient of variation of ln RMSSD; that of RMSSD
    itself is larger and skewed, and is what other apps show as "HRV CV". They are not comparable with each other.
    """
    return {
        "hrv_rmssd_milli_cv_7": Window(hrv, ACUTE).cv,
        "ln_hrv_rmssd_cv_7": Window(ln_hrv, ACUTE).cv,
    }
