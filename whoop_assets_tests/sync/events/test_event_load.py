"""After events of any type, order and number, tables and summaries equal WHOOP's data."""

import json
import uuid
from collections import Counter
from datetime import timedelta

import pytest

from whoop_assets.errors import DatabaseUnreachable
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.webhooks import attempts, inbox
from whoop_assets_tests.support.due_events import process_due_events
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import KEY, RECORDS, at_home, days_of, frozen_world, moment
from whoop_assets_tests.support.webhook_inbox import SimulatedInbox

FIRST = TODAY - timedelta(days=19)


@pytest.fixture
def home(database_url):
    with at_home(database_url, frozen_world(days=40, seed=9)) as home:
        home.load_and_summarise(FIRST, TODAY)
        home.advance(timedelta(seconds=1))
        yield home


@pytest.fixture
def box(home):
    return SimulatedInbox(home)


def assert_right(home, first=FIRST):
    """The stored records equal WHOOP's, are on the right days, and a rebuild changes nothing."""
    truth, days = home.truth(), days_of(home.truth())
    for stream in RECORDS:
        rows = {key: row for key, row in home.rows(stream).items() if row["user_id"] == home.member}
        wanted = {
            record[KEY[stream]]: record
            for record in truth[stream]
            if (day := days[stream][record[KEY[stream]]]) is not None and day >= first
        }
        assert {key for key, row in rows.items() if row["day"] >= first} == set(wanted), stream
        for key, record in wanted.items():
            assert rows[key]["payload"] == record, (stream, key)
            assert rows[key]["day"] == days[stream][key], (stream, key)
    kept = home.contents()["daily_summary"]
    rebuild_days(home.database, home.members, first, home.clock.now().date())
    assert kept == home.contents()["daily_summary"]


def night(home, skip=3):
    return [sleep for sleep in home.truth()["sleeps"] if not sleep["nap"]][skip]


def day_of(home, stream, key):
    return home.rows(stream, deleted=True)[key]["day"]


def requests(home):
    return home.world.requests


@pytest.mark.parametrize("stream", ["sleeps", "workouts"])
@pytest.mark.parametrize("back", [0, 3, 9])
def test_a_rescored_record_is_read_by_its_url_and_its_day_is_summarised(home, box, stream, back):
    record = home.truth()[stream][back]
    home.world.rescore(home.member, stream, record["id"])
    assert box.receive()
    before = requests(home)
    box.process_due_events()
    assert requests(home) - before <= 4
    assert_right(home)
    assert set(box.states()) == {"done"}


def test_an_event_for_a_recovery_is_found_by_its_sleep(home, box):
    recovery = home.truth()["recoveries"][2]
    home.world.rescore(home.member, "recoveries", recovery["sleep_id"])
    (delivery,) = box.receive()
    assert delivery.id == recovery["sleep_id"]
    box.process_due_events()
    assert_right(home)


@pytest.mark.parametrize("order", [list, lambda found: found[::-1], lambda found: [*found, *found]])
def test_a_deleted_sleep_deletes_its_recovery_in_any_order_of_events(home, box, order):
    sleep = night(home)
    home.world.delete(home.member, "sleeps", sleep["id"])
    assert {delivery.type for delivery in box.receive(order)} == {"sleep.deleted", "recovery.deleted"}
    box.process_due_events()
    assert sleep["id"] not in home.rows("sleeps")
    assert sleep["id"] not in home.rows("recoveries")
    assert home.rows("sleeps", deleted=True)[sleep["id"]]["payload"] == sleep
    assert_right(home)
    assert len(box.events()) == 2


def test_the_sleeps_event_alone_deletes_the_recovery_and_closes_its_event(home, box):
    sleep = night(home)
    home.world.delete(home.member, "sleeps", sleep["id"])
    box.receive(lambda deliveries: [d for d in deliveries if d.type == "sleep.deleted"])
    box.process_due_events()
    assert sleep["id"] not in home.rows("recoveries")
    assert_right(home)


