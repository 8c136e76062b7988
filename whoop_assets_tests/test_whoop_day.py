"""The day rule: the day of each record, in any time zone and for any sleeping times."""

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
    """A local time and the offset of its zone then."""
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))
    return moment.astimezone(UTC), moment.utcoffset()


def day_of(text, zone):
    return cycle_day(*local(text, zone))


def test_a_cycle_that_begins_in_the_evening_belongs_to_the_day_its_member_wakes_into():
    assert day_of("2026-11-19T22:40", "Europe/Berlin") == date(2026, 11, 20)


def test_a_cycle_that_begins_after_midnight_belongs_to_the_same_date():
    assert day_of("2026-11-20T01:30", "Europe/Berlin") == date(2026, 11, 20)


def test_a_night_shift_that_sleeps_from_nine_in_the_morning_keeps_one_day_a_sleep():
    starts = [f"2026-11-{day}T09:05" for day in (16, 17, 18, 19)]
    assert [day_of(start, "America/Chicago").day for start in starts] == [16, 17, 18, 19]


def test_noon_is_where_one_day_ends_and_the_next_begins():
    assert day_of("2026-11-20T11:59", "Asia/Tokyo") == date(2026, 11, 20)
    assert day_of("2026-11-20T12:00", "Asia/Tokyo") == date(2026, 11, 21)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
@pytest.mark.parametrize("bedtime", ["20:30", "23:50", "00:20", "02:30", "04:00"])
def test_a_year_with_both_changes_of_the_clock_has_one_cycle_a_day(zone, bedtime):
    evening = bedtime >= "12:00"
    wakes = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    starts = [f"{wake - timedelta(days=1) if evening else wake}T{bedtime}" for wake in wakes]
    assert [day_of(start, zone) for start in starts] == wakes


def test_flying_east_over_night_skips_no_day():
    # Asleep in New York on the 1st, over the Atlantic at 23:00 New York time, in Paris on the 3rd.
    nights = [
        ("2026-06-01T23:00", "America/New_York"),
        ("2026-06-02T23:00", "America/New_York"),
        ("2026-06-03T23:30", "Europe/Paris"),
    ]
    assert [day_of(*night).day for night in nights] == [2, 3, 4]


