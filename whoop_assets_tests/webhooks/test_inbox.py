"""The inbox stores each event once, parks events of other users, and can replay done events."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from whoop_assets.db.database import Database
from whoop_assets.errors import UnknownEvent
from whoop_assets.members import store as member_store
from whoop_assets.sync.members import membership
from whoop_assets.webhooks import attempts, inbox
from whoop_assets.webhooks.inbox import Delivery
from whoop_assets_tests.support.data.factories import MEMBER, NOW
from whoop_assets_tests.support.manual_clock import ManualClock
from whoop_assets_tests.support.processes import together

SLEEP = "ecfc6a15-4661-442f-a9a4-f160dd7afae8"
STRANGER = 99
NOBODY = {"email": None, "first_name": None, "last_name": None}


def delivery(trace_id="t1", *, user_id=MEMBER, kind="sleep.updated", key=SLEEP, refusal=None):
    stream = {"sleep": "sleeps", "recovery": "recoveries", "workout": "workouts"}.get(kind.split(".")[0])
    payload = json.dumps({"user_id": user_id, "id": key, "type": kind, "trace_id": trace_id})
    return Delivery(trace_id, user_id, kind, key, stream, refusal, payload, NOW - timedelta(seconds=1))


@pytest.fixture
def home(database):
    with database.write() as connection:
        member_store.connect(connection, MEMBER, ["offline"], NOBODY, NOW)
    return database


def receive(database, *deliveries, at=NOW):
    with database.write() as connection:
        return inbox.receive(connection, deliveries, at)


def events(database, **which):
    with database.read() as connection:
        return {event.trace_id: event for event in inbox.listed(connection, **which)}


def test_a_members_event_is_open_and_due_at_once(home):
    assert receive(home, delivery()) == ["open"]
    event = events(home)["t1"]
    assert (event.user_id, event.event_type, event.record_id, event.stream) == (
        MEMBER,
        "sleep.updated",
        SLEEP,
        "sleeps",
    )
    assert (event.state, event.attempts, event.received_at, event.next_attempt_at) == ("open", 0, NOW, NOW)
    assert event.sent_at == NOW - timedelta(seconds=1)
    with home.read() as connection:
        assert attempts.due(connection, NOW) == [event]
        assert attempts.due(connection, NOW - timedelta(seconds=1)) == []


def test_a_duplicate_delivery_changes_no_event(home):
    assert receive(home, delivery(), delivery()) == ["open", "duplicate"]
    before = events(home)
    assert receive(home, delivery(), delivery("t2"), at=NOW + timedelta(hours=1)) == ["duplicate", "open"]
    assert events(home)["t1"] == before["t1"]


def test_two_changes_with_one_trace_id_are_both_stored(home):
    """A sleep's edit changes its recovery too, and WHOOP does not say that trace ids are unique."""
    both = [delivery(), delivery(kind="recovery.updated")]
    assert receive(home, *both) == ["open", "open"]
    assert receive(home, *both[::-1]) == ["duplicate", "duplicate"]
    assert sorted(event.event_type for event in events(home).values()) == [
        "recovery.updated",
        "sleep.updated",
    ]


def test_events_of_other_users_and_disconnected_members_are_parked(home):
    with home.write() as connection:
        member_store.connect(connection, 5, ["offline"], NOBODY, NOW)
        member_store.set_status(connection, 5, member_store.DISCONNECTED)
        member_store.connect(connection, 6, ["offline"], NOBODY, NOW)
        member_store.set_status(connection, 6, member_store.RECONNECTION_NEEDED)
    assert receive(
        home, delivery("a", user_id=STRANGER), delivery("b", user_id=5), delivery("c", user_id=6)
    ) == [
        "parked",
        "parked",
        "open",
    ]
    assert events(home)["a"].reason == inbox.NOT_A_MEMBER
    assert events(home)["a"].next_attempt_at is None


def test_a_refused_event_is_parked_with_its_reason(home):
    assert receive(home, delivery(kind="cycle.updated", refusal="Not known.")) == ["parked"]
    event = events(home, state="parked")["t1"]
    assert (event.reason, event.stream) == ("Not known.", None)


def test_the_payload_is_stored_unchanged(home):
    payload = '{"user_id": 10129,  "more": "\\u0000 \\ud800 é", "n": 1e999}'
    receive(home, replace(delivery(), payload=payload))
    with home.read() as connection:
        assert inbox.stored(connection, "t1") == (events(home)["t1"], payload)
        with pytest.raises(UnknownEvent, match="events list"):
            inbox.stored(connection, "t2")


def store_at(url, names):
    database = Database(url, ManualClock(NOW))
    found = [receive(database, *(delivery(name) for name in lot)) for lot in names]
    database.close()
    return [outcome for outcomes in found for outcome in outcomes]


@pytest.mark.slow
def test_processes_that_store_the_same_deliveries_at_once_store_each_once(home, database_url):
    names = [[f"t{lot}-{number}" for number in range(20)] for lot in range(5)]
    outcomes = together(4, store_at, database_url, [names[0], names[1][::-1], *names[2:]])
    assert all(isinstance(found, list) for found in outcomes), outcomes
    assert sum(found.count("open") for found in outcomes) == 100
    assert sum(found.count("duplicate") for found in outcomes) == 300
    assert len(events(home)) == 100


