"""Manual edits and their effects on dependent records."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from whoop_assets_tests.simulator.conftest import Api, make_world
from whoop_assets_tests.simulator.whoop_contract import violations
from whoop_simulator.errors import SimulatorError, UnknownRecord
from whoop_simulator.running import RunningSimulator
from whoop_simulator.world.records import KEY
from whoop_simulator.world.world import World

STAMP = "2026-11-20T15:00:00.000Z"


@pytest.fixture
def world() -> World:
    return make_world()


def user(world: World) -> int:
    return world.user_ids[0]


def truth(world: World) -> dict[str, list[dict[str, Any]]]:
    return world.truth(user(world))


def by_key(world: World, stream: str) -> dict[str, dict[str, Any]]:
    return {str(record[KEY[stream]]): record for record in truth(world)[stream]}


def main_sleep(world: World) -> dict[str, Any]:
    return next(sleep for sleep in truth(world)["sleeps"][4:] if not sleep["nap"] and "score" in sleep)


def assert_faithful(world: World) -> None:
    found = [p for stream, records in truth(world).items() for r in records for p in violations(stream, r)]
    assert found == []


def test_an_edit_merges_into_the_record_and_touches_it(world: World) -> None:
    workout = truth(world)["workouts"][3]
    world.edit(user(world), "workouts", workout["id"], {"score": {"strain": 3.5}, "sport_name": "netball"})
    edited = by_key(world, "workouts")[workout["id"]]
    assert edited == {
        **workout,
        "sport_name": "netball",
        "updated_at": STAMP,
        "score": {**workout["score"], "strain": 3.5},
    }
    world.edit(user(world), "workouts", workout["id"], {"sport_name": "polo"}, touch=False)
    assert by_key(world, "workouts")[workout["id"]]["updated_at"] == STAMP


def test_moving_a_main_sleep_moves_its_cycle_the_one_before_and_the_recovery(world: World) -> None:
    sleep = main_sleep(world)
    cycles = [cycle["id"] for cycle in truth(world)["cycles"]]
    previous = cycles[cycles.index(sleep["cycle_id"]) + 1]
    start = sleep["start"][:14] + "00:00.000Z"
    touched = world.edit(user(world), "sleeps", sleep["id"], {"start": start})
    assert {item["stream"] for item in touched} == {"sleeps", "recoveries", "cycles"}
    now = truth(world)
    cycle = {cycle["id"]: cycle for cycle in now["cycles"]}
    assert cycle[sleep["cycle_id"]]["start"] == cycle[previous]["end"] == start
    assert cycle[previous]["updated_at"] == STAMP
    moved = by_key(world, "sleeps")[sleep["id"]]
    recovery = by_key(world, "recoveries")[sleep["id"]]
    assert moved["updated_at"] == recovery["updated_at"] == STAMP
    stages = moved["score"]["stage_summary"]
    assert stages["total_in_bed_time_milli"] > sleep["score"]["stage_summary"]["total_in_bed_time_milli"]
    assert_faithful(world)


def test_a_moved_record_is_found_where_it_went(simulator: RunningSimulator, api: Api) -> None:
    sleep = simulator.world.truth(api.user_id)["sleeps"][-1]
    simulator.world.edit(
        api.user_id,
        "sleeps",
        sleep["id"],
        {"start": "2026-11-20T10:00:00Z", "end": "2026-11-20T14:00:00Z"},
    )
    assert api.crawl("sleeps")[0]["id"] == sleep["id"]
    assert api.crawl("recoveries")[0]["sleep_id"] == sleep["id"]
    window = {"start": "2026-11-20T13:59:00Z", "end": "2026-11-20T14:30:00Z"}
    assert [r["sleep_id"] for r in api.crawl("recoveries", **window)] == [sleep["id"]]
    assert api.crawl("sleeps", end=sleep["end"]) == []


def test_a_record_can_lose_its_score_and_get_it_back(world: World) -> None:
    sleep = main_sleep(world)
    world.edit(user(world), "sleeps", sleep["id"], {"score_state": "PENDING_SCORE"})
    assert "score" not in by_key(world, "sleeps")[sleep["id"]]
    world.edit(user(world), "sleeps", sleep["id"], {"score_state": "SCORED"})
    assert by_key(world, "sleeps")[sleep["id"]]["score"] == sleep["score"]


def test_an_edited_open_cycle_still_grows(world: World) -> None:
    world.set_clock(datetime.fromisoformat(main_sleep(world)["updated_at"]) + timedelta(minutes=1))
    cycle = truth(world)["cycles"][0]
    assert cycle["end"] is None
    world.edit(user(world), "cycles", cycle["id"], {"score": {"strain": 20.5}}, touch=False)
    world.advance(6 * 3600)
    later = truth(world)["cycles"][0]
    assert later["score"]["strain"] == 20.5
    assert later["score"]["kilojoule"] > cycle["score"]["kilojoule"]
    assert later["updated_at"] == cycle["updated_at"]


@pytest.mark.parametrize("stream", ["cycles", "sleeps", "recoveries", "workouts"])
def test_a_rescore_changes_the_score_and_nothing_else(world: World, stream: str) -> None:
    for before in truth(world)[stream][1:]:
        key = str(before[KEY[stream]])
        world.rescore(user(world), stream, key)
        after = by_key(world, stream)[key]
        assert after["updated_at"] == STAMP
        assert after["score_state"] == "SCORED"
        assert after["score"] != before.get("score")
        unchanged = {"score", "updated_at", "score_state"}
        assert {n: v for n, v in after.items() if n not in unchanged} == {
            n: v for n, v in before.items() if n not in unchanged
        }
    assert_faithful(world)


def test_deleting_a_sleep_deletes_its_recovery_and_undeleting_restores_both(
    simulator: RunningSimulator, api: Api
) -> None:
    world = simulator.world
    before = truth(world)
    sleep = main_sleep(world)
    world.delete(api.user_id, "sleeps", sleep["id"])
    assert api.get(f"/v2/activity/sleep/{sleep['id']}").status_code == 404
    assert api.get(f"/v2/cycle/{sleep['cycle_id']}/recovery").status_code == 404
    assert api.get(f"/v2/cycle/{sleep['cycle_id']}").status_code == 200
    assert sleep["id"] not in by_key(world, "recoveries")
    assert len(api.crawl("recoveries")) == len(before["recoveries"]) - 1
    world.undelete(api.user_id, "sleeps", sleep["id"])
    assert truth(world) == before


def test_deleting_a_cycle_keeps_its_sleeps(world: World) -> None:
    sleep = main_sleep(world)
    world.delete(user(world), "cycles", sleep["cycle_id"])
    assert sleep["cycle_id"] not in {cycle["id"] for cycle in truth(world)["cycles"]}
    assert by_key(world, "sleeps")[sleep["id"]] == sleep


def test_missing_fields_of_added_records_get_values(world: World) -> None:
    added = {
        "workouts": world.add(user(world), "workouts", {}),
        "sleeps": world.add(
            user(world), "sleeps", {"start": "2026-11-18T19:00:00Z", "end": "2026-11-18T20:00:00Z"}
        ),
        "cycles": world.add(user(world), "cycles", {"start": "2026-09-01T00:00:00Z"}),
    }
    added["recoveries"] = world.add(user(world), "recoveries", {"sleep_id": added["sleeps"]["id"]})
    assert added["sleeps"]["nap"] is True
    assert added["recoveries"]["cycle_id"] == added["sleeps"]["cycle_id"]
    for stream, record in added.items():
        assert violations(stream, record) == []
        assert record in truth(world)[stream]
    assert by_key(world, "workouts")[added["workouts"]["id"]]["created_at"] == STAMP


def test_given_fields_of_an_added_record_are_kept(world: World) -> None:
    given = {
        **truth(world)["workouts"][0],
        "id": "00000000-0000-4000-8000-000000000001",
        "timezone_offset": "+09:00",
    }
    assert world.add(user(world), "workouts", given) == given


def test_profile_and_body_can_be_edited(simulator: RunningSimulator, api: Api) -> None:
    simulator.control.post(
        "edit",
        user_id=api.user_id,
        stream="body_measurement",
        id=api.user_id,
        changes={"weight_kilogram": 71.5},
    )
    assert api.get("/v2/user/measurement/body").json()["weight_kilogram"] == 71.5


def test_edits_survive_moves_of_the_clock(world: World) -> None:
    cycle = truth(world)["cycles"][5]
    world.edit(user(world), "cycles", cycle["id"], {"score": {"strain": 1.25}})
    edited = truth(world)
    world.advance(-86_400)
    assert by_key(world, "cycles")[str(cycle["id"])]["score"]["strain"] != 1.25, "not yet edited then"
    world.advance(86_400)
    assert truth(world) == edited


@pytest.mark.parametrize("seed", range(3))
def test_random_edits_leave_records_that_whoop_could_have(seed: int) -> None:
    world, twin = make_world(members=2, days=120), make_world(members=2, days=120)
    done = world.random_edits(user(world), 40, seed)
    assert len(done) == 40
    assert len({item["action"] for item in done}) >= 6
    assert all(item["touched"] for item in done)
    assert_faithful(world)
    assert twin.random_edits(user(twin), 40, seed) == done
    assert truth(twin) == truth(world)
    other = world.user_ids[1]
    assert world.truth(other) == twin.truth(other)
    cycles = truth(world)["cycles"][::-1]
    assert all(cycle["end"] is None or cycle["start"] < cycle["end"] for cycle in cycles)


def test_the_control_api_offers_the_same_edits(simulator: RunningSimulator, api: Api) -> None:
    control, user_id = simulator.control, api.user_id
    workout = control.get(f"truth/{user_id}")["workouts"][0]
    this = {"user_id": user_id, "stream": "workouts", "id": workout["id"]}
    touched = {"touched": [{"stream": "workouts", "id": workout["id"]}]}
    assert control.post("edit", **this, changes={"sport_name": "padel"}) == touched
    assert control.post("rescore", **this) == touched
    assert control.post("delete", **this) == touched
    assert api.get(f"/v2/activity/workout/{workout['id']}").status_code == 404
    assert control.post("undelete", **this) == touched
    assert api.get(f"/v2/activity/workout/{workout['id']}").json()["sport_name"] == "padel"
    added = control.post("add", user_id=user_id, stream="workouts", record={"sport_name": "golf"})
    assert api.get(f"/v2/activity/workout/{added['id']}").json() == added
    assert len(control.post("random_edits", user_id=user_id, count=3, seed=5)) == 3
    assert control.get("members")[0]["user_id"] == user_id


@pytest.mark.parametrize(
    ("stream", "key", "changes", "sentence"),
    [
        ("naps", "x", {}, "there is no stream 'naps'"),
        ("cycles", "1", {}, "cycles has no visible record 1"),
        ("workouts", None, {"start": "soon"}, "start: 'soon' is not an RFC 3339"),
        ("workouts", None, {"start": "2030-01-01T00:00:00Z"}, "cannot start at"),
        ("workouts", None, {"id": "other"}, "the id of workouts cannot be edited"),
    ],
)
def test_an_invalid_edit_is_refused_and_changes_nothing(
    world: World, stream: str, key: str | None, changes: dict[str, Any], sentence: str
) -> None:
    before = truth(world)
    with pytest.raises(SimulatorError, match=sentence):
        world.edit(user(world), stream, key or before["workouts"][0]["id"], changes)
    assert truth(world) == before


def test_an_unknown_member_is_an_error(simulator: RunningSimulator) -> None:
    with pytest.raises(UnknownRecord, match="there is no member 5"):
        simulator.world.truth(5)
    with pytest.raises(RuntimeError, match="there is no member 5"):
        simulator.control.get("truth/5")
    with pytest.raises(RuntimeError, match="the order lacks changes"):
        simulator.control.post("edit", user_id=5)


def test_a_member_can_be_without_a_body_measurement(simulator: RunningSimulator, api: Api) -> None:
    order = {"user_id": api.user_id, "stream": "body_measurement"}
    before = api.get("/v2/user/measurement/body").json()
    result = simulator.control.post("delete", **order)
    assert result == {"touched": [{"stream": "body_measurement", "id": str(api.user_id)}]}
    assert api.get("/v2/user/measurement/body").status_code == 404
    assert api.get("/v2/user/profile/basic").status_code == 200
    assert simulator.control.get("members")[0]["body_measurement"] is None
    with pytest.raises(RuntimeError, match="has no body measurement"):
        simulator.control.post("delete", **order)
    with pytest.raises(RuntimeError, match="undelete it first"):
        simulator.control.post("edit", **order, changes={"weight_kilogram": 80.0})
    simulator.control.post("undelete", **order)
    assert api.get("/v2/user/measurement/body").json() == before
    with pytest.raises(RuntimeError, match="is not deleted"):
        simulator.control.post("undelete", **order)
