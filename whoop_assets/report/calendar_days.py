"""The days that charts and pages show: every calendar day of a period, with its rows where they exist."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

Row = Mapping[str, Any]

MAX_LN_HRV = 20.0
"""Upper bound of a plausible logarithm of HRV, in ln ms; its exponential would overflow far above it."""

_SCALES = {"recovery_score": (0.0, 100.0), "strain": (0.0, 21.0)}
"""Lowest and highest possible value of the scores: a usual range ends there."""


@dataclass(frozen=True, slots=True)
class UsualRange:
    """Mean of the 28 days before a day, and the range of one standard deviation around it."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class ReportDay:
    """One calendar day of a member; `summary` and `trend` are empty if the day has no such row.

    Attributes:
        day: The WHOOP day.
        summary: The row of `daily_summary` with the score states of its cycle, sleep and recovery as
            `cycle_state`,
            `sleep_state` and `recovery_state`.
        trend: The row of `trends`.
    """

    day: date
    summary: Row = field(default_factory=dict)
    trend: Row = field(default_factory=dict)

    def number(self, name: str) -> float | None:
        """Return a measure from either row; None if it is missing or not finite."""
        value = self.summary.get(name)
        if value is None:
            value = self.trend.get(name)
        if value is None or not math.isfinite(value):
            return None
        return float(value)

    def usual(self, name: str) -> UsualRange | None:
        """Return the usual range of a measure before this day; None if there are too few values."""
        middle, spread = self.number(f"{name}_usual_mean_28"), self.number(f"{name}_usual_sd_28")
        if middle is None or spread is None:
            return None
        low, high = _SCALES.get(name, (-math.inf, math.inf))
        return UsualRange(max(low, middle - spread), middle, min(high, middle + spread))

    @property
    def usual_hrv(self) -> UsualRange | None:
        """The usual range of HRV in milliseconds, computed from the usual range of its logarithm."""
        logs = self.usual("ln_hrv_rmssd")
        if logs is None or logs.high > MAX_LN_HRV:
            return None
        return UsualRange(math.exp(logs.low), math.exp(logs.middle), math.exp(logs.high))

    @property
    def band(self) -> str | None:
        """WHOOP's band of the day's recovery: green, yellow or red."""
        band = self.summary.get("recovery_band")
        known = band in ("green", "yellow", "red") and self.number("recovery_score") is not None
        return band if known else None

    @property
    def is_calibrating(self) -> bool:
        """Whether WHOOP still learns the member's baseline: no mean contains this recovery score."""
        return bool(self.summary.get("user_calibrating"))

    @property
    def is_partial(self) -> bool:
        """Whether the day is not finished: its strain still grows."""
        return bool(self.summary.get("is_partial"))

    @property
    def strain(self) -> float | None:
        """The strain of a finished day, 0 to 21."""
        return None if self.is_partial else self.number("strain")


def calendar(summaries: Iterable[Row], trends: Iterable[Row] = ()) -> list[ReportDay]:
    """Return every day from the first to the last one with a summary, in order."""
    summary_of = {row["day"]: row for row in summaries}
    trend_of = {row["day"]: row for row in trends}
    if not summary_of:
        return []
    first = min(summary_of)
    days = (first + timedelta(days=number) for number in range((max(summary_of) - first).days + 1))
    return [ReportDay(day, summary_of.get(day, {}), trend_of.get(day, {})) for day in days]


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the known values; None if there are none."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
