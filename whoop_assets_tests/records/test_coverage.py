"""The coverage ledger, compared with a model that keeps the read time of each hour."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.records import coverage, upsert
from whoop_assets.records.coverage import Covered, Span, subtract
from whoop_assets_tests.support.data.factories import MEMBER, NOW, at, recovery, rolled_back, sleep, workout

HOURS = 40


def span(first, length):
    return Span(at(1, first), at(1, first + length))


def hours(spans):
    return {hour for hour in range(HOURS) if any(s.start <= at(1, hour) < s.end for s in spans)}


spans = st.builds(span, st.integers(0, HOURS - 1), st.integers(1, 15))


@given(spans, st.lists(spans, max_size=6))
def test_subtract_returns_the_time_without_the_taken_spans(whole, taken):
    remaining = subtract(whole, taken)
    assert hours(remaining) == hours([whole]) - hours(taken)
    assert all(remaining)
    assert remaining == sorted(remaining)
    assert all(earlier.end < later.start for earlier, later in itertools.pairwise(remaining))


reads = st.lists(st.tuples(spans, st.integers(0, 1)), max_size=8)
"""(read span, minutes since the read before)"""


@given(reads, spans, st.none() | st.integers(0, 8))
def test_unread_spans_are_those_without_a_fresh_read(database, reads, requested, since):
    model = {}
    with rolled_back(database) as connection:
        read_at = NOW
        for what, minutes in reads:
            read_at += timedelta(minutes=minutes)
            coverage.record(connection, MEMBER, "sleeps", what, read_at)
            model |= dict.fromkeys(hours([what]), read_at)
        limit = None if since is None else NOW + timedelta(minutes=since)
        unread = coverage.unread(connection, MEMBER, "sleeps", requested, since=limit)
        fresh = {hour for hour, when in model.items() if limit is None or when >= limit}
        assert hours(unread) == hours([requested]) - fresh
        assert unread == sorted(unread, reverse=True)

        kept = coverage.covered(connection, MEMBER, "sleeps", Span(at(0), at(9)))
        assert all(earlier.span.end <= later.span.start for earlier, later in itertools.pairwise(kept))
        for hour, when in model.items():
            assert [entry.read_at for entry in kept if hour in hours([entry.span])] == [when]


def test_neighbours_of_one_read_become_one_span(database):
    with database.write([MEMBER]) as connection:
        for first in (0, 20, 10):
            coverage.record(connection, MEMBER, "cycles", span(first, 10), NOW)
        (entry,) = coverage.covered(connection, MEMBER, "cycles", span(0, 30))
        assert entry == coverage.Covered(span(0, 30), NOW)


@pytest.mark.parametrize("key", [(MEMBER + 1, "sleeps"), (MEMBER, "cycles")])
def test_coverage_of_one_stream_and_member_does_not_affect_others(database, key):
    with database.write([MEMBER]) as connection:
        coverage.record(connection, MEMBER, "sleeps", span(0, 10), NOW)
        coverage.record(connection, *key, span(5, 2), NOW + timedelta(hours=1))
        assert coverage.covered(connection, MEMBER, "sleeps", span(0, 40)) == [
            coverage.Covered(span(0, 10), NOW)
        ]
        assert coverage.unread(connection, *key, span(0, 10), since=None) == [span(7, 3), span(0, 5)]


def test_an_empty_span_is_not_stored(database):
    with database.write([MEMBER]) as connection:
        coverage.record(connection, MEMBER, "sleeps", span(5, 0), NOW)
        assert coverage.covered(connection, MEMBER, "sleeps", span(0, 40)) == []


MINUTE = timedelta(minutes=1)
ALL = span(0, HOURS)


def read(connection, what, starts, read_at=NOW, counted_at=NOW, stream="workouts", user_id=MEMBER):
    """Store that a read of the span returned records that start at these hours (None: unknown)."""
    moments = None if starts is None else [at(1, hour) for hour in starts]
    coverage.record(connection, user_id, stream, what, read_at, starts=moments, counted_at=counted_at)


def known(connection, stream="workouts", user_id=MEMBER):
    return coverage.covered(connection, user_id, stream, ALL)


def numbers(connection, stream="workouts"):
    """First hour of each covered span -> its number of records."""
    return {
        (entry.span.start - at(1)) / timedelta(hours=1): entry.records for entry in known(connection, stream)
    }


def store(connection, *hours, when=NOW):
    upsert.store(connection, MEMBER, "workouts", [workout(f"w{hour}", at(1, hour)) for hour in hours], when)


def test_a_span_stores_how_many_records_start_in_it(database):
    with database.write([MEMBER]) as connection:
        read(connection, span(2, 8), [1, 2, 9.9, 10], counted_at=NOW + MINUTE)
        assert known(connection) == [Covered(span(2, 8), NOW, 2, NOW + MINUTE)]


@pytest.mark.parametrize(("starts", "counted_at"), [(None, NOW), ([3], None)])
def test_without_starts_or_a_commit_time_the_number_is_unknown(database, starts, counted_at):
    with database.write([MEMBER]) as connection:
        read(connection, span(2, 8), starts, counted_at=counted_at)
        assert known(connection) == [Covered(span(2, 8), NOW)]


@pytest.mark.parametrize(
    ("second", "starts", "merged"),
    [
        (span(10, 5), [12], Covered(span(0, 15), NOW, 3, NOW + MINUTE)),
        (span(-5, 5), [-2], Covered(span(-5, 15), NOW, 3, NOW + MINUTE)),
        (span(10, 5), None, Covered(span(0, 15), NOW)),
        (span(9, 6), [12], Covered(span(0, 15), NOW)),
        (span(3, 4), [4], Covered(span(0, 10), NOW)),
        (span(0, 10), [4], Covered(span(0, 10), NOW, 1, NOW + MINUTE)),
        (span(0, 12), [4, 11], Covered(span(0, 12), NOW, 2, NOW + MINUTE)),
    ],
    ids=["neighbours", "the neighbour before", "one unknown", "overlapping", "within", "the same", "around"],
)
def test_numbers_of_one_read_are_added_unless_a_record_could_count_twice(database, second, starts, merged):
    with database.write([MEMBER]) as connection:
        read(connection, span(0, 10), [1, 2])
        read(connection, second, starts, counted_at=NOW + MINUTE)
        assert known(connection) == [merged]


def test_an_older_read_adds_only_the_time_that_no_newer_read_covers(database):
    with database.write([MEMBER]) as connection:
        read(connection, span(5, 5), [6], read_at=NOW + MINUTE)
        read(connection, span(0, 20), [1, 2, 6, 7, 15])
        assert known(connection) == [
            Covered(span(0, 5), NOW, 2, NOW),
            Covered(span(5, 5), NOW + MINUTE, 1, NOW),
            Covered(span(10, 10), NOW, 1, NOW),
        ]


def test_a_moved_record_makes_only_the_numbers_of_its_spans_unknown(database):
    with database.write([MEMBER]) as connection:
        for first, minutes in ((0, 0), (10, 1), (20, 2)):
            read(connection, span(first, 10), [first], read_at=NOW + minutes * MINUTE)
        read(connection, ALL, [12], stream="sleeps")
        read(connection, ALL, [12], user_id=MEMBER + 1)
        coverage.forget_counts(connection, MEMBER, "workouts", [at(1, 10), at(1, 19), at(1, 50)])
        assert numbers(connection) == {0: 1, 10: None, 20: 1}
        assert [entry.counted_at for entry in known(connection)] == [NOW, None, NOW]
        assert [entry.records for entry in known(connection, "sleeps")] == [1]
        assert [entry.records for entry in known(connection, user_id=MEMBER + 1)] == [1]


def test_a_recovery_that_gets_the_start_of_its_sleep_makes_both_numbers_unknown(database):
    with database.write([MEMBER]) as connection:
        upsert.store(connection, MEMBER, "sleeps", [sleep("s1", 1, at(1, 2), at(1, 9))], NOW)
        upsert.store(connection, MEMBER, "recoveries", [recovery("s1", 1)], NOW)
        for first, minutes in ((0, 0), (10, 1), (20, 2)):
            read(connection, span(first, 10), [], read_at=NOW + minutes * MINUTE, stream="recoveries")
        later = sleep("s1", 1, at(1, 12), at(1, 19), requested_at=NOW + MINUTE)
        upsert.store(connection, MEMBER, "sleeps", [later], NOW + MINUTE)
        assert numbers(connection, "recoveries") == {0: None, 10: None, 20: 0}


def read_again(connection, what, starts):
    read(connection, what, starts, read_at=NOW + MINUTE, counted_at=NOW + MINUTE)


def test_the_rest_of_a_span_keeps_its_records_and_those_that_were_missing(database):
    """Of five records that WHOOP returned, the database has lost the one at hour 15."""
    with database.write([MEMBER]) as connection:
        store(connection, 1, 4, 12, 16)
        read(connection, span(0, 20), [1, 4, 12, 15, 16])
        read_again(connection, span(0, 5), [1, 4])
        assert numbers(connection) == {0: 2, 5: 3}
        read_again(connection, span(8, 4), [])
        assert numbers(connection) == {0: 2, 5: 0, 8: 0, 12: 3}
        assert known(connection)[-1] == Covered(span(12, 8), NOW, 3, NOW)


def test_a_record_that_the_new_read_brings_back_is_no_longer_missing(database):
    with database.write([MEMBER]) as connection:
        store(connection, 1, 4, 12)
        read(connection, span(0, 20), [1, 4, 12, 15])
        store(connection, 15, when=NOW + MINUTE)
        read_again(connection, span(10, 20), [12, 15])
        assert numbers(connection) == {0: 2, 10: 2}


def test_new_records_do_not_hide_that_one_is_missing(database):
    """The read brings a record outside the old span, which says nothing about the one that is missing."""
    with database.write([MEMBER]) as connection:
        store(connection, 1, 4)
        read(connection, span(0, 20), [1, 4, 5])
        store(connection, 25, when=NOW + MINUTE)
        read_again(connection, span(10, 20), [25])
        assert numbers(connection) == {0: 3, 10: 1}


def test_the_rest_of_a_span_counts_what_existed_when_it_was_read(database):
    """Hour 1 was deleted with the read, hour 2 after it, and hour 3 came after it."""
    with database.write([MEMBER]) as connection:
        store(connection, 1, 2, 4)
        upsert.delete_confirmed(connection, MEMBER, "workouts", {"w1": NOW + MINUTE}, NOW + MINUTE)
        read(connection, span(0, 20), [2, 4], counted_at=NOW + MINUTE)
        upsert.delete_confirmed(connection, MEMBER, "workouts", {"w2": NOW + 2 * MINUTE}, NOW + 2 * MINUTE)
        store(connection, 3, when=NOW + 2 * MINUTE)
        read(connection, span(10, 20), [], read_at=NOW + 3 * MINUTE, counted_at=NOW + 3 * MINUTE)
        assert numbers(connection) == {0: 2, 10: 0}


@pytest.mark.parametrize("first", [0, 20])
def test_a_read_that_only_touches_an_older_one_leaves_it_as_it_is(database, first):
    with database.write([MEMBER]) as connection:
        read(connection, span(10, 10), [12])
        read_again(connection, span(first, 10), [])
        assert Covered(span(10, 10), NOW, 1, NOW) in known(connection)
