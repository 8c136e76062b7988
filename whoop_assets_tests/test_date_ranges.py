"""Days as spans."""

import itertools
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.date_ranges import to_date_ranges, to_date_ranges_of_members

ONE_DAY = timedelta(days=1)


@given(st.lists(st.dates(date(2026, 1, 1), date(2026, 3, 1))), st.integers(1, 20))
def test_spans_hold_every_day_and_are_as_far_apart_as_is_said(days, apart):
    spans = to_date_ranges(days, max_gap=timedelta(days=apart))
    assert spans == sorted(spans)
    assert {end for span in spans for end in span} <= set(days)
    assert all(any(first <= day <= last for first, last in spans) for day in days)
    for (_, last), (first, _) in itertools.pairwise(spans):
        assert first - last > timedelta(days=apart)
    for first, last in spans:
        inside = sorted({day for day in days if first <= day <= last})
        assert all(b - a <= timedelta(days=apart) for a, b in itertools.pairwise(inside))


def test_neighbours_are_one_span():
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
def test_each_members_spans_are_those_of_their_own_days(days, apart):
    found = [
        (user_id, first, last)
        for users, first, last in to_date_ranges_of_members(days, max_gap=timedelta(days=apart))
        for user_id in users
    ]
    assert sorted(found) == sorted(
        (user_id, *span)
        for user_id in {user_id for user_id, _ in days}
        for span in to_date_ranges(
            (day for who, day in days if who == user_id), max_gap=timedelta(days=apart)
        )
    )


def test_members_with_the_same_span_are_taken_together():
    day = date(2026, 11, 1)
    days = [(2, day), (1, day), (3, day + ONE_DAY)]
    assert list(to_date_ranges_of_members(days, max_gap=ONE_DAY)) == [
        ([1, 2], day, day),
        ([3], day + ONE_DAY, day + ONE_DAY),
    ]