def test_a_replay_resets_the_event_and_checks_membership_again(home):
    receive(home, delivery("a", user_id=STRANGER), delivery("b", kind="cycle.updated", refusal="Not known."))
    later = NOW + timedelta(hours=1)
    again = [delivery("a", user_id=STRANGER), delivery("b", kind="cycle.updated", refusal="Not known.")]
    with home.write() as connection:
        assert inbox.replay(connection, again, later) == {"a": inbox.NOT_A_MEMBER, "b": "Not known."}
        member_store.connect(connection, STRANGER, ["offline"], NOBODY, later)
        assert inbox.replay(connection, again, later) == {"a": None, "b": "Not known."}
    event = events(home)["a"]
    assert (event.state, event.reason, event.next_attempt_at, event.open_since) == (
        "open",
        None,
        later,
        later,
    )
    assert event.received_at == NOW


def test_a_replayed_event_equals_a_new_one(home):
    receive(home, delivery())
    new = events(home)["t1"]
    later = NOW + timedelta(hours=1)
    with home.write() as connection:
        attempts.begin_attempt(connection, ["t1"], NOW, "run 1")
        attempts.failed(connection, ["t1"], "A fault.", NOW)
        attempts.set_days(connection, {"t1": NOW.date()})
        attempts.close(connection, MEMBER, {("sleeps", SLEEP): later}, later, "run 2")
    assert events(home)["t1"].closed_at == later
    with home.write() as connection:
        inbox.replay(connection, [delivery()], later)
    assert events(home)["t1"] == replace(new, open_since=later, next_attempt_at=later)


def test_a_replay_stores_the_stream_and_the_record_as_they_are_read_now(home):
    receive(home, replace(delivery(refusal="Not known."), stream=None, record_id=None))
    with home.write() as connection:
        inbox.replay(connection, [delivery()], NOW)
    event = events(home)["t1"]
    assert (event.state, event.stream, event.record_id) == ("open", "sleeps", SLEEP)


def test_events_are_listed_newest_first_up_to_a_limit(home):
    receive(home, delivery("b"), delivery("a"), delivery("c", user_id=STRANGER))
    receive(home, delivery("d"), at=NOW + timedelta(hours=1))
    with home.read() as connection:
        assert [event.trace_id for event in inbox.listed(connection)] == ["d", "a", "b", "c"]
        assert [event.trace_id for event in inbox.listed(connection, limit=2)] == ["d", "a"]
        assert [event.trace_id for event in inbox.listed(connection, state="open", limit=2)] == ["d", "a"]
        assert [event.trace_id for event in inbox.listed(connection, state="parked")] == ["c"]


def test_a_users_parked_events_are_returned_with_their_payloads(home):
    parked = delivery("a", user_id=STRANGER)
    receive(home, parked, delivery("b"), delivery("c", user_id=STRANGER + 1), delivery("d", refusal="No."))
    with home.read() as connection:
        assert inbox.parked_of(connection, STRANGER) == [(events(home)["a"], parked.payload)]


def test_a_replayed_done_event_is_closed_only_by_a_later_request(home):
    receive(home, delivery())
    requested_at, later = NOW + timedelta(seconds=1), NOW + timedelta(hours=1)
    with home.write() as connection:
        assert attempts.close(connection, MEMBER, {("sleeps", SLEEP): requested_at}, requested_at, "run") == 1
        inbox.replay(connection, [delivery()], later)
        assert attempts.close(connection, MEMBER, {("sleeps", SLEEP): requested_at}, later, "run") == 0
        assert (
            attempts.close(connection, MEMBER, {("sleeps", SLEEP): later + timedelta(seconds=1)}, later, "r")
            == 1
        )


def test_the_figures_count_open_and_parked_events(home):
    receive(home, delivery("a"), delivery("b", user_id=STRANGER), delivery("c", key="x"))
    receive(home, delivery("d"), at=NOW + timedelta(hours=1))
    with home.write() as connection:
        assert inbox.figures(connection) == inbox.Figures(3, 1, NOW)
        attempts.close(
            connection,
            MEMBER,
            {("sleeps", SLEEP): NOW + timedelta(hours=2), ("sleeps", "x"): NOW},
            NOW,
            "run",
        )
        assert inbox.figures(connection) == inbox.Figures(1, 1, NOW)


def test_only_old_done_events_are_deleted(home):
    receive(home, delivery("a"), delivery("b", user_id=STRANGER), delivery("c", key="x"))
    month = NOW + timedelta(days=31)
    with home.write() as connection:
        attempts.close(
            connection, MEMBER, {("sleeps", SLEEP): NOW + timedelta(days=1)}, NOW + timedelta(days=1), "r"
        )
        assert inbox.forget_done(connection, NOW, limit=10) == 0
        assert inbox.forget_done(connection, month, limit=10) == 1
    assert set(events(home)) == {"b", "c"}


def test_an_event_is_kept_until_it_has_been_done_for_long_and_at_most_the_limit_is_deleted(home):
    receive(home, delivery("a"), delivery("b"), delivery("c"))
    closed = NOW + timedelta(days=10)
    with home.write() as connection:
        attempts.close(connection, MEMBER, {("sleeps", SLEEP): closed}, closed, "run")
        assert inbox.forget_done(connection, closed, limit=10) == 0
        assert inbox.forget_done(connection, closed + timedelta(seconds=1), limit=2) == 2
        assert inbox.forget_done(connection, closed + timedelta(seconds=1), limit=2) == 1
    assert events(home) == {}


def test_erasing_a_member_deletes_the_members_events(home):
    receive(home, delivery("a"), delivery("b", user_id=STRANGER))
    with home.write([MEMBER]) as connection:
        membership.erase_member(connection, MEMBER)
    assert set(events(home)) == {"b"}
