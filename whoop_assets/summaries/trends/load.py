"""Training load from the time in heart rate zones.

Means, ratio of recent to earlier load, monotony and strain.

Published formulas for training load need an additive quantity that is zero on a rest day. Day strain is
neither: it is a compressed score from 0 to 21 that is never near zero. So no formula here uses it.

The load of a day is Edwards' summed zone score: minutes in zone 1 x 1 + zone 2 x 2 + .. + zone 5 x 5 (S.
Edwards, "The Heart Rate Monitor Book", 1993). The weights are a convention. Only workouts have zones.
"""

import numpy as np

from whoop_assets.summaries.trends.reasons import NO_MEAN, NO_SPREAD, Flags, Floats, Measure, known
from whoop_assets.summaries.trends.rolling import Window
from whoop_assets.summaries.trends.windows import ACUTE, CHRONIC, MIN_MONOTONY_VALUES, THREE_WEEKS

MILLI_PER_MINUTE = 60_000.0


def finished_strain(strain: Floats, kilojoule: Floats, partial: Flags) -> Floats:
    """Return the strain of finished days; NaN if strain and energy are 0, because the strap was not worn."""
    not_worn = (strain == 0) & (kilojoule == 0)
    return np.where(partial | not_worn, np.nan, strain)


def day_load(finished: Floats, workout_count: Floats, zones: list[Floats]) -> Floats:
    """Return the load of each day in points; NaN if it is unknown.

    Args:
        finished: The result of `finished_strain`; days without it have no known load.
        workout_count: Workouts of the day; the load of a day with 0 is 0.
        zones: Milliseconds in zones 1 to 5; NaN if no workout is scored.
    """
    points = np.zeros(finished.shape)
    for weight, milli in enumerate(zones, start=1):
        points += weight * (milli / MILLI_PER_MINUTE)
    points = np.where(workout_count == 0, 0.0, points)
    return np.where(np.isnan(finished), np.nan, points)


def load_measures(load: Floats) -> dict[str, Measure]:
    """Return the load, its means of 7 and 28 days, the uncoupled ratio, and Foster's monotony and strain.

    The ratio is the mean of 7 days / the mean of the 21 days before them, without a common day. It describes
    a change of load. It does not predict injuries: Lolli et al. 2019 (Br J Sports Med 53:921), Windt &
    Gabbett 2019 (53:988), Impellizzeri et al. 2020 (Sports Med, doi 10.1007/s40279-020-01378-6).

    Monotony is mean / standard deviation of 7 days. Foster's strain is the load of the week x monotony
    (Foster 1998, Med Sci Sports Exerc 30:1164). Both need all 7 days.
    """
    week, month = Window(load, ACUTE), Window(load, CHRONIC)
    earlier = Window(load, THREE_WEEKS, ago=ACUTE)
    few = week.count < week.least
    whole = Window(load, ACUTE, least=MIN_MONOTONY_VALUES)
    monotony = whole.ratio(whole.average, whole.spread, zero=NO_SPREAD)
    return {
        "training_load": known(load),
        "training_load_mean_7": week.mean,
        "training_load_mean_28": month.mean,
        "training_load_ratio_7_21": earlier.ratio(week.average, earlier.average, zero=NO_MEAN).because(
            few, week.mean
        ),
        "training_load_monotony_7": monotony,
        "training_load_foster_strain_7": Measure(ACUTE * whole.average * monotony.values, monotony.why),
    }
