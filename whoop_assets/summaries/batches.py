"""Batches of members and days, so that a rebuild holds few rows in memory and few members' locks."""

from collections.abc import Collection, Iterator
from datetime import date, timedelta

MAX_BATCH_DAYS, MAX_BATCH_MEMBERS = 400, 25


def member_batches(members: Collection[int]) -> Iterator[list[int]]:
    """Return the members in batches, sorted by id."""
    ordered = sorted(members)
    for start in range(0, len(ordered), MAX_BATCH_MEMBERS):
        yield ordered[start : start + MAX_BATCH_MEMBERS]


def day_batches(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Return the first and last day of each batch of the days first..last."""
    while first <= last:
        end = min(last, first + timedelta(days=MAX_BATCH_DAYS - 1))
        yield first, end
        first = end + timedelta(days=1)
