"""Groups days into ranges, so that one operation handles neighbouring days."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

ONE_DAY = timedelta(days=1)


def to_date_ranges(days: Iterable[date], *, max_gap: timedelta = ONE_DAY) -> list[tuple[date, date]]:
    """Return the ranges that contain the days.

    Args:
        days: In any order, with repetitions.
        max_gap: Days with at most this distance belong to one range.

    Returns:
        First and last day of each range, oldest first.
    """
    found: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if found and day - found[-1][1] <= max_gap:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def to_date_ranges_of_members(
    days: Iterable[tuple[int, date]], *, max_gap: timedelta
) -> Iterator[tuple[list[int], date, date]]:
    """Yield the ranges of each member's days, with all members that have exactly this range, oldest first.

    The ranges are computed per member. Ranges over the days of all members would grow into one range that few
    members need.
    """
    days_of: dict[int, list[date]] = {}
    for user_id, day in days:
        days_of.setdefault(user_id, []).append(day)
    members: dict[tuple[date, date], list[int]] = {}
    for user_id, own_days in sorted(days_of.items()):
        for found in to_date_ranges(own_days, max_gap=max_gap):
            members.setdefault(found, []).append(user_id)
    for (first, last), user_ids in sorted(members.items()):
        yield user_ids, first, last
