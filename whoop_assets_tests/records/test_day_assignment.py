"""Day assignment: in any order of arrival, records follow their cycle, and changed days are stale."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.records import day_assignment, upsert
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.whoop_api.streams import STREAMS
from whoop_assets.whoop_day import cycle_day, local_date
from whoop_assets_tests.support.data.factories import (
    MEMBER,
    NOW,
    UPDATED,
    at,
    cycle,
    recovery,
    rolled_back,
    rows,
    sleep,
    stale,
    workout,
)

OFFSETS = ("-10:00", "-03:30", "+00:00", "+05:30", "+13:00")


def test_a_workout_stored_before_its_cycle_moves_to_the_cycles_day_and_both_days_are_stale(database):
    with database.write([MEMBER]) as connection:
        # One in the morning: by its own date the 4th, but the cycle of the 3rd is still going on.
        upsert.store(connection, MEMBER, "workouts", [workout("w1", at(4, 1))], NOW)
        assert rows(connection, "workouts")["w1"]["day"] == date(2026, 5, 4)
        STALE_DAYS.clear(connection, STALE_DAYS.stale(connection))
        upsert.store(connection, MEMBER, "cycles", [cycle(1, at(3), at(4, 3))], NOW)
        assert rows(connection, "workouts")["w1"]["day"] == date(2026, 5, 3)
        assert stale(connection) == {date(2026, 5, 3), date(2026, 5, 4)}


def test_the_calendar_contains_the_members_cycles_of_the_present_transaction(database):
    # The calendar is cached only while its rows are unchanged.

    def known(connection, user_id):
        days = day_assignment.calendar(connection, user_id)
        return [(cycle.id, cycle.start, cycle.end, cycle.day) for cycle in days.cycles]

    first, longer = cycle(1, at(3), at(4)), cycle(1, at(3), at(4, 2), updated_at=UPDATED + timedelta(hours=1))
    day = date(2026, 5, 3)
    with database.write([MEMBER]) as connection:
        upsert.store(connection, MEMBER, "cycles", [first], NOW)
        assert known(connection, MEMBER) == [(1, at(3), at(4), day)]
        upsert.store(connection, MEMBER + 1, "cycles", [cycle(2, at(3), None, offset="-05:00")], NOW)
        upsert.store(connection, MEMBER, "cycles", [longer], NOW)
        assert known(connection, MEMBER) == [(1, at(3), at(4, 2), day)]
    with database.write([MEMBER]) as connection:
        upsert.delete_confirmed(connection, MEMBER, "cycles", {1: NOW + timedelta(hours=1)}, NOW)
        assert known(connection, MEMBER) == []
        assert known(connection, MEMBER + 1) == [(2, at(3), None, day)]
    with database.read() as connection:
        assert known(connection, MEMBER + 1) == [(2, at(3), None, day)]


def test_sleep_and_recovery_follow_a_cycle_that_moves_to_another_day(database):
    with database.write([MEMBER]) as connection:
        upsert.store(connection, MEMBER, "cycles", [cycle(1, at(3, 11), at(4, 6))], NOW)
        upsert.store(connection, MEMBER, "sleeps", [sleep("s1", 1, at(3, 11), at(3, 19))], NOW)
        upsert.store(connection, MEMBER, "recoveries", [recovery("s1", 1)], NOW)
        STALE_DAYS.clear(connection, STALE_DAYS.stale(connection))
        moved = cycle(1, at(3, 13), at(4, 6), updated_at=UPDATED + timedelta(hours=1))
        upsert.store(connection, MEMBER, "cycles", [moved], NOW)
        for table in ("cycles", "sleeps", "recoveries"):
            (row,) = rows(connection, table).values()
            assert row["day"] == date(2026, 5, 4)
        assert stale(connection) == {date(2026, 5, 3), date(2026, 5, 4)}


def test_records_after_the_end_of_a_closed_cycle_are_reassigned(database):
    with database.write([MEMBER]) as connection:
        upsert.store(connection, MEMBER, "cycles", [cycle(1, at(3, 0), None, offset="-10:00")], NOW)
        upsert.store(connection, MEMBER, "workouts", [workout("w1", at(6, 12))], NOW)
        assert rows(connection, "workouts")["w1"]["day"] == cycle_day(at(3, 0), timedelta(hours=-10))
        closed = cycle(1, at(3, 0), at(4, 0), offset="-10:00", updated_at=UPDATED + timedelta(hours=1))
        upsert.store(connection, MEMBER, "cycles", [closed], NOW)
        assert rows(connection, "workouts")["w1"]["day"] == local_date(at(6, 12), timedelta(hours=-10))


def test_a_recovery_has_the_times_of_its_sleep_and_the_offset_of_its_cycle(database):
    with database.write([MEMBER]) as connection:
        upsert.store(connection, MEMBER, "recoveries", [recovery("s1", 1)], NOW)
        upsert.store(connection, MEMBER, "cycles", [cycle(1, at(3), at(4), offset="+05:30")], NOW)
        (row,) = rows(connection, "recoveries").values()
        assert (row["start_time"], row["end_time"], row["timezone_offset"]) == (at(3), None, "+05:30")
        upsert.store(connection, MEMBER, "sleeps", [sleep("s1", 1, at(3, 1), at(3, 8))], NOW)
        (row,) = rows(connection, "recoveries").values()
        assert (row["start_time"], row["end_time"]) == (at(3, 1), at(3, 8))


@pytest.mark.parametrize("offset", ["-10:00", "-03:30", "-00:30", "+00:00", "+05:30"])
def test_a_recovery_has_the_offset_as_whoop_writes_it(database, offset):
    with database.write([MEMBER]) as connection:
        upsert.store(connection, MEMBER, "cycles", [cycle(1, at(3), at(4), offset=offset)], NOW)
        upsert.store(connection, MEMBER, "recoveries", [recovery("s1", 1)], NOW)
        assert rows(connection, "recoveries")["s1"]["timezone_offset"] == offset


def test_a_deleted_record_stays_on_its_day(database):
    with database.write([MEMBER]) as connection:
        upsert.store(connection, MEMBER, "workouts", [workout("w1", at(4, 1))], NOW)
        upsert.delete_confirmed(connection, MEMBER, "workouts", {"w1": NOW}, NOW)
        before = rows(connection, "workouts")
        STALE_DAYS.clear(connection, STALE_DAYS.stale(connection))
        upsert.store(connection, MEMBER, "cycles", [cycle(1, at(3), at(4, 3))], NOW + timedelta(hours=1))
        assert rows(connection, "workouts") == before
        assert stale(connection) == {date(2026, 5, 3)}


def test_a_new_latest_cycle_makes_the_day_of_the_one_before_stale(database):
    with database.write([MEMBER]) as connection:
        upsert.store(connection, MEMBER, "cycles", [cycle(1, at(3), None)], NOW)
        STALE_DAYS.clear(connection, STALE_DAYS.stale(connection))
        upsert.store(connection, MEMBER, "cycles", [cycle(2, at(4, 1), None)], NOW)
        assert stale(connection) == {date(2026, 5, 3), date(2026, 5, 4)}


@st.composite
def lives(draw):
    """Some days of a member: cycles with gaps, travel and overlaps, and records anywhere in them."""
    cycles, sleeps, recoveries, workouts = [], [], [], []
    start = at(2, draw(st.integers(-6, 6)))
    for number in range(draw(st.integers(1, 6))):
        end = start + timedelta(hours=draw(st.integers(4, 40)))
        is_open = draw(st.integers(0, 5)) == 0
        offset = draw(st.sampled_from(OFFSETS))
        cycles.append(cycle(number + 1, start, None if is_open else end, offset=offset))
        start = end + timedelta(hours=draw(st.sampled_from((0, 0, 0, 1, 30, -2))))
    hours = st.integers(-24, 9 * 24)
    for number in range(draw(st.integers(0, 5))):
        begin = at(2, draw(hours))
        key, cycle_id = f"s{number}", draw(st.integers(1, 7))
        sleeps.append(
            sleep(
                key,
                cycle_id,
                begin,
                begin + timedelta(hours=draw(st.integers(1, 9))),
                nap=draw(st.booleans()),
                offset=draw(st.sampled_from(OFFSETS)),
            )
        )
        if draw(st.booleans()):
            recoveries.append(recovery(key, cycle_id, created_at=begin + timedelta(hours=9)))
    if draw(st.booleans()):
        recoveries.append(recovery("unknown sleep", draw(st.integers(1, 7)), created_at=at(2, draw(hours))))
    for number in range(draw(st.integers(0, 5))):
        workouts.append(workout(f"w{number}", at(2, draw(hours)), offset=draw(st.sampled_from(OFFSETS))))
    return {"cycles": cycles, "sleeps": sleeps, "recoveries": recoveries, "workouts": workouts}


def earlier_word_on(answer):
    """Return an earlier version of a cycle: open, begun an hour later, in another time zone."""
    fields = answer.fields
    return cycle(
        answer.key,
        fields["start_time"] + timedelta(hours=1),
        None,
        offset="+00:00",
        updated_at=UPDATED - timedelta(hours=1),
        requested_at=NOW - timedelta(hours=1),
    )


@st.composite
def arrivals(draw):
    """A member's records in any order and any batches; some cycles come twice, an earlier state first."""
    life = draw(lives())
    loose = [(stream, answer) for stream in STREAMS for answer in life[stream]]
    loose += [("cycles", earlier_word_on(answer)) for answer in life["cycles"] if draw(st.booleans())]
    shuffled = draw(st.permutations(loose))
    batches = []
    while shuffled:
        stream, size = shuffled[0][0], draw(st.integers(1, 4))
        batch = [answer for kind, answer in shuffled if kind == stream][:size]
        shuffled = [item for item in shuffled if item[1] not in batch]
        batches.append((stream, batch))
    return life, batches


