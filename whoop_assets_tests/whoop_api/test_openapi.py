"""The models match WHOOP's OpenAPI document, if WHOOP_OPENAPI names it."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from whoop_assets.whoop_api import models
from whoop_assets.whoop_api.client import ACCESS_PATH
from whoop_assets.whoop_api.streams import SNAPSHOT_STREAMS, STREAMS

pytestmark = pytest.mark.skipif(not os.environ.get("WHOOP_OPENAPI"), reason="WHOOP_OPENAPI names no document")

SCHEMAS: dict[str, type[models.Model]] = {
    "Cycle": models.Cycle,
    "CycleScore": models.CycleScore,
    "Sleep": models.Sleep,
    "SleepScore": models.SleepScore,
    "SleepStageSummary": models.SleepStageSummary,
    "SleepNeeded": models.SleepNeeded,
    "Recovery": models.Recovery,
    "RecoveryScore": models.RecoveryScore,
    "WorkoutV2": models.Workout,
    "WorkoutScore": models.WorkoutScore,
    "ZoneDurations": models.ZoneDurations,
    "UserBasicProfile": models.UserProfile,
    "UserBodyMeasurement": models.BodyMeasurement,
}
# Fields that the API sends and the document lacks
UNDOCUMENTED = {"Cycle": {"step_count"}}
# Required in the document, but an account may lack measurements or a name
OPTIONAL = {
    "UserBasicProfile": {"email", "first_name", "last_name"},
    "UserBodyMeasurement": {"height_meter", "weight_kilogram", "max_heart_rate"},
}


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(Path(os.environ["WHOOP_OPENAPI"]).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_model_has_the_fields_and_required_fields_of_its_schema(name: str, document: Any) -> None:
    schema = document["components"]["schemas"][name]
    fields = SCHEMAS[name].model_fields
    assert set(fields) == set(schema["properties"]) | UNDOCUMENTED.get(name, set())
    required = {field for field, info in fields.items() if info.is_required()}
    # A missing measurement must not reject the record.
    measured = set(fields) if issubclass(SCHEMAS[name], models.Measurements) else set()
    assert required == set(schema["required"]) - OPTIONAL.get(name, set()) - measured


def test_every_stream_has_the_path_and_scope_of_the_document(document: Any) -> None:
    operations = {re.sub(r"\{\w+\}", "{id}", path): entry for path, entry in document["paths"].items()}
    for stream in STREAMS.values():
        for path in (stream.path, stream.record_path):
            assert operations[path]["get"]["security"] == [{"OAuth": [stream.scope]}]
    for snapshot in SNAPSHOT_STREAMS.values():
        assert operations[snapshot.path]["get"]["security"] == [{"OAuth": [snapshot.scope]}]
    assert "delete" in operations[ACCESS_PATH]
