"""Why a measure is NULL: a small code per value, so that whole histories are judged at once, and its sentence."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int16]
Flags = NDArray[np.bool_]

KNOWN, NO_VALUE, UNFINISHED, NO_SPREAD, NO_MEAN, SCATTERED, FEW_SYSTEMS, CALIBRATING, REDEFINED = range(9)
_TOO_FEW = 100
"""A window of m days that lacks values has the code m' x 100 + n, for n values where m' are needed."""

_SENTENCES = {
    NO_VALUE: "no value on the day",
    UNFINISHED: "the day is not finished",
    NO_SPREAD: "no spread in the window",
    NO_MEAN: "the mean of the window is zero",
    SCATTERED: "times scattered around the clock",
    FEW_SYSTEMS: "fewer than 2 systems known",
    CALIBRATING: "WHOOP calibrates the recovery score",
    REDEFINED: "too few values since WHOOP changed the definition",
}


@dataclass(frozen=True, slots=True)
class Measure:
    """One value per member (row) and day (column), NaN where there is none, and the code that says why."""

    values: Floats
    why: Codes

    def but(self, where: Flags, code: int) -> "Measure":
        """The same, but for these places, which have no value for this reason."""
        return Measure(
            np.where(where, np.nan, self.values), np.where(where, np.int16(code), self.why).astype(np.int16)
        )

    def because(self, where: Flags, other: "Measure") -> "Measure":
        """The same, but for these places, which have no value for the other measure's reason."""
        return Measure(
            np.where(where, np.nan, self.values), np.where(where, other.why, self.why).astype(np.int16)
        )

    def since(self, column: int, other: "Measure") -> "Measure":
        """This measure before that column of the grid, the other one from it on.

        A value that only the other one lacks is missing because WHOOP changed its definition on that day.
        """
        values, why = self.values.copy(), self.why.copy()
        values[:, column:], why[:, column:] = other.values[:, column:], other.why[:, column:]
        lost = np.isnan(values) & ~np.isnan(self.values)
        return Measure(values, np.where(lost, np.int16(REDEFINED), why).astype(np.int16))


def known(values: Floats) -> Measure:
    """A measure of these values, NaN where the day has none."""
    return Measure(values, np.where(np.isnan(values), NO_VALUE, KNOWN).astype(np.int16))


def of_window(values: Floats, count: NDArray[Any], least: int) -> Measure:
    """A measure of a window: the values where the window had at least so many."""
    few = count < least
    codes = np.where(few, least * _TOO_FEW + count, KNOWN).astype(np.int16)
    return Measure(np.where(few, np.nan, values), codes)


def sentence(code: int) -> str:
    """What the code means, `3 of 4 values` for three where four are needed."""
    if code >= _TOO_FEW:
        return f"{code % _TOO_FEW} of {code // _TOO_FEW} values"
    return _SENTENCES[code]
