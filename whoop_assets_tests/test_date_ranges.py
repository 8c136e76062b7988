"""Grouping of days into ranges."""

import itertools
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.date_ranges import to_date_ranges, to_date_ranges_of_members

ONE_DAY = timedelta(days=1)


@given(st.lists(st.dates(date(2026, 1, 1), date(2026, 3, 1))), st.integers(1, 20))
def test_ranges_contain_every_day_and_are_separated_by_larger_gaps(days, max_gap_days):
    ranges = to_date_ranges(days, max_gap=timedelta(days=max_gap_days))
    assert ranges == sorted(ranges)
    assert {end for date_range in ranges for end in date_range} <= set(days)
    assert all(any(first <= day <= last for first, last in ranges) for day in days)
    for (_, last), (first, _) in itertools.pairwise(ranges):
        assert first - last > timedelta(days=max_gap_days)
    for first, last in ranges:
        inside = sorted({day for day in days if first <= day <= last})
        assert all(b - a <= timedelta(days=max_gap_days) for a, b in itertools.pairwise(inside))


def test_consecutive_days_are_one_range():
    day = date(2026, 11, 1)
    assert to_date_ranges(day + n * ONE_DAY for n in (5, 1, 0, 9, 6, 6)) == [
        (day, day + ONE_DAY),
        (day + 5 * ONE_DAY, day + 6 * ONE_DAY),
        (day + 9 * ONE_DAY, day + 9 * ONE_DAY),
    ]
    assert to_date_ranges([]) == []


@given(
    st.lists(st.tuples(st.integers(1, 4), st.dates(date(2026, 1, 1), date(2026, 3, 1)))), st.integers(1, 20)
)
def test_each_member_has_the_ranges_of_their_own_days(days, max_gap_days):
    found = [
        (user_id, first, last)
        for users, first, last in to_date_ranges_of_members(days, max_gap=timedelta(days=max_gap_days))
        for user_id in users
    ]
    assert sorted(found) == sorted(
        (user_id, *date_range)
        for user_id in {user_id for user_id, _ in days}
        for date_range in to_date_ranges(
            (day for member, day in days if member == user_id), max_gap=timedelta(days=max_gap_days)
        )
    )


def test_members_with_the_same_range_are_grouped():
    day = date(2026, 11, 1)
    days = [(2, day), (1, day), (3, day + ONE_DAY)]
    assert list(to_date_ranges_of_members(days, max_gap=ONE_DAY)) == [
        ([1, 2], day, day),
        ([3], day + ONE_DAY, day + ONE_DAY),
    ]