def test_flying_west_over_the_date_line_lives_a_date_twice_and_loses_no_cycle():
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
def test_offsets_are_read_as_whoop_writes_them(text, minutes):
    assert parse_offset(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize(
    "text", ["", "z", "UTC", "+5:30", "05:30", "+0530", "+05:30 ", "+05:3a", "+05:30\n", "٠5:30"]
)
def test_what_is_no_offset_is_refused(text):
    with pytest.raises(ValueError, match="is not an offset"):
        parse_offset(text)


offsets = st.integers(-12 * 4, 14 * 4).map(lambda quarters: timedelta(minutes=15 * quarters))
instants = st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


@given(instants, offsets)
@example(datetime(2026, 4, 29, 22, tzinfo=UTC), timedelta(hours=14))
@example(datetime(2026, 5, 1, 23, 59, 59, tzinfo=UTC), timedelta(hours=-12))
def test_every_cycle_of_a_day_starts_within_the_days_utc_bounds_wherever_on_earth(start, offset):
    day = cycle_day(start, offset)
    low, high = utc_bounds(day, day)
    assert low <= start < high
    wide_low, wide_high = utc_bounds(day - timedelta(days=3), day + timedelta(days=2))
    assert wide_low <= low
    assert high <= wide_high


def test_the_utc_bounds_are_no_wider_than_the_earth():
    low, high = utc_bounds(date(2026, 5, 1), date(2026, 5, 1))
    assert cycle_day(low, timedelta(hours=14)) == date(2026, 5, 1)
    assert cycle_day(high - timedelta(seconds=1), timedelta(hours=-12)) == date(2026, 5, 1)
    assert high - low == 50 * HOUR


@st.composite
def calendars(draw, contiguous=False):
    """Cycles with gaps, overlaps and open ends; or each from the end of the one before, the last one open."""
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
    """Each cycle with its end: its own, else the start of the next, else never; by start."""
    ordered = sorted(cycles, key=lambda cycle: (cycle.start, cycle.id))
    never = datetime.max.replace(tzinfo=UTC)
    following = [cycle.start for cycle in ordered[1:]] + [never]
    return [(cycle, cycle.end or after) for cycle, after in zip(ordered, following, strict=False)]


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
def test_the_containing_and_the_nearest_cycle_are_those_that_looking_at_all_finds(cycles, instant):
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
def test_every_instant_from_the_first_cycle_on_belongs_to_one_cycle_and_its_day(cycles, instant):
    calendar = Calendar(cycles)
    holding = [cycle for cycle, end in calendar.spans() if cycle.start <= instant < end]
    assert len(holding) == (instant >= calendar.cycles[0].start)
    for cycle in holding:
        assert calendar.containing(instant) == cycle
        assert calendar.workout_day(start=instant, own_offset=timedelta(hours=9)) == cycle.day


@given(calendars(), moments, offsets)
def test_a_record_outside_all_cycles_is_filed_by_the_clock_of_the_nearest(cycles, instant, own):
    calendar = Calendar(cycles)
    nearest = nearest_by_brute_force(cycles, instant)
    offset = own if nearest is None else nearest.offset
    if containing_by_brute_force(cycles, instant) is None:
        assert calendar.workout_day(start=instant, own_offset=own) == local_date(instant, offset)
    stray = {"cycle_id": 99, "start": instant, "own_offset": own}
    assert calendar.sleep_day(nap=False, **stray) == cycle_day(instant, offset)
    assert calendar.sleep_day(nap=True, **stray) == local_date(instant, offset)


@given(calendars(contiguous=True), st.data())
def test_a_record_that_names_its_cycle_is_on_the_cycles_day_whenever_it_was(cycles, data):
    calendar = Calendar(cycles)
    cycle, when = data.draw(st.sampled_from(cycles)), data.draw(moments)
    for nap in (True, False):
        assert calendar.sleep_day(cycle_id=cycle.id, start=when, nap=nap, own_offset=HOUR) == cycle.day
    day = calendar.recovery_day(cycle_id=cycle.id, sleep_day=date(2000, 1, 1), created_at=when)
    assert day == cycle.day


def test_a_recovery_without_a_cycle_is_on_its_sleeps_day_and_without_a_sleep_on_the_day_it_was_made():
    calendar = Calendar([CalendarCycle(1, hour(0), hour(24), timedelta(hours=-10))])
    stray = {"cycle_id": 99, "created_at": hour(30)}
    assert calendar.recovery_day(sleep_day=date(2026, 4, 30), **stray) == date(2026, 4, 30)
    assert calendar.recovery_day(sleep_day=None, **stray) == local_date(hour(30), timedelta(hours=-10))


def test_two_cycles_can_share_a_day_and_each_keeps_its_own_records():
    calendar = Calendar(
        [CalendarCycle(1, hour(-2), hour(5), HOUR * 0), CalendarCycle(2, hour(5), hour(23), HOUR * 0)]
    )
    assert [cycle.day for cycle in calendar.cycles] == [date(2026, 5, 1)] * 2
    assert calendar.containing(hour(4.99)).id == 1
    assert calendar.containing(hour(5)).id == 2


def test_a_cycle_read_while_open_does_not_swallow_what_its_successor_holds():
    calendar = Calendar([CalendarCycle(1, hour(0), None, HOUR), CalendarCycle(2, hour(24), None, HOUR)])
    assert calendar.containing(hour(23)).id == 1
    assert calendar.containing(hour(24)).id == 2
    assert calendar.containing(hour(24_000)).id == 2


@given(calendars(), moments, st.integers(0, 40), st.sets(st.integers(0, 6)))
def test_the_neighbours_of_a_span_are_the_cycles_that_a_change_in_it_can_reach(cycles, low, length, changed):
    high = low + length * HOUR
    before, after = Calendar(cycles).neighbours(low, high, without=frozenset(changed))
    others = [cycle.start for cycle in cycles if cycle.id not in changed]
    assert before == max((start for start in others if start < low), default=None)
    assert after == min((start for start in others if start >= high), default=None)
