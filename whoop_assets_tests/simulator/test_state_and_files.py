"""A restarted simulator keeps tokens and edits, and serves recorded records unchanged."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from whoop_assets_tests.simulator.conftest import NOW, Api, make_world
from whoop_simulator.errors import SimulatorError
from whoop_simulator.running import RunningSimulator
from whoop_simulator.world.world import World


def test_a_restart_keeps_tokens_edits_clock_and_data(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "state.json"
    first = make_world(state=file)
    user_id = first.user_ids[0]
    first.random_edits(user_id, 10, 1)
    first.edit(user_id, "profile", user_id, {"first_name": "Changed"})
    tokens = first.issue_tokens(user_id)
    first.advance(timedelta(days=1, minutes=1))
    pair = first.token_request(
        {
            "client_id": "whoop-simulator",
            "client_secret": "simulator-secret",
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
        }
    )
    second = make_world(state=file, now=None, frozen=False)
    assert second.now() == first.now()
    assert second.start == first.start
    assert second.truth(user_id) == first.truth(user_id)
    assert second.profile(user_id) == first.profile(user_id)
    with RunningSimulator(world=second) as simulator:
        header = {"Authorization": f"Bearer {pair['access_token']}"}
        assert httpx.get(f"{simulator.api_url}/v2/cycle", headers=header, timeout=60).status_code == 200
        header = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert httpx.get(f"{simulator.api_url}/v2/cycle", headers=header, timeout=60).status_code == 401
    assert file.stat().st_mode & 0o077 == 0
    assert [child.name for child in file.parent.iterdir()] == ["state.json"]


def test_secrets_lists_everything_ever_issued_also_after_a_restart(tmp_path: Path) -> None:
    options: dict[str, Any] = {"members": 1, "days": 5, "seed": 7, "state": tmp_path / "state.json"}
    world = World(**options)
    (user_id,) = world.user_ids
    code = world.grant_code(user_id, ["offline"], "http://localhost/callback")
    first = world.issue_tokens(user_id)
    second = world.grants.refresh(first["refresh_token"], world.now())
    world.revoke_tokens(user_id)
    with RunningSimulator(world=World(**options)) as restarted:
        known = restarted.control.get("secrets")
    assert set(known["tokens"]) == {
        pair[name] for pair in (first, second) for name in ("access_token", "refresh_token")
    }
    assert known["codes"] == [code]
    assert known["client_secret"] == world.app.client_secret
    assert known["profiles"] == [world.profile(user_id)]


def test_the_state_of_another_world_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    make_world(state=file)
    with pytest.raises(SimulatorError, match="was made with --seed 7"):
        make_world(state=file, seed=8)
    file.write_text("{")
    with pytest.raises(SimulatorError, match="cannot be read"):
        make_world(state=file)


@pytest.mark.parametrize(
    "damage",
    [
        {"clock": {}},
        {"clock": {"offset_milli": 10**18, "frozen_at_milli": None}},
        {"world": []},
        {"start": 5},
        {"oauth": {"codes": {}, "grants": [{}]}},
        {"members": {"x": {}}},
    ],
)
def test_a_damaged_state_file_is_refused_with_one_sentence(tmp_path: Path, damage: dict[str, Any]) -> None:
    file = tmp_path / "state.json"
    make_world(state=file)
    file.write_text(json.dumps({**json.loads(file.read_text()), **damage}))
    with pytest.raises(SimulatorError, match=r"is damaged \(.*\): remove it|the clock can stand between"):
        make_world(state=file)


def test_an_unwritable_state_file_is_refused_without_leftovers(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SimulatorError, match="cannot be written"):
        make_world(state=tmp_path / "file" / "state.json")
    world = make_world(state=tmp_path / "taken")
    (tmp_path / "taken").unlink()
    (tmp_path / "taken").mkdir()
    with pytest.raises(SimulatorError, match="cannot be written"):
        world.save()
    assert sorted(child.name for child in tmp_path.iterdir()) == ["file", "taken"]


def test_a_state_file_without_expiry_of_refresh_tokens_is_readable(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    world = make_world(state=file)
    world.issue_tokens(world.user_ids[0])
    saved = json.loads(file.read_text())
    del saved["oauth"]["grants"][0]["refresh_until"], saved["members"][str(world.user_ids[0])]["body_deleted"]
    file.write_text(json.dumps(saved))
    assert make_world(state=file).body_measurement(world.user_ids[0]) is not None


def test_a_deleted_body_measurement_stays_deleted_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    world = make_world(state=file)
    world.delete(world.user_ids[0], "body_measurement")
    assert make_world(state=file).body_measurement(world.user_ids[0]) is None


def write(folder: Path, **files: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content))
    return folder


def test_recorded_records_are_served_unchanged(tmp_path: Path) -> None:
    source = make_world(days=40)
    user_id = source.user_ids[0]
    truth = source.truth(user_id)
    truth["workouts"][0]["something_new"] = {"kept": True}
    truth["cycles"][0].pop("step_count")
    folder = write(
        tmp_path / "dump",
        cycles=truth["cycles"],
        sleeps={"records": truth["sleeps"], "next_token": None},
        recoveries=truth["recoveries"],
        workouts=truth["workouts"],
        body_measurement=source.body_measurement(user_id),
    )
    with RunningSimulator(world=World(data=folder, now=NOW, frozen=True, limits=False)) as simulator:
        assert simulator.world.user_ids == [user_id]
        api = Api(simulator, user_id)
        for stream, records in truth.items():
            assert api.crawl(stream) == records
        assert api.get("/v2/user/measurement/body").json() == source.body_measurement(user_id)
        assert api.get("/v2/user/profile/basic").json()["user_id"] == user_id
        simulator.world.rescore(user_id, "sleeps", truth["sleeps"][0]["id"])
        added = simulator.world.add(user_id, "workouts", {})
        assert added["timezone_offset"] == truth["cycles"][0]["timezone_offset"]


def test_several_members_are_read_from_one_folder_or_subfolders(tmp_path: Path) -> None:
    world = make_world(members=2, days=5)
    first, second = world.user_ids
    write(tmp_path / "a" / "first", cycles=world.truth(first)["cycles"], profile=world.profile(first))
    write(tmp_path / "a" / "second", cycles=world.truth(second)["cycles"])
    write(tmp_path / "b", cycles=world.truth(first)["cycles"] + world.truth(second)["cycles"])
    for folder in ("a", "b"):
        served = World(data=tmp_path / folder, now=NOW, frozen=True)
        assert sorted(served.user_ids) == sorted([first, second])
        assert served.truth(second)["cycles"] == world.truth(second)["cycles"]
    assert World(data=tmp_path / "a").body_measurement(first) is None


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "holds no records"),
        ({"cycles": 5}, "must hold a list of records"),
        ({"cycles": ["x"]}, "record 0 is not a JSON object"),
        ({"cycles": [{"id": 1}]}, "record 0 lacks user_id, created_at"),
        ({"profile": {"user_id": "me"}}, "a user_id that is not an integer"),
        ({"body_measurement": {"height_meter": 1.8}}, "belongs to no known member"),
    ],
)
def test_invalid_files_are_refused_with_one_sentence(
    tmp_path: Path, files: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SimulatorError, match=sentence):
        World(data=write(tmp_path / "dump", **files))


def test_a_file_that_is_not_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "sleeps.json").write_text("<html>")
    with pytest.raises(SimulatorError, match=r"sleeps\.json cannot be read as JSON"):
        World(data=tmp_path)
    with pytest.raises(SimulatorError, match="is not a folder"):
        World(data=tmp_path / "nowhere")
