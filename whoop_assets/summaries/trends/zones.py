"""Changes of the time zone: size of the shift, its cause (flight or clock change), and the days to adapt."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

import numpy as np

from whoop_assets.summaries.trends.grid import Grid, back
from whoop_assets.summaries.trends.nights import DAY_MINUTES
from whoop_assets.summaries.trends.reasons import NO_VALUE, Floats, Measure, of_window
from whoop_assets.summaries.trends.windows import CHRONIC, MIN_VALUES

SHIFT_CAUSES = ("none", "clock_change", "travel")

ADAPTED_MINUTES_PER_DAY_EAST, ADAPTED_MINUTES_PER_DAY_WEST = 60.0, 90.0
"""Adaptation of the body clock per day: 57 minutes after a flight east, 92 after one west (Aschoff et al.
1975, Chronobiologia 2:23; Sack 2010, N Engl J Med 362:440), rounded."""

MAX_CLOCK_CHANGE_GAP_DAYS = 4
"""Longest gap in days between the nights before and after a clock change; a longer gap could contain a
flight."""


def zone_measures(grid: Grid, offset: Floats) -> dict[str, Measure]:
    """Return the time zone shift in minutes, its cause, and the days until the body clock has adapted.

    The shift is the day's UTC offset - the median of the 28 days before, wrapped to -720 .. 719: 0 at home,
    positive after a flight east. It returns to 0 after two weeks, when most of the 28 days are in the new
    zone. The median of an even number of values is the lower middle value, so that it is an offset that
    occurred. `timezone_shift_cause` is an index of SHIFT_CAUSES.

    Args:
        grid: The grid of members and days.
        offset: Minutes east of UTC; NaN for days without an offset.
    """
    before = np.stack([back(offset, lag, np.nan) for lag in range(1, CHRONIC + 1)], axis=-1)
    before.sort(axis=-1)  # NaN goes to the end
    count = (~np.isnan(before)).sum(axis=-1)
    middle = np.take_along_axis(before, np.maximum(count - 1, 0)[..., None] // 2, axis=-1)[..., 0]
    shift = (offset - middle + DAY_MINUTES / 2) % DAY_MINUTES - DAY_MINUTES / 2
    no_offset = np.isnan(offset)

    def measure(values: Floats) -> Measure:
        return of_window(values, count, MIN_VALUES[CHRONIC]).but(no_offset, NO_VALUE)

    cause, adapted = _causes(grid, offset, shift)
    return {
        "timezone_shift_minutes": measure(shift),
        "timezone_shift_cause": measure(cause),
        "timezone_days_to_adapt": measure(adapted),
    }


def _causes(grid: Grid, offset: Floats, shift: Floats) -> tuple[Floats, Floats]:
    """Return the index of the cause in SHIFT_CAUSES and the days to adapt, per member and day.

    A shift that is not 0 implies that the last change of the offset is within the 28 days before.
    """
    cause, left = np.zeros(grid.shape), np.zeros(grid.shape)
    for row, column in np.argwhere(~np.isnan(shift) & (shift != 0)).tolist():
        here, minutes = offset[row, column], shift[row, column]
        changed, last_before = column, column
        for place in range(column - 1, max(-1, column - CHRONIC - 1), -1):
            if offset[row, place] == here:
                changed = place
            elif not np.isnan(offset[row, place]):
                last_before = place
                break
        old = offset[row, last_before]
        by_clock = (
            here - old == minutes
            and changed - last_before <= MAX_CLOCK_CHANGE_GAP_DAYS
            and is_clock_change(grid.day(last_before), grid.day(changed), int(old), int(here))
        )
        cause[row, column] = SHIFT_CAUSES.index("clock_change" if by_clock else "travel")
        rate = ADAPTED_MINUTES_PER_DAY_EAST if minutes > 0 else ADAPTED_MINUTES_PER_DAY_WEST
        left[row, column] = max(0.0, abs(minutes) / rate - (column - changed))
    return cause, left


@lru_cache(maxsize=1024)
def is_clock_change(before: date, after: date, old_minutes: int, new_minutes: int) -> bool:
    """Whether clocks of any time zone changed from one offset to the other between these two WHOOP days.

    Args:
        before: The last day with the old offset.
        after: The first day with the new offset.
        old_minutes: Minutes east of UTC before the change.
        new_minutes: Minutes east of UTC after it.
    """
    if abs(new_minutes - old_minutes) > 60:
        return False
    # Clocks change in the night to a Sunday. The cycle of that Sunday starts on the evening before, with the
    # old or the new offset; the next cycle has the new one.
    start = datetime.combine(before - timedelta(days=1), time(12), UTC)
    end = datetime.combine(after, time(12), UTC)
    old, new = timedelta(minutes=old_minutes), timedelta(minutes=new_minutes)
    return any(
        start.astimezone(zone).utcoffset() == old and end.astimezone(zone).utcoffset() == new
        for zone in _zones()
    )


@lru_cache(maxsize=1)
def _zones() -> tuple[ZoneInfo, ...]:
    return tuple(ZoneInfo(name) for name in sorted(available_timezones()) if "/" in name)
