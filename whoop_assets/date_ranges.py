"""Days as spans: what is done for neighbouring days is done for all of them at once."""

from collections.abc import Iterable, Iterator
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


def spans_of_members(
    days: Iterable[tuple[int, date]], *, apart: timedelta
) -> Iterator[tuple[list[int], date, date]]:
    """The spans of each member's days, oldest first, with all members who have just this span.

    Spans are each member's own: days of many members, taken together, would chain to one that nearly nobody needs.
    """
    of_member: dict[int, list[date]] = {}
    for user_id, day in days:
        of_member.setdefault(user_id, []).append(day)
    members: dict[tuple[date, date], list[int]] = {}
    for user_id, theirs in sorted(of_member.items()):
        for span in spans_of(theirs, apart=apart):
            members.setdefault(span, []).append(user_id)
    for (first, last), users in sorted(members.items()):
        yield users, first, last
