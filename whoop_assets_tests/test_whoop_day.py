"""The day rule: the WHOOP day of each record, in any time zone and with any bedtime."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whoop_assets.whoop_day import (
    Calendar,
    CalendarCycle,
    begins_as_nap,
    cycle_day,
    local_date,
    parse_offset,
    utc_bounds,
)

BASE = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hour(number):
    return BASE + number * HOUR


def local(text, zone):
    """Return the UTC time of a local time, and the offset of its time zone at that time."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return moment.astimezone(UTC), moment.utcoffset()


def day_of(text, zone):
    return cycle_day(*local(text, zone))


def test_a_cycle_that_begins_in_the_evening_belongs_to_the_next_day():
    assert day_of("2026-11-19T22:40", "Europe/Berlin") == date(2026, 11, 20)


def test_a_cycle_that_begins_after_midnight_belongs_to_the_same_date():
    assert day_of("2026-11-20T01:30", "Europe/Berlin") == date(2026, 11, 20)


def test_sleeps_after_night_shifts_belong_to_consecutive_days():
    starts = [f"2026-11-{day}T09:05" for day in (16, 17, 18, 19)]
    assert [day_of(start, "America/Chicago").day for start in starts] == [16, 17, 18, 19]


def test_cycles_that_begin_before_and_after_noon_belong_to_different_days():
    assert day_of("2026-11-20T11:59", "Asia/Tokyo") == date(2026, 11, 20)
    assert day_of("2026-11-20T12:00", "Asia/Tokyo") == date(2026, 11, 21)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("bedtime", ["20:30", "23:50", "00:20", "02:30", "04:00"])
def test_a_year_with_two_clock_changes_has_one_cycle_per_day(zone, bedtime):
    evening = bedtime >= "12:00"
    wakes = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    starts = [f"{wake - timedelta(days=1) if evening else wake}T{bedtime}" for wake in wakes]
    assert [day_of(start, zone) for start in starts] == wakes


def test_a_flight_east_at_night_skips_no_day():
    # Sleeps in New York on the 1st, over the Atlantic at 23:00 New York time, and in Paris on the 3rd.
    nights = [
        ("2026-06-01T23:00", "America/New_York"),
        ("2026-06-02T23:00", "America/New_York"),
        ("2026-06-03T23:30", "Europe/Paris"),
    ]
    assert [day_of(*night).day for night in nights] == [2, 3, 4]


def test_a_flight_west_over_the_date_line_gives_two_cycles_the_same_day():
    # From Auckland on the evening of the 10th to Los Angeles, where it is the morning of the same 10th.
    nights = [
        ("2026-06-09T23:00", "Pacific/Auckland"),
        ("2026-06-10T20:00", "Pacific/Auckland"),
        ("2026-06-10T23:00", "America/Los_Angeles"),
    ]
    assert [day_of(*night).day for night in nights] == [10, 11, 11]


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("Z", 0), ("+00:00", 0), ("-00:00", 0), ("+05:30", 330), ("-03:30", -210), ("+14:00", 840)],
)
def test_whoops_offsets_are_parsed(text, minutes):
    assert parse_offset(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text", ["", "z", "UTC", "+5:30", "05:30", "+0530", "+05:30 ", "+05:3a", "+05:30\n", "٠5:30"]
)
def test_an_invalid_offset_is_an_error(text):
    with pytest.raises(ValueError, match="is not an offset"):
        parse_offset(text)


offsets = st.integers(-12 * 4, 14 * 4).map(lambda quarters: timedelta(minutes=15 * quarters))
instants = st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


@given(instants, offsets)
@example(datetime(2026, 4, 29, 22, tzinfo=UTC), timedelta(hours=14))
@example(datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC), timedelta(hours=-12))
def test_every_cycle_of_a_day_starts_within_the_days_utc_bounds(start, offset):
    day = cycle_day(start, offset)
    low, high = utc_bounds(day, day)
    assert low <= start < high
    wide_low, wide_high = utc_bounds(day - timedelta(days=3), day + timedelta(days=2))
    assert wide_low <= low
    assert high <= wide_high


def test_the_utc_bounds_of_a_day_are_50_hours_apart():
    low, high = utc_bounds(date(2026, 5, 1), date(2026, 5, 1))
    assert cycle_day(low, timedelta(hours=14)) == date(2026, 5, 1)
    assert cycle_day(high - timedelta(seconds=1), timedelta(hours=-12)) == date(2026, 5, 1)
    assert high - low == 50 * HOUR


@st.composite
def calendars(draw, contiguous=False):
    """Draw cycles with gaps, overlaps and open ends; or contiguous cycles, the last one open."""
    cycles = []
    start = draw(st.integers(0, 10))
    count = draw(st.integers(1 if contiguous else 0, 7))
    for number in range(count):
        end = start + draw(st.integers(1, 30))
        is_open = number == count - 1 if contiguous else draw(st.integers(0, 4)) == 0
        offset = timedelta(hours=draw(st.integers(-12, 14)))
        cycles.append(CalendarCycle(number, hour(start), None if is_open else hour(end), offset))
        start = end if contiguous else end + draw(st.integers(-25, 25))
    return draw(st.permutations(cycles))


def spans(cycles):
    """Return each cycle with its end, else the start of the next cycle, else the end of time."""
    ordered = sorted(cycles, key=lambda cycle: (cycle.start, cycle.id))
    end_of_time = datetime.max.replace(tzinfo=UTC)
    next_starts = [cycle.start for cycle in ordered[1:]] + [end_of_time]
    return [(cycle, cycle.end or start) for cycle, start in zip(ordered, next_starts, strict=False)]


