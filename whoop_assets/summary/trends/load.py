"""Training load from WHOOP's day strain: ratios of recent to usual load, monotony and strain.

Day strain is a score from 0 to 21 that grows ever more slowly with the effort: 21 is not half as much again as 14
but many times it. So a mean of strain is a mean of scores and not of work; a ratio of two such means stays nearer to
1 than one of the same weeks' work; and bounds published for distance or session-RPE (an acute to chronic ratio of 0.8
to 1.3, say) must not be laid on it. What it serves for is the comparison of a member with that member's own past.

The strain of a partial day is passing, and counts as missing; so does a scored cycle of nothing but zeros.
"""

import numpy as np

from whoop_assets.summary.trends.grid import back
from whoop_assets.summary.trends.reasons import KNOWN, NO_MEAN, NO_SPREAD, Flags, Floats, Measure
from whoop_assets.summary.trends.rolling import Window
from whoop_assets.summary.trends.windows import ACUTE, CHRONIC, EWMA_DAYS, LEAST


def finished_strain(strain: Floats, kilojoule: Floats, partial: Flags) -> Floats:
    """Day strain of days that are over and were worn: a cycle with neither strain nor energy was not."""
    not_worn = (strain == 0) & (kilojoule == 0)
    return np.where(partial | not_worn, np.nan, strain)


def load_measures(strain: Floats) -> dict[str, Measure]:
    """Acute to chronic workload ratios, monotony and training strain of finished day strain."""
    week, month = Window(strain, ACUTE), Window(strain, CHRONIC)
    monotony = week.ratio(week.average, week.spread, zero=NO_SPREAD)
    return {
        "acwr_coupled_7_28": coupled_ratio(week, month),
        "acwr_ewma_7_28": ewma_ratio(strain, week, month),
        "training_monotony_7": monotony,
        "training_strain_7": training_strain(week, monotony),
    }


def coupled_ratio(week: Window, month: Window) -> Measure:
    """Acute to chronic workload ratio, coupled: mean of 7 days / mean of 28 days, the 7 being among the 28.

    The ratio of rolling averages of Hulin et al. (2014, Br J Sports Med) and Gabbett (2016, Br J Sports Med).
    Coupled means that it cannot exceed 28 / 7 = 4 while no day is missing.
    """
    return _both(month.ratio(week.average, month.average, zero=NO_MEAN), week)


def ewma_ratio(strain: Floats, week: Window, month: Window) -> Measure:
    """The same with exponentially weighted means, lambda = 2 / (N + 1), after Williams et al. (2017, Br J Sports Med).

    Computed outright over at most 60 days, not handed on from day to day: each day weighs (1 - lambda)^age, a day
    without a value weighs nothing while the days behind it keep their age, and the weights that remain add up to one.
    At least 4 of the last 7 and 14 of the last 28 days must have a value.
    """
    acute, chronic = _weighted_mean(strain, ACUTE), _weighted_mean(strain, CHRONIC)
    return _both(month.ratio(acute, chronic, zero=NO_MEAN), week)


def training_strain(week: Window, monotony: Measure) -> Measure:
    """The week's load times its monotony (Foster 1998, Med Sci Sports Exerc).

    Foster's load is session-RPE times minutes; here it is day strain. The week's load is 7 times the mean of its days
    with a value, which is their sum when all seven have one: a missing day is neither a rest day nor a hole.
    Monotony is the mean of the seven days / their standard deviation.
    """
    return Measure(ACUTE * week.average * monotony.values, monotony.why)


def _weighted_mean(values: Floats, days: int) -> Floats:
    keep = 1.0 - 2.0 / (days + 1)
    there = ~np.isnan(values)
    filled, known = np.where(there, values, 0.0), there.astype(np.float64)
    total, weights = np.zeros(values.shape), np.zeros(values.shape)
    weight = 1.0
    for age in range(EWMA_DAYS):
        total += weight * back(filled, age, 0.0)
        weights += weight * back(known, age, 0.0)
        weight *= keep
    with np.errstate(invalid="ignore"):
        return total / weights


def _both(ratio: Measure, week: Window) -> Measure:
    """The ratio where the acute window, too, has enough values."""
    few = (week.count < LEAST[ACUTE]) & (ratio.why == KNOWN)
    return Measure(
        np.where(few, np.nan, ratio.values), np.where(few, week.mean.why, ratio.why).astype(np.int16)
    )
