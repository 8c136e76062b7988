"""The spans that a load reads for the requested days."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.sync.load import cycle_span, record_span
from whoop_assets.whoop_day import Calendar, CalendarCycle, cycle_day

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = date(2026, 11, 1)


@st.composite
def calendars(draw):
    """A member's cycles: mostly contiguous, sometimes with the strap off, sometimes in another zone."""
    moment = datetime(2026, 10, 25, draw(st.integers(0, 23)), tzinfo=UTC)
    offset = timedelta(hours=draw(st.integers(-11, 13)))
    cycles = []
    for number in range(draw(st.integers(0, 20))):
        length = timedelta(minutes=draw(st.integers(6 * 60, 34 * 60)))
        cycles.append(CalendarCycle(number + 1, moment, moment + length, offset))
        moment += length
        if draw(st.integers(0, 5)) == 0:
            moment += timedelta(hours=draw(st.integers(1, 90)))
        if draw(st.integers(0, 5)) == 0:
            offset = max(
                timedelta(hours=-12),
                min(timedelta(hours=14), offset + timedelta(hours=draw(st.integers(-9, 9)))),
            )
    return Calendar(cycles)


@given(calendars(), st.integers(0, 20), st.integers(0, 5))
def test_every_cycle_of_the_days_starts_within_the_cycles_span(calendar, after, length):
    first = DAY - timedelta(days=5) + timedelta(days=after)
    last = first + timedelta(days=length)
    span = cycle_span(first, last, NOW)
    for cycle in calendar.cycles:
        if first <= cycle.day <= last:
            assert span.start <= cycle.start < span.end


@given(calendars(), st.integers(0, 20), st.integers(0, 5), st.integers(0, 40 * 24 * 60))
def test_every_record_of_the_days_starts_within_the_records_span(calendar, after, length, minute):
    first = DAY - timedelta(days=5) + timedelta(days=after)
    last = first + timedelta(days=length)
    span = record_span(calendar, first, last, NOW)
    start = datetime(2026, 10, 20, tzinfo=UTC) + timedelta(minutes=minute)
    if start >= NOW:
        return
    own = timedelta(0)
    workout = calendar.workout_day(start=start, own_offset=own)
    cycle = calendar.containing(start)
    # A main sleep of a cycle starts with it; the +12 h rule gives the day of one without a cycle.
    sleep = calendar.sleep_day(
        cycle_id=None if cycle is None else cycle.id, start=start, nap=False, own_offset=own
    )
    if first <= workout <= last:
        assert span.start <= start < span.end
    if first <= sleep <= last:
        assert span.start <= start < span.end


def test_the_span_of_a_contiguous_day_is_that_of_its_cycle():
    start = datetime(2026, 11, 9, 23, tzinfo=UTC)
    cycles = [
        CalendarCycle(
            number, start + timedelta(days=number), start + timedelta(days=number + 1), timedelta(0)
        )
        for number in range(3)
    ]
    day = cycle_day(cycles[1].start, timedelta(0))
    span = record_span(Calendar(cycles), day, day, NOW)
    assert (span.start, span.end) == (cycles[1].start, cycles[1].end)


def test_nothing_is_read_for_today_while_the_member_still_sleeps():
    yesterday = CalendarCycle(1, NOW - timedelta(hours=30), None, timedelta(0))
    assert yesterday.day < NOW.date()
    assert not record_span(Calendar([yesterday]), NOW.date(), NOW.date(), NOW)
