"""Days as spans."""

import itertools
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.spans import spans_of

ONE_DAY = timedelta(days=1)


@given(st.lists(st.dates(date(2026, 1, 1), date(2026, 3, 1))), st.integers(1, 20))
def test_spans_hold_every_day_and_are_as_far_apart_as_is_said(days, apart):
    spans = spans_of(days, apart=timedelta(days=apart))
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
    assert spans_of(day + n * ONE_DAY for n in (5, 1, 0, 9, 6, 6)) == [
        (day, day + ONE_DAY),
        (day + 5 * ONE_DAY, day + 6 * ONE_DAY),
        (day + 9 * ONE_DAY, day + 9 * ONE_DAY),
    ]
    assert spans_of([]) == []
