"""Webhooks of the simulator: event types, order, signatures, recipients and retries."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from whoop_assets_tests.simulator.conftest import NOW, make_world
from whoop_assets_tests.simulator.mailbox import Mailbox, mailbox
from whoop_assets_tests.support.servers.ports import REFUSING_PORT
from whoop_simulator.errors import SimulatorError
from whoop_simulator.running import RunningSimulator
from whoop_simulator.webhooks.webhooks import WebhookFaults
from whoop_simulator.world.records import KEY
from whoop_simulator.world.world import World

REFUSING_URL = f"http://127.0.0.1:{REFUSING_PORT}/"
STREAM_OF = {"sleep": "sleeps", "recovery": "recoveries", "workout": "workouts"}


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


def subscribed(box: Mailbox, **options: Any) -> World:
    """A world with a grant for every member, and the mailbox as webhook URL."""
    world = make_world(**options)
    for user_id in world.user_ids:
        world.issue_tokens(user_id)
    world.webhooks.subscribe(box.url)
    world.webhooks.set_faults(faults())
    return world


def faults(**chosen: Any) -> WebhookFaults:
    """Set these faults, and a time limit that suffices on a busy machine."""
    return WebhookFaults(timeout_seconds=60, **chosen)


def records(world: World, user_id: int) -> dict[tuple[str, str], dict[str, Any]]:
    truth = world.truth(user_id)
    return {
        (stream, str(record[KEY[stream]])): record
        for stream in STREAM_OF.values()
        for record in truth[stream]
    }


def subject(event: dict[str, Any]) -> tuple[str, str]:
    return STREAM_OF[event["type"].split(".")[0]], event["id"]


def test_an_event_has_four_fields_and_is_signed_with_the_client_secret(box: Mailbox) -> None:
    world = subscribed(box)
    user_id = world.user_ids[0]
    workout = world.truth(user_id)["workouts"][0]["id"]
    world.rescore(user_id, "workouts", workout)
    world.webhooks.deliver()
    (letter,) = box.letters
    event = letter.event
    assert event == {
        "user_id": user_id,
        "id": workout,
        "type": "workout.updated",
        "trace_id": event["trace_id"],
    }
    assert len(event["trace_id"]) == 36
    assert letter.headers["content-type"] == "application/json"
    assert letter.is_signed_with(world.app.client_secret)
    assert letter.timestamp == str(int(NOW.timestamp() * 1000))


def test_advancing_by_a_month_announces_all_changes_of_the_month_in_order(box: Mailbox) -> None:
    world = subscribed(box, members=2, days=20)
    before = {user_id: records(world, user_id) for user_id in world.user_ids}
    world.advance(timedelta(days=30))
    sent = world.webhooks.deliver()
    assert [delivery.due for delivery in sent] == sorted(delivery.due for delivery in sent)
    announced = Counter((event["user_id"], *subject(event)) for event in box.events)
    for user_id in world.user_ids:
        changed = {
            key
            for key, record in records(world, user_id).items()
            if record["updated_at"] != before[user_id].get(key, {}).get("updated_at")
        }
        assert {key[1:] for key in announced if key[0] == user_id} == changed
    assert set(box.types) == {"sleep.updated", "recovery.updated", "workout.updated"}
    assert max(announced.values()) > 1, "a sleep that was lengthened, or scored late, is announced twice"


def test_the_same_seed_gives_the_same_events_in_any_steps_of_the_clock(box: Mailbox) -> None:
    at_once, stepwise = subscribed(box, members=2), subscribed(box, members=2)
    at_once.advance(timedelta(days=6))
    at_once.webhooks.deliver()
    first = box.events
    for step in range(24):
        stepwise.advance(timedelta(hours=6))
        if step % 3:
            stepwise.truth(stepwise.user_ids[step % 2])
        else:
            stepwise.webhooks.deliver()
    stepwise.webhooks.deliver()
    assert box.events[len(first) :] == first


def test_no_change_is_announced_twice_if_the_clock_moves_back(box: Mailbox) -> None:
    world = subscribed(box)
    world.advance(timedelta(days=3))
    world.webhooks.deliver()
    count = len(box.letters)
    world.advance(timedelta(days=-3))
    world.webhooks.deliver()
    world.advance(timedelta(days=3))
    world.webhooks.deliver()
    assert len(box.letters) == count


@pytest.mark.parametrize(
    ("edit", "types"),
    [
        (
            lambda w, u, s: w.edit(u, "sleeps", s["id"], {"end": s["end"]}),
            ["sleep.updated", "recovery.updated"],
        ),
        (lambda w, u, s: w.rescore(u, "sleeps", s["id"]), ["sleep.updated", "recovery.updated"]),
        (lambda w, u, s: w.delete(u, "sleeps", s["id"]), ["sleep.deleted", "recovery.deleted"]),
        (lambda w, u, s: w.add(u, "workouts", {}), ["workout.updated"]),
        (lambda w, u, s: w.rescore(u, "cycles", s["cycle_id"]), []),
        (lambda w, u, s: w.edit(u, "body_measurement", u, {"weight_kilogram": 70.0}), []),
        (lambda w, u, s: w.delete(u, "body_measurement"), []),
    ],
)
def test_manual_changes_are_announced_with_their_event_type(
    box: Mailbox, edit: Any, types: list[str]
) -> None:
    world = subscribed(box)
    user_id = world.user_ids[0]
    sleep = next(sleep for sleep in world.truth(user_id)["sleeps"][2:] if not sleep["nap"])
    edit(world, user_id, sleep)
    world.webhooks.deliver()
    assert box.types == types
    if types[:1] != ["workout.updated"]:
        assert {event["id"] for event in box.events} <= {sleep["id"]}, "a recovery's id is its sleep's"


def test_only_changes_of_members_with_a_live_grant_are_announced(box: Mailbox) -> None:
    world = make_world(members=3)
    with_grant, without, ended = world.user_ids
    world.webhooks.subscribe(box.url)
    world.issue_tokens(with_grant)
    world.issue_tokens(ended)
    world.advance(timedelta(days=2))
    world.revoke_tokens(ended)
    world.issue_tokens(without)
    world.webhooks.deliver()
    assert {event["user_id"] for event in box.events} == {with_grant}
    count = world.webhooks.stats()["counts"]["ended"]
    assert count > 0
    assert {d.user_id for d in world.webhooks.deliveries() if d.status == "ended"} == {ended}


def test_a_delivery_is_retried_five_times_within_an_hour(box: Mailbox) -> None:
    world = subscribed(box)
    world.add(world.user_ids[0], "workouts", {})
    box.answers = [500, None, 404, 302, 503, 500]
    for _ in range(62):
        world.webhooks.deliver()
        world.advance(timedelta(minutes=1))
    (delivery,) = world.webhooks.deliveries()
    assert delivery.status == "given up"
    assert [answer["status"] for answer in delivery.answers] == [500, None, 404, 302, 503, 500]
    assert len({letter.body for letter in box.letters}) == 1
    assert len({letter.timestamp for letter in box.letters}) == 1, "a retry keeps its first signature"


def test_a_frozen_clock_triggers_no_retry(box: Mailbox) -> None:
    world = subscribed(box)
    world.add(world.user_ids[0], "workouts", {})
    box.answers = [500]
    assert len(world.webhooks.deliver()) == 1
    assert world.webhooks.deliver() == []
    world.webhooks.set_faults(faults(resign=True))
    world.advance(60)
    assert [delivery.status for delivery in world.webhooks.deliver()] == ["delivered"]
    assert int(box.letters[1].timestamp) - int(box.letters[0].timestamp) == 60_000


def test_a_refused_connection_is_a_failed_attempt() -> None:
    world = make_world()
    world.issue_tokens(world.user_ids[0])
    world.webhooks.subscribe(REFUSING_URL)
    world.add(world.user_ids[0], "workouts", {})
    (delivery,) = world.webhooks.deliver()
    assert (delivery.status, delivery.answers[0]["status"]) == ("waiting", None)


def test_duplicates_disorder_and_losses_depend_on_the_seed(box: Mailbox) -> None:
    def run() -> list[tuple[str, str]]:
        box.letters.clear()
        world = subscribed(box, members=2)
        world.webhooks.set_faults(faults(duplicates=0.3, disorder=0.3, lost=0.2))
        for _ in range(20):
            world.advance(timedelta(days=1))
            world.webhooks.deliver()
        world.advance(timedelta(minutes=10))
        world.webhooks.deliver()
        never = [d.trace_id for d in world.webhooks.deliveries() if d.status == "never sent"]
        assert never
        assert not set(never) & {event["trace_id"] for event in box.events}
        return [(event["trace_id"], event["type"]) for event in box.events]

    first = run()
    assert run() == first
    twice = [trace for trace, count in Counter(trace for trace, _ in first).items() if count == 2]
    assert 0.2 < len(twice) / len({trace for trace, _ in first}) < 0.4


def test_a_delay_passes_by_the_simulators_clock(box: Mailbox) -> None:
    world = subscribed(box)
    world.webhooks.set_faults(faults(delay_seconds=300))
    world.add(world.user_ids[0], "workouts", {})
    assert world.webhooks.deliver() == []
    world.advance(300)
    assert len(world.webhooks.deliver()) == 1


def test_a_restarted_simulator_sends_waiting_deliveries_and_new_changes(box: Mailbox, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    world = subscribed(box, state=state)
    world.add(world.user_ids[0], "workouts", {})
    world.save()
    again = make_world(state=state)
    assert again.webhooks.urls == [box.url]
    again.webhooks.deliver()
    assert box.types == ["workout.updated"]
    again.advance(timedelta(days=1))
    third = make_world(state=state)
    third.webhooks.deliver()
    assert len(box.letters) > 1
    assert len({event["trace_id"] for event in box.events}) == len(box.letters)


def test_the_control_api_manages_webhooks(box: Mailbox) -> None:
    with RunningSimulator(world=make_world()) as simulator:
        control, user_id = simulator.control, simulator.world.user_ids[0]
        simulator.world.issue_tokens(user_id)
        assert control.post("webhooks/subscribe", url=box.url) == {"urls": [box.url]}
        assert control.post("webhooks/faults", duplicates=1, timeout_seconds=60)["duplicates"] == 1
        control.post("add", user_id=user_id, stream="workouts", record={})
        assert [delivery["status"] for delivery in control.post("webhooks/deliver")] == ["delivered"] * 2
        assert control.get("webhooks")["counts"]["delivered"] == 2
        assert [delivery["type"] for delivery in control.get("webhooks/deliveries")] == [
            "workout.updated"
        ] * 2
        assert control.post("webhooks/unsubscribe", url=box.url) == {"urls": []}
        for order in ({"duplicates": 2}, {"unheard": 1}, {"resign": 1}, {"delay_seconds": "1"}):
            with pytest.raises(RuntimeError):
                control.post("webhooks/faults", **order)
        for url in ("", "ftp://x/", "/webhooks", 3, "http://"):
            with pytest.raises(RuntimeError):
                control.post("webhooks/subscribe", url=url)


def test_due_deliveries_are_sent_while_the_clock_runs(box: Mailbox) -> None:
    with RunningSimulator(world=make_world(frozen=False)) as simulator:
        world = simulator.world
        world.issue_tokens(world.user_ids[0])
        world.webhooks.subscribe(box.url)
        world.webhooks.set_faults(faults())
        world.add(world.user_ids[0], "workouts", {})
        assert box.came.wait(60)
    assert box.types == ["workout.updated"]


def test_given_urls_replace_earlier_ones(box: Mailbox) -> None:
    world = subscribed(box)
    world.webhooks.redirect([REFUSING_URL, REFUSING_URL])
    assert world.webhooks.urls == [REFUSING_URL]
    with pytest.raises(SimulatorError):
        world.webhooks.unsubscribe(box.url)


def test_moving_the_clock_to_each_next_change_misses_no_change(box: Mailbox) -> None:
    world = subscribed(box, members=2)
    world.webhooks.set_faults(faults(disorder=0.3))
    end = world.now() + 2 * 86_400_000
    announced = 0
    while (at := world.next_at()) is not None and at <= end:
        assert at > world.now()
        before = [records(world, user_id) for user_id in world.user_ids]
        world.advance(timedelta(milliseconds=at - world.now() - 1))
        assert world.webhooks.deliver() == []
        assert [records(world, user_id) for user_id in world.user_ids] == before
        world.advance(timedelta(milliseconds=1))
        sent = world.webhooks.deliver()
        assert {delivery.due for delivery in sent} <= {at}
        announced += len(sent)
    assert announced > 8