def test_a_recoverys_delete_event_alone_detects_the_deleted_sleep(home, box):
    sleep = night(home)
    home.world.delete(home.member, "sleeps", sleep["id"])
    box.receive(lambda deliveries: [d for d in deliveries if d.type == "recovery.deleted"])
    box.process_due_events()
    assert sleep["id"] not in home.rows("sleeps")
    assert_right(home)


def test_a_recovery_can_be_deleted_without_its_sleep(home, box):
    recovery = home.truth()["recoveries"][2]
    home.world.delete(home.member, "recoveries", recovery["sleep_id"])
    box.receive()
    box.process_due_events()
    assert recovery["sleep_id"] not in home.rows("recoveries")
    assert recovery["sleep_id"] in home.rows("sleeps")
    assert_right(home)


@pytest.mark.parametrize("stream", ["sleeps", "workouts"])
def test_a_delete_event_keeps_a_record_that_was_restored(home, box, stream):
    record = night(home) if stream == "sleeps" else home.truth()["workouts"][2]
    home.world.delete(home.member, stream, record["id"])
    home.advance(1)
    home.world.undelete(home.member, stream, record["id"])
    box.receive()
    box.process_due_events()
    assert_right(home)
    home.world.delete(home.member, stream, record["id"])
    box.receive()
    box.process_due_events()
    assert record["id"] not in home.rows(stream)
    home.world.undelete(home.member, stream, record["id"])
    # The late event announces a deletion, but WHOOP's response decides.
    box.receive(lambda found: found[::-1])
    box.process_due_events()
    assert record["id"] in home.rows(stream)
    assert_right(home)


def test_an_update_event_deletes_a_record_that_was_deleted_since(home, box):
    workout = home.truth()["workouts"][2]
    home.world.rescore(home.member, "workouts", workout["id"])
    home.advance(1)
    home.world.delete(home.member, "workouts", workout["id"])
    box.receive(lambda deliveries: [d for d in deliveries if d.type == "workout.updated"])
    box.process_due_events()
    assert workout["id"] not in home.rows("workouts")
    assert_right(home)


def test_a_night_that_moves_to_another_day_rebuilds_both_days(home, box):
    sleep = night(home, 4)
    before = day_of(home, "sleeps", sleep["id"])
    shift = timedelta(hours=14)
    changes = {
        side: (moment(sleep[side]) + shift).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        for side in ("start", "end")
    }
    home.world.edit(home.member, "sleeps", sleep["id"], changes)
    box.receive()
    rows = home.rows("daily_summary")
    box.process_due_events()
    after = day_of(home, "sleeps", sleep["id"])
    assert after != before
    now = home.rows("daily_summary")
    for day in (before, after):
        assert rows.get((home.member, day)) != now.get((home.member, day))
    assert_right(home)


def test_a_workout_that_moves_to_another_day_rebuilds_both_days(home, box):
    workout = home.truth()["workouts"][2]
    before = day_of(home, "workouts", workout["id"])
    changes = {
        side: (moment(workout[side]) - timedelta(days=2))
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
        for side in ("start", "end")
    }
    home.world.edit(home.member, "workouts", workout["id"], changes)
    box.receive()
    box.process_due_events()
    assert day_of(home, "workouts", workout["id"]) == before - timedelta(days=2)
    assert_right(home)


@pytest.mark.parametrize("hours", [24, 24 * 8, 24 * 45])
def test_events_alone_bring_all_changes_and_new_cycles(home, box, hours):
    home.advance(timedelta(hours=hours))
    box.receive()
    box.process_due_events()
    if hours <= 24 * 30:
        assert_right(home)
    truth = home.truth()
    for stream in ("sleeps", "recoveries", "workouts"):
        key = KEY[stream]
        assert {record[key] for record in truth[stream]} >= set(home.rows(stream))
        newest = truth[stream][0]
        assert home.rows(stream)[newest[key]]["payload"] == newest


