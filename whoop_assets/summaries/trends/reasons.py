"""Reasons for missing measures: a code per value, so that arrays can hold it, and the text of each code."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int16]
Flags = NDArray[np.bool_]

KNOWN, NO_VALUE, UNFINISHED, NO_SPREAD, NO_MEAN, SCATTERED, FEW_SYSTEMS, CALIBRATING, REDEFINED = range(9)
_TOO_FEW = 100
"""Too few values have the code 100 x needed values + known values."""

_TEXTS = {
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
    """One value per member (row) and day (column), NaN if missing, and the code of the reason."""

    values: Floats
    why: Codes

    def but(self, where: Flags, code: int) -> "Measure":
        """Return a copy without values at these places, with this reason."""
        return Measure(
            np.where(where, np.nan, self.values), np.where(where, np.int16(code), self.why).astype(np.int16)
        )

    def because(self, where: Flags, other: "Measure") -> "Measure":
        """Return a copy without values at these places, with the other measure's reasons."""
        return Measure(
            np.where(where, np.nan, self.values), np.where(where, other.why, self.why).astype(np.int16)
        )

    def since(self, column: int, other: "Measure") -> "Measure":
        """Combine this measure before a column of the grid with another one from it on.

        If only the other measure lacks a value, the reason is that WHOOP changed the definition on that day.
        """
        values, why = self.values.copy(), self.why.copy()
        values[:, column:], why[:, column:] = other.values[:, column:], other.why[:, column:]
        lost = np.isnan(values) & ~np.isnan(self.values)
        return Measure(values, np.where(lost, np.int16(REDEFINED), why).astype(np.int16))


def known(values: Floats) -> Measure:
    """Return a measure of these values; the reason of a NaN is that the day has no value."""
    return Measure(values, np.where(np.isnan(values), NO_VALUE, KNOWN).astype(np.int16))


def of_window(values: Floats, count: NDArray[Any], least: int) -> Measure:
    """Return a measure of windows; it has no value where the window has fewer than `least` values."""
    few = count < least
    codes = np.where(few, least * _TOO_FEW + count, KNOWN).astype(np.int16)
    return Measure(np.where(few, np.nan, values), codes)


def reason_text(code: int) -> str:
    """Return the text of a reason, for example `3 of 4 values`."""
    if code >= _TOO_FEW:
        return f"{code % _TOO_FEW} of {code // _TOO_FEW} values"
    return _TEXTS[code]
