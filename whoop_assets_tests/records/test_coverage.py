"""The ledger of coverage, against a model that keeps one time of reading per hour."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.records import coverage
from whoop_assets.records.coverage import Span, subtract
from whoop_assets_tests.support.data.factories import MEMBER, NOW, at, rolled_back

HOURS = 40


def span(first, length):
    return Span(at(1, first), at(1, first + length))


def hours(spans):
    return {hour for hour in range(HOURS) if any(s.start <= at(1, hour) < s.end for s in spans)}


spans = st.builds(span, st.integers(0, HOURS - 1), st.integers(1, 15))


@given(spans, st.lists(spans, max_size=6))
def test_subtract_returns_the_time_without_the_taken_spans(whole, taken):
    left = subtract(whole, taken)
    assert hours(left) == hours([whole]) - hours(taken)
    assert all(left)
    assert left == sorted(left)
    assert all(one.end < other.start for one, other in itertools.pairwise(left))


reads = st.lists(st.tuples(spans, st.integers(0, 1)), max_size=8)
"""(read span, minutes since the read before)"""


@given(reads, spans, st.none() | st.integers(0, 8))
def test_unread_spans_are_those_without_a_fresh_read(database, reads, asked, since):
    model = {}
    with rolled_back(database) as connection:
        read_at = NOW
        for what, minutes in reads:
            read_at += timedelta(minutes=minutes)
            coverage.record(connection, MEMBER, "sleeps", what, read_at)
            model |= dict.fromkeys(hours([what]), read_at)
        limit = None if since is None else NOW + timedelta(minutes=since)
        unread = coverage.unread(connection, MEMBER, "sleeps", asked, since=limit)
        fresh = {hour for hour, when in model.items() if limit is None or when >= limit}
        assert hours(unread) == hours([asked]) - fresh
        assert unread == sorted(unread, reverse=True)

        kept = coverage.covered(connection, MEMBER, "sleeps", Span(at(0), at(9)))
        assert all(one.span.end <= other.span.start for one, other in itertools.pairwise(kept))
        for hour, when in model.items():
            assert [entry.read_at for entry in kept if hour in hours([entry.span])] == [when]


def test_neighbours_of_one_read_become_one_span(database):
    with database.write([MEMBER]) as connection:
        for first in (0, 20, 10):
            coverage.record(connection, MEMBER, "cycles", span(first, 10), NOW)
        (entry,) = coverage.covered(connection, MEMBER, "cycles", span(0, 30))
        assert entry == coverage.Covered(span(0, 30), NOW)


@pytest.mark.parametrize("whose", [(MEMBER + 1, "sleeps"), (MEMBER, "cycles")])
def test_coverage_of_one_stream_and_member_does_not_affect_others(database, whose):
    with database.write([MEMBER]) as connection:
        coverage.record(connection, MEMBER, "sleeps", span(0, 10), NOW)
        coverage.record(connection, *whose, span(5, 2), NOW + timedelta(hours=1))
        assert coverage.covered(connection, MEMBER, "sleeps", span(0, 40)) == [
            coverage.Covered(span(0, 10), NOW)
        ]
        assert coverage.unread(connection, *whose, span(0, 10), since=None) == [span(7, 3), span(0, 5)]


def test_an_empty_span_is_not_stored(database):
    with database.write([MEMBER]) as connection:
        coverage.record(connection, MEMBER, "sleeps", span(5, 0), NOW)
        assert coverage.covered(connection, MEMBER, "sleeps", span(0, 40)) == []
