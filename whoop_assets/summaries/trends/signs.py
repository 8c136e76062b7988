"""Strain targets, signs of illness and green streaks.

The thresholds are conventions of this project, and the signs are no diagnosis. Tests measure detections and
false alarms on planted illnesses.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from whoop_assets.summaries.trends.grid import Grid, back
from whoop_assets.summaries.trends.reasons import CALIBRATING, FEW_SYSTEMS, NO_VALUE, Flags, Measure, known
from whoop_assets.summaries.trends.windows import MAX_STREAK_DAYS

STRAIN_TARGETS = {"green": (14.0, 18.0), "yellow": (10.0, 14.0), "red": (0.0, 10.0)}
"""This project's rule of thumb, with the bounds of WHOOP's categories (light below 10, moderate from 10, high
from 14, all out from 18). It is not the strain target of WHOOP's app, which the API does not provide."""

SIGNS = {
    "resting_heart_rate": ("resting_heart_rate_z_28", 2.0),
    "hrv_rmssd_milli": ("ln_hrv_rmssd_z_28", -2.0),
    "respiratory_rate": ("respiratory_rate_z_28", 2.0),
    "skin_temp_celsius": ("skin_temp_celsius_z_28", 2.0),
}
"""Sign -> its z-score and threshold: at or above a positive one, at or below a negative one."""

SYSTEMS = (("resting_heart_rate", "hrv_rmssd_milli"), ("respiratory_rate",), ("skin_temp_celsius",))
"""Signs by body system. Heart rate and HRV count as one system, because they correlate with r = -0.84 over
nights."""

MIN_FLAG_SYSTEMS = 2


def strain_target(grid: Grid, bands: pd.Series, calibrating: Flags) -> dict[str, Measure]:
    """Return the target range of day strain, 0 to 21; no value while WHOOP calibrates the recovery score."""
    low = {name: bounds[0] for name, bounds in STRAIN_TARGETS.items()}
    high = {name: bounds[1] for name, bounds in STRAIN_TARGETS.items()}
    return {
        name: known(grid.fill(bands.map(ends).astype("float64"))).but(calibrating, CALIBRATING)
        for name, ends in (("strain_target_low", low), ("strain_target_high", high))
    }


def illness(scores: Mapping[str, Measure]) -> dict[str, Measure]:
    """Return the number of systems with a sign, the number of known systems, and the flag.

    The flag is 1 if at least two systems have a sign, else 0.

    The systems are heart (resting heart rate up or HRV down), respiratory rate up, and skin temperature up,
    compared with the 28 days before. A system is known if one of its z-scores is. `illness_signs` has one bit
    per sign in the order of SIGNS.
    """
    shape = next(iter(scores.values())).values.shape
    count, known_count, bits = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    names = list(SIGNS)
    for system in SYSTEMS:
        has_sign, is_known = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.bool_)
        for name in system:
            score, threshold = SIGNS[name]
            values = scores[score].values
            beyond = values >= threshold if threshold > 0 else values <= threshold
            has_sign |= beyond
            is_known |= ~np.isnan(values)
            bits += beyond * float(1 << names.index(name))
        count += has_sign
        known_count += is_known
    few = known_count < MIN_FLAG_SYSTEMS
    return {
        "illness_systems": known(count).but(few, FEW_SYSTEMS),
        "illness_systems_known": known(known_count),
        "illness_signs": known(bits).but(few, FEW_SYSTEMS),
        "illness_flag": known((count >= MIN_FLAG_SYSTEMS).astype(np.float64)).but(few, FEW_SYSTEMS),
    }


def sign_names(bits: int) -> str:
    """Return the names of the signs, comma-separated."""
    return ",".join(name for place, name in enumerate(SIGNS) if bits >> place & 1)


def green_streak(grid: Grid, bands: pd.Series, calibrating: Flags) -> Measure:
    """Return the number of consecutive green days up to this one.

    At most MAX_STREAK_DAYS; 0 if the day is not green.

    A day without a recovery, or with one from WHOOP's calibration, ends a streak.
    """
    green = grid.fill((bands == "green").where(bands.notna()).astype("float64"))
    green = np.where(calibrating, np.nan, green)
    length, unbroken = np.zeros(grid.shape), np.ones(grid.shape, dtype=np.bool_)
    for lag in range(MAX_STREAK_DAYS):
        unbroken = unbroken & (back(green, lag, np.nan) == 1)
        length += unbroken
    return known(length).but(np.isnan(green), NO_VALUE).but(calibrating, CALIBRATING)