def filed(connection):
    """Where every existing record is filed, without what says when we did something."""
    names = ("day", "start_time", "end_time", "timezone_offset", "content_hash")
    return {
        (stream, key): {name: row[name] for name in names}
        for stream in STREAMS
        for key, row in rows(connection, stream).items()
        if row["deleted_at"] is None
    }


@given(arrivals())
def test_the_days_of_records_do_not_depend_on_the_order_of_arrival(database, arrival):
    life, batches = arrival
    with rolled_back(database) as connection:
        for stream in STREAMS:
            upsert.store(connection, MEMBER, stream, life[stream], NOW)
        at_once = filed(connection)
    with rolled_back(database) as connection:
        for stream, batch in batches:
            upsert.store(connection, MEMBER, stream, batch, NOW)
        assert filed(connection) == at_once
        # And that is where the rule alone puts them.
        days = day_assignment.calendar(connection, MEMBER)
        sleeps = day_assignment.sleep_times(connection, [answer.key for answer in life["sleeps"]])
        for stream in STREAMS:
            for answer in life[stream]:
                for name, value in day_assignment.assigned_columns(
                    STREAMS[stream], answer.fields, days, sleeps
                ).items():
                    assert at_once[stream, answer.key][name] == value


def days_as_they_stand(connection):
    """Each day's records, and whether it holds the member's latest cycle: what its summary depends on."""
    found = {}
    for key, row in filed(connection).items():
        found.setdefault(row["day"], set()).add((key, *row.values()))
    latest = upsert.latest_cycle(connection, MEMBER)
    if latest is not None:
        found.setdefault(latest[1], set()).add(("latest cycle", latest[0]))
    return found