def containing_by_brute_force(cycles, instant):
    inside = [cycle for cycle, end in spans(cycles) if cycle.start <= instant < end]
    return inside[-1] if inside else None


def nearest_by_brute_force(cycles, instant):
    inside = containing_by_brute_force(cycles, instant)
    if inside is not None or not cycles:
        return inside
    distances = [
        (cycle.start - instant if cycle.start > instant else instant - end, index, cycle)
        for index, (cycle, end) in enumerate(spans(cycles))
    ]
    return min(distances, key=lambda entry: entry[:2])[2]


moments = st.integers(-20, 200).map(hour)

# The second of these cycles begins and ends within the first.
NESTED = [CalendarCycle(0, hour(0), hour(20), HOUR), CalendarCycle(1, hour(5), hour(10), HOUR)]


@given(calendars(), moments)
@example([CalendarCycle(0, hour(0), hour(10), HOUR), CalendarCycle(1, hour(5), hour(10), HOUR)], hour(12))
@example(NESTED, hour(10))
@example(NESTED, hour(12))
@example(NESTED, hour(20))
@example(NESTED, hour(22))
def test_containing_and_nearest_cycle_equal_those_of_a_brute_force_search(cycles, instant):
    calendar = Calendar(cycles)
    assert calendar.containing(instant) == containing_by_brute_force(cycles, instant)
    assert calendar.nearest(instant) == nearest_by_brute_force(cycles, instant)


def test_of_two_equally_near_cycles_the_earlier_is_the_nearest():
    calendar = Calendar(
        [CalendarCycle(1, hour(0), hour(10), HOUR), CalendarCycle(2, hour(14), hour(24), HOUR)]
    )
    assert calendar.nearest(hour(12)).id == 1
    assert calendar.nearest(hour(12.5)).id == 2


def test_a_sleep_that_begins_more_than_three_hours_after_its_cycle_is_a_nap():
    assert not begins_as_nap(hour(0), hour(3))
    assert begins_as_nap(hour(0), hour(3) + timedelta(seconds=1))


@given(calendars(contiguous=True), moments)
def test_every_instant_after_the_first_start_belongs_to_one_cycle_and_its_day(cycles, instant):
    calendar = Calendar(cycles)
    containing = [cycle for cycle, end in calendar.spans() if cycle.start <= instant < end]
    assert len(containing) == (instant >= calendar.cycles[0].start)
    for cycle in containing:
        assert calendar.containing(instant) == cycle
        assert calendar.workout_day(start=instant, own_offset=timedelta(hours=9)) == cycle.day


@given(calendars(), moments, offsets)
def test_a_record_outside_all_cycles_gets_its_day_from_the_nearest_cycles_offset(cycles, instant, own):
    calendar = Calendar(cycles)
    nearest = nearest_by_brute_force(cycles, instant)
    offset = own if nearest is None else nearest.offset
    if containing_by_brute_force(cycles, instant) is None:
        assert calendar.workout_day(start=instant, own_offset=own) == local_date(instant, offset)
    unknown_cycle = {"cycle_id": 99, "start": instant, "own_offset": own}
    assert calendar.sleep_day(nap=False, **unknown_cycle) == cycle_day(instant, offset)
    assert calendar.sleep_day(nap=True, **unknown_cycle) == local_date(instant, offset)


@given(calendars(contiguous=True), st.data())
def test_a_record_with_a_known_cycle_has_the_cycles_day(cycles, data):
    calendar = Calendar(cycles)
    cycle, instant = data.draw(st.sampled_from(cycles)), data.draw(moments)
    for nap in (True, False):
        assert calendar.sleep_day(cycle_id=cycle.id, start=instant, nap=nap, own_offset=HOUR) == cycle.day
    day = calendar.recovery_day(cycle_id=cycle.id, sleep_day=date(2000, 1, 1), created_at=instant)
    assert day == cycle.day


def test_a_recovery_without_a_cycle_has_its_sleeps_day_else_the_day_of_its_creation():
    calendar = Calendar([CalendarCycle(1, hour(0), hour(24), timedelta(hours=-10))])
    unknown_cycle = {"cycle_id": 99, "created_at": hour(30)}
    assert calendar.recovery_day(sleep_day=date(2026, 4, 30), **unknown_cycle) == date(2026, 4, 30)
    assert calendar.recovery_day(sleep_day=None, **unknown_cycle) == local_date(
        hour(30), timedelta(hours=-10)
    )


def test_two_cycles_of_one_day_keep_their_own_records():
    calendar = Calendar(
        [CalendarCycle(1, hour(-2), hour(5), HOUR * 0), CalendarCycle(2, hour(5), hour(23), HOUR * 0)]
    )
    assert [cycle.day for cycle in calendar.cycles] == [date(2026, 5, 1)] * 2
    assert calendar.containing(hour(4.99)).id == 1
    assert calendar.containing(hour(5)).id == 2


def test_an_open_cycle_ends_at_the_start_of_the_next_cycle():
    calendar = Calendar([CalendarCycle(1, hour(0), None, HOUR), CalendarCycle(2, hour(24), None, HOUR)])
    assert calendar.containing(hour(23)).id == 1
    assert calendar.containing(hour(24)).id == 2
    assert calendar.containing(hour(24_000)).id == 2


@given(calendars(), moments, st.integers(0, 40), st.sets(st.integers(0, 6)))
def test_the_neighbours_of_a_span_are_the_nearest_unchanged_starts_outside_it(cycles, low, length, changed):
    high = low + length * HOUR
    before, after = Calendar(cycles).neighbours(low, high, without=frozenset(changed))
    unchanged = [cycle.start for cycle in cycles if cycle.id not in changed]
    assert before == max((start for start in unchanged if start < low), default=None)
    assert after == min((start for start in unchanged if start >= high), default=None)
