"""Attempts: counted from their beginning, retried, parked after the last, closed by a later response."""

from datetime import date, timedelta

import pytest

from whoop_assets.db.database import Database
from whoop_assets.records import upsert
from whoop_assets.webhooks import attempts, inbox
from whoop_assets.webhooks.attempts import ATTEMPT_TIMEOUT, MAX_ATTEMPTS, RETRY_DELAYS
from whoop_assets_tests.support.data.factories import MEMBER, NOW, at, cycle, recovery, sleep, workout
from whoop_assets_tests.support.manual_clock import ManualClock
from whoop_assets_tests.support.processes import together
from whoop_assets_tests.webhooks.test_inbox import SLEEP, delivery, events, home, receive

__all__ = ["home"]
SECOND = timedelta(seconds=1)


@pytest.fixture
def event_database(home):
    receive(home, delivery())
    return home


def begin(database, now, *names):
    with database.write() as connection:
        return [event.trace_id for event in attempts.begin_attempt(connection, names or ["t1"], now)]


def test_an_attempt_begins_once_and_is_due_again_after_its_timeout(event_database):
    assert begin(event_database, NOW) == ["t1"]
    assert begin(event_database, NOW) == []
    event = events(event_database)["t1"]
    assert (event.attempts, event.next_attempt_at) == (1, NOW + ATTEMPT_TIMEOUT)
    assert begin(event_database, NOW + ATTEMPT_TIMEOUT) == ["t1"]


def begin_at(url):
    database = Database(url, ManualClock(NOW))
    found = begin(database, NOW, *(f"t{number}" for number in range(30)))
    database.close()
    return found


@pytest.mark.slow
def test_each_event_is_claimed_by_one_of_several_processes(home, database_url):
    receive(home, *(delivery(f"t{number}") for number in range(30)))
    started = together(3, begin_at, database_url)
    assert sorted(name for names in started for name in names) == sorted(events(home))


def test_delays_grow_and_the_last_failure_parks_the_event(event_database):
    now = NOW
    for number in range(MAX_ATTEMPTS):
        assert begin(event_database, now) == ["t1"], number
        with event_database.write() as connection:
            attempts.failed(connection, ["t1"], "WHOOP has a fault.", now)
        event = events(event_database)["t1"]
        assert event.last_error == "WHOOP has a fault."
        if number < len(RETRY_DELAYS):
            assert event.next_attempt_at == now + RETRY_DELAYS[number]
            assert begin(event_database, event.next_attempt_at - SECOND) == []
            now = event.next_attempt_at
    assert list(RETRY_DELAYS) == sorted(RETRY_DELAYS)
    assert (event.state, event.next_attempt_at) == ("parked", None)
    assert event.reason == f"{MAX_ATTEMPTS} attempts failed; the last one: WHOOP has a fault."


def test_an_event_that_crashes_its_process_is_parked(event_database):
    now = NOW
    for _ in range(MAX_ATTEMPTS):
        assert begin(event_database, now) == ["t1"]
        now = events(event_database)["t1"].next_attempt_at
    assert begin(event_database, now) == []
    event = events(event_database)["t1"]
    assert (event.state, event.begun_by) == ("parked", None)
    assert event.reason == f"{MAX_ATTEMPTS} attempts failed; the last one: it reported no end."
    with event_database.write() as connection:
        assert inbox.replay(connection, [delivery()], now) == {"t1": None}
    assert begin(event_database, now) == ["t1"]


def test_an_attempt_that_reports_no_end_is_due_again_no_sooner_than_a_failed_one(event_database):
    now = NOW
    for delay in (*RETRY_DELAYS, RETRY_DELAYS[-1]):
        begin(event_database, now)
        again = events(event_database)["t1"].next_attempt_at
        assert again == now + max(ATTEMPT_TIMEOUT, delay)
        now = again


def begin_in_a_run(database, now):
    with database.write() as connection:
        (event,) = attempts.begin_attempt(connection, ["t1"], now, "run 1")
    assert (event, event.begun_by) == (events(database)["t1"], "run 1")


def test_an_event_names_the_run_of_its_attempt_until_the_attempt_ends(event_database):
    ends = [
        lambda connection: attempts.failed(connection, ["t1"], "A fault.", NOW),
        lambda connection: attempts.postpone(connection, ["t1"], "No requests left.", NOW),
        lambda connection: attempts.park(connection, ["t1"], "Not connected."),
        lambda connection: attempts.close(
            connection, MEMBER, {("sleeps", SLEEP): NOW + SECOND}, NOW, "run 1"
        ),
    ]
    for end in ends:
        with event_database.write() as connection:
            inbox.replay(connection, [delivery()], NOW)
        begin_in_a_run(event_database, NOW)
        with event_database.write() as connection:
            end(connection)
        assert events(event_database)["t1"].begun_by is None


def test_a_postponed_event_counts_no_attempt(event_database):
    begin(event_database, NOW)
    for _ in range(2):
        with event_database.write() as connection:
            attempts.postpone(connection, ["t1"], "The day's requests are spent.", NOW + timedelta(hours=5))
    event = events(event_database)["t1"]
    assert (event.attempts, event.next_attempt_at) == (0, NOW + timedelta(hours=5))
    assert event.last_error == "The day's requests are spent."


