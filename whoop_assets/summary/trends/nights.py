"""Sleep debt, and bed and wake times against the member's usual ones."""

import math

import numpy as np

from whoop_assets.summary.trends.grid import back, exactly
from whoop_assets.summary.trends.reasons import NO_VALUE, SCATTERED, Floats, Measure, of_window
from whoop_assets.summary.trends.rolling import Window
from whoop_assets.summary.trends.windows import ACUTE, CHRONIC, FORTNIGHT, LEAST

_DAY = 1440.0
CONCENTRATED = 0.5
"""The least mean resultant length (0 to 1) of times of day that have a mean worth the name: two shifts twelve hours
apart have 0, times spread evenly over eight hours 0.83."""


def debt_measures(slept: Floats, needed: Floats, debt_part: Floats) -> dict[str, Measure]:
    """Sleep debt over 7 and 14 nights, minutes: what was needed less what was slept; below zero is a surplus.

    Of WHOOP's need the part that comes from sleep debt is left out: it carries the shortfall of the nights before,
    which the sum counts already. The part that naps take off stays in, so naps count. Of nights without a value the
    mean of the others is assumed (the days of the window times the mean shortfall of its known nights, which is the
    plain sum when all are known).
    """
    shortfall = needed - debt_part - slept
    found = {}
    for days in (ACUTE, FORTNIGHT):
        window = Window(shortfall, days)
        found[f"sleep_debt_{days}_minutes"] = of_window(days * window.average, window.count, LEAST[days])
    return found


def clock_deviation(minutes: Floats) -> Measure:
    """How far a local time of day (minutes since midnight) lies from the usual one, -720 to 720 minutes; later is positive.

    The usual time is the circular mean over the 28 days before, which knows no midnight: it is as good for a night
    shift. Times are local by each cycle's own offset, so who sleeps at eleven in New York and at eleven in Tokyo does
    not deviate (`timezone_shift_minutes` tells of the journey). Where the times of the month are scattered around the
    clock there is no usual one, and no deviation from it.
    """
    turn = minutes * (2 * math.pi / _DAY)
    count = np.zeros(minutes.shape, dtype=np.int16)
    sine, cosine = np.zeros(minutes.shape), np.zeros(minutes.shape)
    there = ~np.isnan(minutes)
    sines, cosines = np.nan_to_num(exactly(math.sin, turn)), np.nan_to_num(exactly(math.cos, turn))
    for lag in range(1, CHRONIC + 1):
        count += back(there, lag, False)
        sine += back(sines, lag, 0.0)
        cosine += back(cosines, lag, 0.0)
    angles = list(map(math.atan2, sine.ravel().tolist(), cosine.ravel().tolist()))
    usual = np.array(angles).reshape(minutes.shape) * (_DAY / (2 * math.pi))
    apart = (minutes - usual) % _DAY
    deviation = of_window(np.where(apart > _DAY / 2, apart - _DAY, apart), count, LEAST[CHRONIC])
    with np.errstate(invalid="ignore", divide="ignore"):
        length = np.sqrt(sine * sine + cosine * cosine) / count
    scattered = (length < CONCENTRATED) & (count >= LEAST[CHRONIC])
    return deviation.but(scattered, SCATTERED).but(np.isnan(minutes), NO_VALUE)


def zone_shift(offset: Floats) -> Measure:
    """The day's offset from UTC less the median of the 28 days before, minutes: 0 at home, positive after a flight east.

    It goes back to zero when more of those days were spent in the new zone than in the old one, after two weeks; that
    is about how long a body needs. A change to or from summer time shows as 60 minutes. Of an even number of values
    the lower of the two in the middle is taken, so that the median is an offset that the member has lived by.
    """
    before = np.stack([back(offset, lag, np.nan) for lag in range(1, CHRONIC + 1)], axis=-1)
    before.sort(axis=-1)  # NaN goes to the end
    count = (~np.isnan(before)).sum(axis=-1)
    middle = np.take_along_axis(before, np.maximum(count - 1, 0)[..., None] // 2, axis=-1)[..., 0]
    return of_window(offset - middle, count, LEAST[CHRONIC]).but(np.isnan(offset), NO_VALUE)
