"""Invalid requests to the control API get one sentence and change nothing."""

from typing import Any

import httpx
import pytest

from whoop_assets_tests.simulator.conftest import NOW, Api, make_world
from whoop_assets_tests.support.servers.ports import NO_CERTIFICATES
from whoop_simulator.errors import SimulatorError
from whoop_simulator.running import RunningSimulator


@pytest.mark.parametrize(
    ("path", "order", "sentence"),
    [
        ("limits", '{"per_minute": "x"}', "per_minute must be an integer"),
        ("limits", '{"per_minute": 5, "per_day": -1}', "per_day must be an integer"),
        ("limits", '{"per_minute": true}', "per_minute must be an integer"),
        ("faults", '{"kind": "latency", "count": "x"}', "count must be an integer"),
        ("faults", '{"kind": "latency", "count": 0}', "count must be an integer"),
        ("faults", '{"kind": "latency", "seconds": NaN}', "seconds must be a number"),
        ("faults", '{"kind": "latency", "seconds": -1}', "seconds must be a number"),
        ("faults", '{"kind": "latency", "seconds": 1e9}', "seconds must be a number"),
        ("faults", '{"kind": "status", "status": 99}', "status must be an integer"),
        ("faults", '{"kind": "status", "status": "503"}', "status must be an integer"),
        ("faults", '{"kind": "status", "probability": 1.5}', "probability must be a number"),
        ("faults", '{"kind": "status", "path_prefix": 5}', "path_prefix must be a text"),
        ("clock", '{"advance_seconds": 1e12}', "advance_seconds must be a number"),
        ("clock", '{"advance_seconds": 9e9}', "the clock can stand between"),
        ("clock", '{"advance_seconds": -9e9}', "the clock can stand between"),
        ("clock", '{"set": "9999-12-31T23:59:59-01:00"}', "the clock can stand between"),
        ("clock", '{"set": "2026-11-21T00:00:00Z", "advance_seconds": "nan"}', "advance_seconds must be"),
        ("clock", '{"set": "2026-11-21T00:00:00Z", "advance_seconds": Infinity}', "advance_seconds must be"),
        ("clock", '{"set": "2026-11-21T00:00:00Z", "freeze": "x"}', "freeze must be true or false"),
        ("random_edits", '{"user_id": USER, "count": 1e300}', "count must be an integer"),
        ("random_edits", '{"user_id": USER, "count": 1, "seed": Infinity}', "seed must be an integer"),
        ("edit", '{"user_id": USER, "stream": "profile", "changes": "x"}', "changes to profile must be"),
        (
            "add",
            '{"user_id": USER, "stream": "workouts", "record": {"score": "x"}}',
            "the score of a new record",
        ),
        (
            "add",
            '{"user_id": USER, "stream": "cycles", "record": {"start": "9999-12-31T23:59:59Z"}}',
            "range",
        ),
        ("tokens/issue", '{"user_id": USER, "scopes": [1]}', "scopes must be a list of"),
    ],
)
def test_an_invalid_request_changes_nothing(
    simulator: RunningSimulator, api: Api, path: str, order: str, sentence: str
) -> None:
    before = simulator.control.get("stats"), simulator.world.grants.to_json()
    body = order.replace("USER", str(api.user_id))
    answer = httpx.post(
        f"{simulator.base_url}/_control/{path}", content=body, timeout=60, verify=NO_CERTIFICATES
    )
    assert answer.status_code == 400
    assert sentence in answer.json()["error"]
    assert (simulator.control.get("stats"), simulator.world.grants.to_json()) == before
    assert api.get("/v2/cycle").status_code == 200


def test_set_and_advance_move_the_clock_once(simulator: RunningSimulator) -> None:
    order: dict[str, Any] = {"set": "2026-11-21T00:00:00Z", "advance_seconds": 1.5}
    assert simulator.control.post("clock", **order)["now"] == "2026-11-21T00:00:01.500Z"


def test_the_clock_supports_1970(simulator: RunningSimulator, api: Api) -> None:
    simulator.control.post("clock", set="1970-01-01T00:00:00Z")
    assert api.get("/v2/cycle").json() == {"records": [], "next_token": None}


def test_a_world_needs_a_time_that_the_clock_supports() -> None:
    with pytest.raises(SimulatorError, match="the clock can stand between"):
        make_world(now=NOW.replace(year=2300))
    with pytest.raises(SimulatorError, match="the clock cannot be moved by"):
        make_world().advance(float("inf"))


def test_a_status_without_a_body_is_sent_without_one(simulator: RunningSimulator, api: Api) -> None:
    simulator.world.inject_fault("status", status=304)
    answer = api.get("/v2/cycle")
    assert (answer.status_code, answer.content) == (304, b"")
    assert api.get("/v2/cycle").status_code == 200


def test_a_limit_of_zero_refuses_every_request(simulator: RunningSimulator, api: Api) -> None:
    simulator.control.post("limits", per_day=0)
    assert api.get("/v2/cycle").status_code == 429