def test_only_a_request_sent_after_the_event_came_closes_it(event_database):
    with event_database.write() as connection:
        for asked in (NOW - SECOND, NOW):
            assert attempts.close(connection, MEMBER, {("sleeps", SLEEP): asked}, NOW + SECOND, "run-1") == 0
        assert (
            attempts.close(connection, MEMBER, {("sleeps", SLEEP): NOW + SECOND}, NOW + SECOND, "run-1") == 1
        )
    event = events(event_database)["t1"]
    assert (event.state, event.closed_at, event.closed_by) == ("done", NOW + SECOND, "run-1")
    assert event.next_attempt_at is None


def test_one_response_closes_all_events_of_its_record_and_no_others(home):
    receive(
        home,
        delivery("a"),
        delivery("b", kind="sleep.deleted"),
        delivery("c", kind="recovery.updated"),
        delivery("d", key="another"),
        delivery("e", user_id=99),
    )
    receive(home, delivery("f"), at=NOW + timedelta(minutes=1))
    asked = {("sleeps", SLEEP): NOW + SECOND, ("sleeps", "unheard of"): NOW + SECOND}
    with home.write() as connection:
        assert attempts.close(connection, MEMBER, asked, NOW + SECOND, "run") == 2
        assert [event.trace_id for event in attempts.open_of(connection, MEMBER)] == ["c", "d", "f"]
    assert set(events(home, state="done")) == {"a", "b"}


def test_a_rollback_leaves_the_event_open(event_database):
    with event_database.write() as connection:
        attempts.close(connection, MEMBER, {("sleeps", SLEEP): NOW + SECOND}, NOW, "run")
        connection.rollback()
    assert events(event_database)["t1"].state == "open"


def test_events_done_or_parked_meanwhile_stay_so(event_database):
    receive(event_database, delivery("t2", key="another"))
    begin(event_database, NOW, "t1", "t2")
    with event_database.write() as connection:
        attempts.close(connection, MEMBER, {("sleeps", SLEEP): NOW + SECOND}, NOW, "run")
        attempts.park(connection, ["t1", "t2", "t3"], "The member must be connected again.")
        for late in (attempts.failed, attempts.postpone):
            late(connection, ["t1", "t2", "t3"], "Late.", NOW)
    assert {name: event.state for name, event in events(event_database).items()} == {
        "t1": "done",
        "t2": "parked",
    }
    assert events(event_database)["t2"].reason == "The member must be connected again."
    assert begin(event_database, NOW + timedelta(days=9), "t1", "t2") == []


def test_due_events_are_listed_longest_waiting_first(home):
    receive(home, delivery("late", key="1"), at=NOW)
    receive(home, delivery("early", key="2"), at=NOW - timedelta(hours=1))
    with home.read() as connection:
        assert [event.trace_id for event in attempts.due(connection, NOW)] == ["early", "late"]
        assert [event.trace_id for event in attempts.due(connection, NOW, limit=1)] == ["early"]


def test_events_due_at_the_same_time_are_listed_in_order_of_receipt(home):
    receive(home, delivery("a", key="1"), delivery("c", key="2"), at=NOW)
    receive(home, delivery("b", key="3"), at=NOW - SECOND)
    with home.write() as connection:
        attempts.postpone(connection, ["a", "b", "c"], "Later.", NOW + SECOND)
        due = attempts.due(connection, NOW + SECOND)
        assert [event.trace_id for event in due] == ["b", "a", "c"]
        assert [event.trace_id for event in attempts.open_of(connection, MEMBER)] == ["b", "a", "c"]


def test_an_event_gets_its_records_day_else_the_members_local_day(home):
    with home.write([MEMBER]) as connection:
        upsert.store(connection, MEMBER, "cycles", [cycle(1, at(3), at(4), offset="+13:00")], NOW)
        upsert.store(connection, MEMBER, "sleeps", [sleep("s", 1, at(3), at(3, 8))], NOW)
        upsert.store(connection, MEMBER, "recoveries", [recovery("s", 1)], NOW)
        upsert.store(connection, MEMBER, "workouts", [workout("w", at(3, 12))], NOW)
    receive(
        home,
        delivery("a", key="s"),
        delivery("b", kind="recovery.updated", key="s"),
        delivery("c", kind="workout.deleted", key="w"),
        delivery("d"),
        delivery("e", user_id=99),
    )
    with home.write() as connection:
        days = attempts.days_of(connection, inbox.listed(connection))
        day = records_day(connection)
        assert days == {
            **dict.fromkeys(("a", "b", "c"), day),
            "d": date(2026, 11, 22),  # NOW is the 21st at 12:00 UTC, where they are the 22nd at 01:00
            "e": date(2026, 11, 21),
        }
        attempts.set_days(connection, {"a": days["a"], "d": days["d"]})
    assert events(home)["a"].day == day
    assert events(home)["c"].day is None


def records_day(connection):
    from whoop_assets_tests.support.data.factories import rows

    return rows(connection, "sleeps")["s"]["day"]