def test_an_event_loads_a_members_first_record(database_url):
    with at_home(database_url, frozen_world(days=40, seed=9)) as home:
        box = SimulatedInbox(home)
        sleep = night(home, 0)
        home.world.rescore(home.member, "sleeps", sleep["id"])
        # The recovery's comes before anything is known of its sleep.
        box.receive(lambda found: found[::-1])
        box.process_due_events()
        assert home.rows("recoveries")[sleep["id"]]["day"] == home.rows("sleeps")[sleep["id"]]["day"]
        assert (
            home.rows("daily_summary")[home.member, home.rows("sleeps")[sleep["id"]]["day"]]["sleep_id"]
            == sleep["id"]
        )


def test_a_naps_own_recovery_is_found_in_the_collection(database_url):
    with at_home(database_url, frozen_world(days=40, seed=7)) as home:
        home.load_and_summarise(FIRST, TODAY)
        home.advance(1)
        box = SimulatedInbox(home)
        naps = {sleep["id"] for sleep in home.truth()["sleeps"] if sleep["nap"]}
        of_nap = next(r for r in home.truth()["recoveries"] if r["sleep_id"] in naps)
        home.world.rescore(home.member, "recoveries", of_nap["sleep_id"])
        box.receive()
        box.process_due_events()
        assert home.rows("recoveries")[of_nap["sleep_id"]]["payload"] != of_nap
        assert_right(home)
        home.world.delete(home.member, "recoveries", of_nap["sleep_id"])
        box.receive()
        box.process_due_events()
        assert of_nap["sleep_id"] not in home.rows("recoveries")
        assert_right(home)


def test_one_request_answers_all_events_of_a_record(home, box):
    workout = home.truth()["workouts"][1]
    for _ in range(5):
        home.advance(1)
        home.world.rescore(home.member, "workouts", workout["id"])
    assert len(box.receive()) == 5
    before = requests(home)
    box.process_due_events()
    assert requests(home) - before == 2  # the cycles, the workout
    assert box.states() == ["done"] * 5


def test_no_event_is_closed_while_the_cycle_of_its_record_cannot_be_read(home, box):
    days = days_of(home.truth())
    counts = Counter(day for day in days["workouts"].values() if FIRST <= day < TODAY - timedelta(days=2))
    ((day, _),) = counts.most_common(1)
    (cycle,) = [key for key, its_day in days["cycles"].items() if its_day == day]
    workouts = [key for key, its_day in days["workouts"].items() if its_day == day]
    for workout in workouts:
        home.world.rescore(home.member, "workouts", workout)
    box.receive()
    home.world.inject_fault("status", status=400, count=None, path_prefix=f"/developer/v2/cycle/{cycle}")
    process_due_events(home.connection, by="test")
    assert box.states() == ["open"] * len(workouts)
    home.world.clear_faults()
    home.advance(timedelta(hours=1))
    box.process_due_events()
    assert_right(home)


def test_an_event_received_during_the_request_stays_open(home, box):
    workout = home.truth()["workouts"][1]

    def change():
        home.world.rescore(home.member, "workouts", workout["id"])
        box.receive()

    change()
    home.at_response("/developer/v2/activity/workout/", change)
    process_due_events(home.connection, by="test")
    assert box.states() == ["done", "open"]
    box.process_due_events()
    assert_right(home)


def answer_once(home, workout):
    """Answer the next request for this workout with these fields."""
    home.world.inject_fault(
        kind="answer", body=json.dumps(workout), path_prefix=f"/v2/activity/workout/{workout['id']}"
    )


def body(**fields):
    event = {"user_id": 1, "id": str(uuid.uuid4()), "type": "sleep.updated", "trace_id": str(uuid.uuid4())}
    return json.dumps(event | fields).encode()


def test_an_event_of_an_unknown_record_is_done_and_of_an_unknown_member_parked(home, box):
    assert box.store(body(user_id=home.member), body()) == ["open", "parked"]
    box.process_due_events()
    assert box.states() == ["done", "parked"]
    (parked,) = box.events("parked")
    assert parked.reason == inbox.NOT_A_MEMBER
    assert_right(home)


