"""Records and endpoints match the table of WHOOP's contract, and the official document if available."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from whoop_assets_tests.simulator.conftest import PATHS, Api
from whoop_assets_tests.simulator.whoop_contract import ABSENT, SCOPES, UNSCOPED, violations
from whoop_simulator.http.grants import ALL_SCOPES
from whoop_simulator.running import RunningSimulator
from whoop_simulator.world.world import World


def filled(path: str, truth: dict[str, list[dict[str, Any]]]) -> str:
    main = next(sleep for sleep in truth["sleeps"] if not sleep["nap"])
    return path.format(
        cycle_id=main["cycle_id"], sleep_id=main["id"], workout_id=truth["workouts"][0]["id"], v1_id=1
    )


def test_every_record_has_the_fields_types_and_marks_of_the_contract(big_world: World) -> None:
    for user_id in big_world.user_ids:
        found = [
            problem
            for stream, records in big_world.truth(user_id).items()
            for record in records
            for problem in violations(stream, record)
        ]
        found += violations("profile", big_world.profile(user_id) or {})
        found += violations("body_measurement", big_world.body_measurement(user_id) or {})
        assert found == []


@pytest.mark.parametrize(("method", "path"), [*SCOPES, *sorted(UNSCOPED)])
def test_every_endpoint_requires_a_valid_token(
    simulator: RunningSimulator, api: Api, method: str, path: str
) -> None:
    url = filled(path, simulator.world.truth(api.user_id))
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic abc"}):
        answer = api.http.build_request(method, url)
        answer.headers.pop("Authorization")
        answer.headers.update(header)
        assert api.http.send(answer).status_code == 401


@pytest.mark.parametrize(("method", "path"), list(SCOPES))
def test_an_endpoint_accepts_only_its_scope(big: RunningSimulator, method: str, path: str) -> None:
    user_id = big.world.user_ids[0]
    url = filled(path, big.world.truth(user_id))
    scope = SCOPES[method, path]
    assert Api(big, user_id, [scope]).get(url).status_code == 200
    others = [other for other in ALL_SCOPES if other != scope]
    assert Api(big, user_id, others).get(url).status_code == 401


@pytest.mark.parametrize("path", ABSENT)
def test_paths_that_whoop_does_not_have_return_404(simulator: RunningSimulator, api: Api, path: str) -> None:
    assert api.get(filled(path, simulator.world.truth(api.user_id))).status_code == 404


# Deviations from the official document, each measured in real v2 data:
MEASURED_NULLS = {
    "end",
    "v1_id",
    "next_token",
    "distance_meter",
    "altitude_gain_meter",
    "altitude_change_meter",
    "spo2_percentage",
    "skin_temp_celsius",
}
"""Explicit nulls, where the document omits the field. (`percent_recorded` as a fraction breaks no type.)"""
LATER_FIELDS = {"step_count"}
"""Fields added after the document was published."""


def as_documented(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: as_documented(part)
            for name, part in value.items()
            if name not in LATER_FIELDS and not (part is None and name in MEASURED_NULLS)
        }
    return [as_documented(part) for part in value] if isinstance(value, list) else value


@pytest.mark.skipif(
    not os.environ.get("WHOOP_OPENAPI"),
    reason="WHOOP_OPENAPI does not name WHOOP's official OpenAPI document",
)
def test_responses_match_the_official_document(big: RunningSimulator) -> None:
    document = json.loads(Path(os.environ["WHOOP_OPENAPI"]).read_text("utf-8"))

    def closed(node: Any) -> Any:
        if isinstance(node, dict):
            node = {name: closed(part) for name, part in node.items()}
            return {**node, "additionalProperties": False} if "properties" in node else node
        return [closed(part) for part in node] if isinstance(node, list) else node

    components = closed(document["components"])

    for user_id in big.world.user_ids:
        api = Api(big, user_id)
        truth = big.world.truth(user_id)
        checked = 0
        for path, operations in document["paths"].items():
            operation = operations.get("get")
            if operation is None or "/partner/" in path or "activity-mapping" in path:
                continue
            url = filled(
                path.replace("{cycleId}", "{cycle_id}")
                .replace("{sleepId}", "{sleep_id}")
                .replace("{workoutId}", "{workout_id}"),
                truth,
            )
            schema = {**operation["responses"]["200"]["content"]["application/json"]["schema"]}
            validator = jsonschema.Draft202012Validator({**schema, "components": components})
            queries: list[dict[str, Any]] = (
                [{}]
                if path not in PATHS.values()
                else [{"limit": 25}, {"limit": 25, "nextToken": "eyIkIjoib0AxIiwibyI6MzAwfQ=="}]
            )
            for query in queries:
                answer = api.get(url, **query)
                assert answer.status_code == 200, url
                errors = [error.message for error in validator.iter_errors(as_documented(answer.json()))]
                assert errors == [], url
                checked += 1
        assert checked >= 14
