"""Training load from the time in heart rate zones: its means, the ratio of recent to earlier load, monotony and strain.

Day strain is a score from 0 to 21 that grows ever more slowly with the effort, and it is never near zero. Published
formulas for training load expect a quantity that adds up and that is zero on a day of rest, so they are not applied to it.

The load of a day is Edwards' summed zone score: minutes in zone 1 x 1, in zone 2 x 2, .. in zone 5 x 5 (S. Edwards, "The
Heart Rate Monitor Book", 1993). The weights are a convention. Only what WHOOP recorded as a workout has zones.
"""

import numpy as np

from whoop_assets.summaries.trends.reasons import NO_MEAN, NO_SPREAD, Flags, Floats, Measure, known
from whoop_assets.summaries.trends.rolling import Window
from whoop_assets.summaries.trends.windows import ACUTE, CHRONIC, MIN_MONOTONY_VALUES, THREE_WEEKS

MILLI_PER_MINUTE = 60_000.0


def finished_strain(strain: Floats, kilojoule: Floats, partial: Flags) -> Floats:
    """Day strain of days that are over and were worn: a cycle with neither strain nor energy was not."""
    not_worn = (strain == 0) & (kilojoule == 0)
    return np.where(partial | not_worn, np.nan, strain)


def day_load(finished: Floats, workout_count: Floats, zones: list[Floats]) -> Floats:
    """The load of each day, in points; NaN where it is not known.

    Args:
        finished: The strain of days that are over and were worn, NaN elsewhere: other days have no known load.
        workout_count: Workouts of the day. 0 is a day of rest, whose load is 0.
        zones: Milliseconds in zone 1, zone 2, .. zone 5, NaN where no workout is scored.
    """
    points = np.zeros(finished.shape)
    for weight, milli in enumerate(zones, start=1):
        points += weight * (milli / MILLI_PER_MINUTE)
    points = np.where(workout_count == 0, 0.0, points)
    return np.where(np.isnan(finished), np.nan, points)


def load_measures(load: Floats) -> dict[str, Measure]:
    """The day's load, its means over 7 and 28 days, the uncoupled ratio, and Foster's monotony and strain of the week.

    The ratio is the mean of 7 days / the mean of the 21 days before them, so that no day is in both. It describes a
    change of load. It does not predict injuries: Lolli et al. 2019 (Br J Sports Med 53:921), Windt & Gabbett 2019
    (53:988), Impellizzeri et al. 2020 (Sports Med, doi 10.1007/s40279-020-01378-6).

    Monotony is the mean / the standard deviation of 7 days; Foster's strain is the load of the week x monotony
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
