"""What pictures are drawn from: every day of a span, with its rows where there are some."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

Row = Mapping[str, Any]

_MAX_LN_HRV = 20.0
"""Of no body: above it the logarithm is a fault, and its exponential has no meaning."""


@dataclass(frozen=True, slots=True)
class Range:
    """A member's usual values: the mean of the 28 days before a day, and one standard deviation to either side."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Day:
    """One calendar day of a member; `summary` and `trend` are empty where the day has no such row.

    `summary` is a row of `daily_summary`, with the score states of its cycle, sleep and recovery as `cycle_state`,
    `sleep_state` and `recovery_state`; `trend` is the row of `trends`.
    """

    day: date
    summary: Row = field(default_factory=dict)
    trend: Row = field(default_factory=dict)

    def number(self, name: str) -> float | None:
        """A measure of the day from either row; None for what is missing or no number."""
        value = self.summary.get(name)
        if value is None:
            value = self.trend.get(name)
        if value is None or not math.isfinite(value):
            return None
        return float(value)

    def usual(self, name: str) -> Range | None:
        """The usual range of a measure before this day; None if too few days before it have the measure."""
        middle, spread = self.number(f"{name}_usual_mean_28"), self.number(f"{name}_usual_sd_28")
        return None if middle is None or spread is None else Range(middle - spread, middle, middle + spread)

    @property
    def usual_hrv(self) -> Range | None:
        """The usual range of HRV in milliseconds, from that of its logarithm."""
        logs = self.usual("ln_hrv_rmssd")
        if logs is None or logs.high > _MAX_LN_HRV:
            return None
        return Range(*map(math.exp, (logs.low, logs.middle, logs.high)))

    @property
    def band(self) -> str | None:
        """WHOOP's band of the day's recovery: green, yellow or red."""
        found = self.summary.get("recovery_band")
        return (
            found
            if found in ("green", "yellow", "red") and self.number("recovery_score") is not None
            else None
        )

    @property
    def is_calibrating(self) -> bool:
        """Whether WHOOP still learns the member's baseline: the recovery score counts in no mean."""
        return bool(self.summary.get("user_calibrating"))

    @property
    def is_partial(self) -> bool:
        """Whether the day is still going on: its strain is a passing one."""
        return bool(self.summary.get("is_partial"))

    @property
    def strain(self) -> float | None:
        """The strain of a day that is over."""
        return None if self.is_partial else self.number("strain")


def calendar(
    summaries: Iterable[Row],
    trends: Iterable[Row] = (),
    *,
    first: date | None = None,
    last: date | None = None,
) -> list[Day]:
    """Every day from `first` (else the first with a summary) to `last` (else the last), in order, without a gap."""
    by_day = {row["day"]: row for row in summaries}
    of_trend = {row["day"]: row for row in trends}
    if not by_day:
        return []
    begin = min(by_day) if first is None else max(first, min(by_day))
    end = max(by_day) if last is None else last
    return [
        Day(day, by_day.get(day, {}), of_trend.get(day, {}))
        for day in (begin + timedelta(days=n) for n in range((end - begin).days + 1))
    ]


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of what is known; None when nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