@given(arrivals(), st.data())
def test_every_changed_day_is_stale_afterwards(database, arrival, data):
    life, batches = arrival
    with rolled_back(database) as connection:
        for stream, batch in batches:
            before = days_as_they_stand(connection)
            STALE_DAYS.clear(connection, STALE_DAYS.stale(connection))
            upsert.store(connection, MEMBER, stream, batch, NOW)
            after = days_as_they_stand(connection)
            changed = {day for day in before.keys() | after.keys() if before.get(day) != after.get(day)}
            assert changed <= stale(connection)
        deleted = data.draw(st.sampled_from([(stream, a) for stream in STREAMS for a in life[stream]]))
        before = days_as_they_stand(connection)
        STALE_DAYS.clear(connection, STALE_DAYS.stale(connection))
        upsert.delete_confirmed(
            connection, MEMBER, deleted[0], {deleted[1].key: NOW + timedelta(hours=1)}, NOW
        )
        after = days_as_they_stand(connection)
        changed = {day for day in before.keys() | after.keys() if before.get(day) != after.get(day)}
        assert changed
        assert changed <= stale(connection)
        # A further day assignment changes no day.
        days = day_assignment.calendar(connection, MEMBER)
        everything = day_assignment.AffectedRecords(day_assignment.BEGINNING, day_assignment.END)
        assert day_assignment.reassign_days(connection, MEMBER, everything, days, NOW) == set()
