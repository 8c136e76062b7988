"""Days as spans: what is done for neighbouring days is done for all of them at once."""

from collections.abc import Iterable
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


def spans_of(days: Iterable[date], *, apart: timedelta = ONE_DAY) -> list[tuple[date, date]]:
    """The days as spans, first and last of each, oldest first; those no further `apart` than this are in one."""
    found: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if found and day - found[-1][1] <= apart:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
