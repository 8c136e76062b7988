"""Visible records depend on the clock: nights appear when processed, and the open cycle grows."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from whoop_assets_tests.simulator.conftest import NOW, Api, make_world
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_simulator.clock import SimulatorClock
from whoop_simulator.running import RunningSimulator
from whoop_simulator.world.world import World

MINUTE = timedelta(minutes=1)


def truth(world: World) -> dict[str, list[dict[str, Any]]]:
    return world.truth(world.user_ids[0])


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def plain_night(world: World) -> dict[str, Any]:
    """A night that was processed after its end and is not the newest."""
    return next(
        sleep
        for sleep in truth(world)["sleeps"][5:]
        if not sleep["nap"]
        and sleep["created_at"] == sleep["updated_at"]
        and sleep["end"] < sleep["created_at"]
    )


def test_the_same_seed_and_start_give_the_same_bytes() -> None:
    first, second = make_world(members=3, days=90), make_world(members=3, days=90)
    assert json.dumps([first.truth(user) for user in first.user_ids]) == json.dumps(
        [second.truth(user) for user in second.user_ids]
    )
    other = make_world(members=3, days=90, seed=8)
    assert set(other.user_ids).isdisjoint(first.user_ids)


@pytest.mark.slow
def test_history_does_not_depend_on_the_steps_in_which_the_clock_moved() -> None:
    start = (NOW - timedelta(days=60)).date()
    stepwise = make_world(start=start, now=NOW - timedelta(days=59))
    for _ in range(59 * 3):
        stepwise.advance(timedelta(hours=8))
        truth(stepwise)
    at_once = make_world(start=start)
    assert truth(stepwise) == truth(at_once)
    at_once.advance(timedelta(days=3000))
    assert len(truth(at_once)["cycles"]) > 2900
    at_once.set_clock(NOW)
    assert truth(at_once) == truth(stepwise), "also backwards"


def test_another_member_changes_no_data_of_the_first() -> None:
    single, three = make_world(), make_world(members=3)
    assert truth(single) == truth(three)


def test_a_night_appears_only_when_it_is_processed() -> None:
    world = make_world()
    night = plain_night(world)
    cycle_id = night["cycle_id"]

    world.set_clock(moment(night["created_at"]) - MINUTE)
    before = truth(world)
    assert night["id"] not in {sleep["id"] for sleep in before["sleeps"]}
    yesterday = before["cycles"][0]
    assert yesterday["end"] is None, "yesterday's cycle is still open"
    assert yesterday["start"] < night["start"]

    world.advance(2 * MINUTE)
    after = truth(world)
    # Sleeps show the offset of the member's location at that time, so the test ignores it.
    assert after["sleeps"][0] | {"timezone_offset": ""} == night | {"timezone_offset": ""}
    assert after["recoveries"][0]["sleep_id"] == night["id"]
    assert (after["cycles"][0]["id"], after["cycles"][0]["end"]) == (cycle_id, None)
    closed = after["cycles"][1]
    assert closed["id"] == yesterday["id"]
    assert closed["end"] == night["start"], "closed hours in the past"
    assert closed["updated_at"] == after["cycles"][0]["created_at"]


def test_the_open_cycle_grows_without_a_new_updated_at() -> None:
    world = make_world()
    night = plain_night(world)
    world.set_clock(moment(night["created_at"]) + MINUTE)
    cycles = []
    for _ in range(5):
        cycles.append(truth(world)["cycles"][0])
        world.advance(timedelta(hours=2))
    assert {cycle["id"] for cycle in cycles} == {night["cycle_id"]}
    assert {cycle["score_state"] for cycle in cycles} == {"SCORED"}
    assert len({cycle["updated_at"] for cycle in cycles}) == 1
    for name in ("strain", "kilojoule", "max_heart_rate"):
        values = [cycle["score"][name] for cycle in cycles]
        assert values == sorted(values)
        assert values[0] < values[-1]
    steps = [cycle["step_count"] for cycle in cycles]
    assert steps == sorted(steps)
    assert truth(world)["cycles"] == truth(world)["cycles"], "two reads of one moment agree"


def test_an_early_sleep_is_extended_with_its_recovery() -> None:
    world = make_world(days=200)
    early = next(
        sleep for sleep in truth(world)["sleeps"] if not sleep["nap"] and sleep["created_at"] < sleep["end"]
    )
    world.set_clock(moment(early["created_at"]) + timedelta(seconds=1))
    first = next(sleep for sleep in truth(world)["sleeps"] if sleep["id"] == early["id"])
    assert first["end"] < first["created_at"] < early["end"]
    assert first["updated_at"] == first["created_at"] < early["updated_at"]
    in_bed = "total_in_bed_time_milli"
    assert first["score"]["stage_summary"][in_bed] < early["score"]["stage_summary"][in_bed]
    recovery = next(r for r in truth(world)["recoveries"] if r["sleep_id"] == early["id"])
    assert recovery["updated_at"] == first["updated_at"]


def test_a_pending_night_is_scored_later() -> None:
    world = make_world(days=0, now=NOW - timedelta(days=900))
    found = []
    world.advance(timedelta(days=900))
    late = [
        sleep
        for sleep in truth(world)["sleeps"]
        if not sleep["nap"] and "score" in sleep and sleep["end"] < sleep["created_at"] < sleep["updated_at"]
    ]
    for sleep in late:
        world.set_clock(moment(sleep["updated_at"]) - MINUTE)
        found += [other for other in truth(world)["sleeps"] if other["id"] == sleep["id"]]
    assert found
    assert {sleep["score_state"] for sleep in found} == {"PENDING_SCORE"}
    assert not any("score" in sleep for sleep in found)


def test_all_sleeps_have_the_offset_of_the_members_location() -> None:
    world = make_world(days=60, now=datetime(2026, 10, 31, 12, tzinfo=UTC), zones=["America/New_York"])
    first = truth(world)["sleeps"]
    for _ in range(40):
        world.advance(timedelta(days=1))
        later = {sleep["id"]: sleep for sleep in truth(world)["sleeps"]}
        if later[first[-1]["id"]]["timezone_offset"] != first[0]["timezone_offset"]:
            break
    else:
        raise AssertionError("neither travel nor the end of daylight saving time changed the offset")
    assert len({sleep["timezone_offset"] for sleep in later.values()}) == 1
    assert {later[sleep["id"]]["updated_at"] for sleep in first} == {sleep["updated_at"] for sleep in first}


def test_truth_returns_a_copy() -> None:
    world = make_world()
    truth(world)["cycles"][3].clear()
    assert truth(world)["cycles"][3]["start"]


def test_no_record_is_visible_before_the_start() -> None:
    world = make_world()
    world.set_clock(NOW - timedelta(days=400))
    assert truth(world) == {"cycles": [], "sleeps": [], "recoveries": [], "workouts": []}


def test_the_clock_runs_freezes_and_jumps_through_the_control_api(
    simulator: RunningSimulator, api: Api
) -> None:
    control = simulator.control
    assert control.post("clock", advance_seconds=3600)["now"] == "2026-11-20T16:00:00.000Z"
    assert control.post("clock", set="2026-11-21T09:00:00Z") == {
        "now": "2026-11-21T09:00:00.000Z",
        "frozen": True,
    }
    assert control.post("clock", run=True)["frozen"] is False
    assert control.post("clock", freeze=True)["frozen"] is True
    ran_for = simulator.world.moment - datetime(2026, 11, 21, 9, tzinfo=UTC)
    assert timedelta(0) <= ran_for < timedelta(hours=1)


def test_a_clock_runs_in_real_time_by_default() -> None:
    world = World(members=1, days=2)
    assert world.start == TODAY - timedelta(days=2)
    before = datetime.now(UTC) - timedelta(milliseconds=1)  # the simulator's clock has whole milliseconds
    assert before <= world.moment <= datetime.now(UTC)


def test_a_clock_that_starts_frozen_shows_exactly_its_time() -> None:
    assert {SimulatorClock(1_790_000_000_000, frozen=True).now() for _ in range(2000)} == {1_790_000_000_000}