def test_a_rejected_record_is_quarantined_and_its_event_is_done(home, box):
    workout = home.truth()["workouts"][1]
    home.world.rescore(home.member, "workouts", workout["id"])
    box.receive()
    answer_once(home, workout | {"score_state": 5})
    box.process_due_events()
    assert box.states() == ["done"]
    (kept,) = home.rows("quarantine").values()
    assert (kept["record_key"], kept["resolved_at"]) == (workout["id"], None)
    home.world.rescore(home.member, "workouts", workout["id"])
    box.receive()
    box.process_due_events()
    (kept,) = home.rows("quarantine").values()
    assert kept["resolved_at"] is not None
    assert_right(home)


def test_an_event_of_another_user_changes_no_record(database_url):
    with at_home(database_url, frozen_world(days=20, seed=9, members=2)) as home:
        home.load_and_summarise(FIRST, TODAY)
        home.advance(1)
        box = SimulatedInbox(home)
        mine = home.truth()["workouts"][0]
        before = home.rows("workouts")
        box.store(body(user_id=home.members[1], id=mine["id"], type="workout.deleted"))
        box.process_due_events()
        assert home.rows("workouts") == before


# Ordinary loads


def test_a_range_load_closes_the_events_of_the_records_it_read_and_no_others(home, box):
    near, far = home.truth()["workouts"][1], home.truth()["workouts"][-1]
    deleted = home.truth()["workouts"][2]
    home.world.rescore(home.member, "workouts", near["id"])
    home.world.delete(home.member, "workouts", deleted["id"])
    box.receive()
    box.store(body(user_id=home.member, id=far["id"], type="workout.updated"))
    box.store(body(user_id=home.member, id=near["id"], type="sleep.updated"))
    home.load(FIRST, TODAY, ["cycles", "workouts"])
    states = {(event.stream, event.record_id): event.state for event in box.events()}
    assert states == {
        ("workouts", near["id"]): "done",
        ("workouts", deleted["id"]): "done",
        ("workouts", far["id"]): "open",
        ("sleeps", near["id"]): "open",
    }
    assert {event.closed_by for event in box.events("done")} == {"backfill"}


def test_a_read_that_began_before_the_event_came_does_not_close_it(home, box):
    workout = home.truth()["workouts"][1]

    def change():
        home.world.rescore(home.member, "workouts", workout["id"])
        box.receive()

    home.at_response("/developer/v2/activity/workout", change)
    home.load(FIRST, TODAY, ["cycles", "workouts"])
    assert box.states() == ["open"]
    box.process_due_events()
    assert_right(home)


def test_a_response_older_than_the_stored_content_closes_no_event(home, box):
    workout = home.truth()["workouts"][1]
    home.world.rescore(home.member, "workouts", workout["id"])
    box.receive()
    answer_once(home, workout | {"updated_at": "2020-01-01T00:00:00.000Z"})
    process_due_events(home.connection, by="test")
    (event,) = box.events()
    assert (event.state, event.attempts, event.begun_by) == ("open", 1, None)
    assert "older" in event.last_error
    home.advance(timedelta(minutes=1))
    box.process_due_events()
    assert_right(home)


def test_a_load_that_waits_for_an_event_holds_no_other_event(postgres_url):
    """Two loads that each hold an event of the other would deadlock. SQLite has one writer at a time."""
    with at_home(f"{postgres_url}&options=-clock_timeout%3D20ms", frozen_world(days=5)) as home:
        box = SimulatedInbox(home)
        for name in ("a", "b"):
            box.store(body(user_id=home.member, trace_id=name))
        with home.database.write() as connection:
            attempts.set_days(connection, {"a": TODAY})
        with home.database.write() as other_load:
            inbox.locked(other_load, ["a"])
            with pytest.raises(DatabaseUnreachable, match="55P03"):
                process_due_events(home.connection, by="test")
        assert {event.trace_id: event.day for event in box.events()} == {"a": TODAY, "b": TODAY}
