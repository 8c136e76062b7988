"""What the day's recovery says: how much strain to aim at, signs of illness, green streaks.

None of it is a diagnosis. The thresholds are our convention; they stand here, and the tests count what they find and
what they raise for nothing.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from whoop_assets.summary.trends.grid import Grid, back
from whoop_assets.summary.trends.reasons import FEW_SIGNALS, NO_VALUE, Measure, known
from whoop_assets.summary.trends.windows import STREAK_DAYS

STRAIN_TARGETS = {"green": (14.0, 18.0), "yellow": (10.0, 14.0), "red": (0.0, 10.0)}
"""Our convention, along the bounds of WHOOP's categories (light below 10, moderate from 10, high from 14, all out from
18). It is not the strain target of WHOOP's app, which the API does not give."""

SIGNALS = {
    "resting_heart_rate": ("resting_heart_rate_z_28", 2.0),
    "hrv_rmssd_milli": ("ln_hrv_rmssd_z_28", -2.0),
    "respiratory_rate": ("respiratory_rate_z_28", 2.0),
    "skin_temp_celsius": ("skin_temp_celsius_z_28", 2.0),
}
"""Signal -> the z-score that gives it and its threshold: at or above a positive one, at or below a negative one."""

SIGNALS_FOR_FLAG = 2


def strain_target(grid: Grid, bands: pd.Series) -> dict[str, Measure]:
    """The band of day strain to aim at with the day's recovery, 0 to 21."""
    low = {name: bounds[0] for name, bounds in STRAIN_TARGETS.items()}
    high = {name: bounds[1] for name, bounds in STRAIN_TARGETS.items()}
    return {
        "strain_target_low": known(grid.fill(bands.map(low).astype("float64"))),
        "strain_target_high": known(grid.fill(bands.map(high).astype("float64"))),
    }


def illness(scores: Mapping[str, Measure]) -> dict[str, Measure]:
    """How many of four signals are there, of how many that are known, and the flag (1 or 0): at least two.

    Resting heart rate up, HRV down, respiratory rate up, skin temperature up, each against the member's own 28 days
    before. `illness_signals` has a bit per signal that is there, in the order of SIGNALS.
    """
    shape = next(iter(scores.values())).values.shape
    there, can_tell, bits = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for place, (score, threshold) in enumerate(SIGNALS.values()):
        values = scores[score].values
        beyond = values >= threshold if threshold > 0 else values <= threshold
        there += beyond
        can_tell += ~np.isnan(values)
        bits += beyond * float(1 << place)
    few = can_tell < SIGNALS_FOR_FLAG
    return {
        "illness_signal_count": known(there).but(few, FEW_SIGNALS),
        "illness_signals_known": known(can_tell),
        "illness_signals": known(bits).but(few, FEW_SIGNALS),
        "illness_flag": known((there >= SIGNALS_FOR_FLAG).astype(np.float64)).but(few, FEW_SIGNALS),
    }


def signal_names(bits: int) -> str:
    """The signals of these bits, comma separated; empty for none."""
    return ",".join(name for place, name in enumerate(SIGNALS) if bits >> place & 1)


def green_streak(grid: Grid, bands: pd.Series) -> Measure:
    """Consecutive days with a green recovery that end with this one, counted to at most 60.

    0 when the day is not green; a day without a recovery ends a streak, as nobody can say that it was green.
    """
    green = grid.fill((bands == "green").where(bands.notna()).astype("float64"))
    length, unbroken = np.zeros(grid.shape), np.ones(grid.shape, dtype=np.bool_)
    for lag in range(STREAK_DAYS):
        unbroken = unbroken & (back(green, lag, np.nan) == 1)
        length += unbroken
    return known(length).but(np.isnan(green), NO_VALUE)
