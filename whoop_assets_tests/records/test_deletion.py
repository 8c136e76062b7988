"""Deletion requires WHOOP's confirmation and no later read of the record, and can be undone."""

from datetime import date, timedelta

from whoop_assets.records import upsert
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets_tests.support.data.factories import (
    MEMBER,
    NOW,
    at,
    cycle,
    recovery,
    rows,
    sleep,
    stale,
    workout,
)

LATER = NOW + timedelta(minutes=5)


def store_a_night(connection, requested_at=NOW):
    upsert.store(connection, MEMBER, "cycles", [cycle(1, at(3), at(4), requested_at=requested_at)], NOW)
    upsert.store(
        connection, MEMBER, "sleeps", [sleep("s1", 1, at(3), at(3, 8), requested_at=requested_at)], NOW
    )
    upsert.store(connection, MEMBER, "recoveries", [recovery("s1", 1, requested_at=requested_at)], NOW)


def summaries_are_built(connection):
    STALE_DAYS.clear(connection, STALE_DAYS.stale(connection))


def test_deleting_a_sleep_deletes_its_recovery_and_marks_the_day_stale(database):
    with database.write([MEMBER]) as connection:
        store_a_night(connection)
        summaries_are_built(connection)
        result = upsert.delete_confirmed(connection, MEMBER, "sleeps", {"s1": LATER}, LATER)
        assert result.deleted == 2
        assert rows(connection, "sleeps")["s1"]["deleted_at"] == LATER
        assert rows(connection, "recoveries")["s1"]["deleted_at"] == LATER
        assert stale(connection) == {date(2026, 5, 3)}


def test_a_record_confirmed_after_the_404_stays(database):
    with database.write([MEMBER]) as connection:
        store_a_night(connection, requested_at=LATER)
        result = upsert.delete_confirmed(connection, MEMBER, "sleeps", {"s1": NOW}, LATER)
        assert result.deleted == 0
        assert rows(connection, "sleeps")["s1"]["deleted_at"] is None
        assert rows(connection, "recoveries")["s1"]["deleted_at"] is None


def test_a_404_for_one_member_deletes_no_record_of_another(database):
    with database.write([MEMBER]) as connection:
        store_a_night(connection)
        assert upsert.delete_confirmed(connection, MEMBER + 1, "sleeps", {"s1": LATER}, LATER).deleted == 0


def test_deleting_twice_is_deleting_once(database):
    with database.write([MEMBER]) as connection:
        store_a_night(connection)
        upsert.delete_confirmed(connection, MEMBER, "sleeps", {"s1": LATER}, LATER)
        summaries_are_built(connection)
        again = upsert.delete_confirmed(
            connection, MEMBER, "sleeps", {"s1": LATER + timedelta(hours=1)}, LATER
        )
        assert again.deleted == 0
        assert stale(connection) == set()
        assert rows(connection, "sleeps")["s1"]["deleted_at"] == LATER


def test_a_record_that_reappears_is_undeleted_with_its_new_content(database):
    with database.write([MEMBER]) as connection:
        upsert.store(connection, MEMBER, "workouts", [workout("w1", at(3, 9))], NOW)
        upsert.delete_confirmed(connection, MEMBER, "workouts", {"w1": LATER}, LATER)
        summaries_are_built(connection)
        back = workout("w1", at(3, 9), requested_at=LATER + timedelta(hours=1))
        result = upsert.store(connection, MEMBER, "workouts", [back], LATER + timedelta(hours=1))
        row = rows(connection, "workouts")["w1"]
        assert (result.changed, row["deleted_at"]) == (1, None)
        assert row["first_seen_at"] == NOW
        assert stale(connection) == {date(2026, 5, 3)}


def test_a_response_from_before_the_deletion_does_not_undelete(database):
    with database.write([MEMBER]) as connection:
        upsert.store(connection, MEMBER, "workouts", [workout("w1", at(3, 9))], NOW)
        upsert.delete_confirmed(connection, MEMBER, "workouts", {"w1": LATER}, LATER)
        late = workout("w1", at(3, 9), sport_name="cycling", requested_at=LATER - timedelta(seconds=1))
        assert upsert.store(connection, MEMBER, "workouts", [late], LATER).superseded == 1
        assert rows(connection, "workouts")["w1"]["deleted_at"] == LATER


def test_records_of_a_deleted_cycle_are_assigned_by_the_nearest_cycle(database):
    with database.write([MEMBER]) as connection:
        known = [cycle(1, at(3), at(4), offset="-10:00"), cycle(2, at(4), at(5), offset="-10:00")]
        upsert.store(connection, MEMBER, "cycles", known, NOW)
        upsert.store(connection, MEMBER, "workouts", [workout("w1", at(4, 5))], NOW)
        assert rows(connection, "workouts")["w1"]["day"] == date(2026, 5, 4)
        summaries_are_built(connection)
        upsert.delete_confirmed(connection, MEMBER, "cycles", {2: LATER}, LATER)
        # By the clock of the cycle before, ten hours behind UTC, it was still the evening of the 3rd.
        assert rows(connection, "workouts")["w1"]["day"] == date(2026, 5, 3)
        assert stale(connection) == {date(2026, 5, 3), date(2026, 5, 4)}


def test_the_keys_within_a_span_are_those_of_existing_records_that_start_in_it(database):
    with database.write([MEMBER]) as connection:
        known = [workout(f"w{hour}", at(3, hour)) for hour in (8, 9, 10, 11)]
        upsert.store(connection, MEMBER, "workouts", known, NOW)
        upsert.delete_confirmed(connection, MEMBER, "workouts", {"w9": LATER}, LATER)
        span = upsert.Span(at(3, 8), at(3, 11))
        assert upsert.keys_within(connection, MEMBER, "workouts", span) == {"w8", "w10"}


def test_the_keys_of_days_outside_a_span_are_those_of_existing_records_that_start_before_or_after_it(
    database,
):
    with database.write([MEMBER]) as connection:
        known = [workout(f"w{hour}", at(3, hour)) for hour in (7, 8, 9, 10, 11, 12)]
        known += [workout("the day before", at(2, 23)), workout("the day after", at(4, 0))]
        upsert.store(connection, MEMBER, "workouts", known, NOW)
        upsert.store(connection, MEMBER + 1, "workouts", [workout("another member", at(3, 7))], NOW)
        upsert.delete_confirmed(connection, MEMBER, "workouts", {"w12": LATER}, LATER)
        day, span = date(2026, 5, 3), upsert.Span(at(3, 8), at(3, 10))
        found = upsert.keys_of_days_outside(connection, MEMBER, "workouts", day, day, span)
        assert found == {"w7", "w10", "w11"}
