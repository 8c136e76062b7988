"""Maps the paths of WHOOP's payloads to columns, derived from the models. Pure functions."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, get_args
from uuid import UUID

from pydantic import BaseModel, ValidationError

from whoop_assets.whoop_api.models import BodyMeasurement, UserProfile
from whoop_assets.whoop_api.streams import STREAMS

Path = tuple[str, ...]

_RENAMED = {"start": "start_time", "end": "end_time"}
_MODELS: Mapping[str, type[BaseModel]] = {
    "profile": UserProfile,
    "body_measurement": BodyMeasurement,
    **{name: stream.model for name, stream in STREAMS.items()},
}


@cache
def known(stream: str) -> Mapping[Path, str]:
    """Returns path -> column for all fields of the model."""
    return dict(_paths(_MODELS[stream], ()))


def read(stream: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Returns column -> value of a payload, without scores unless SCORED. Empty if the payload is invalid."""
    try:
        record: Any = _MODELS[stream].model_validate(payload)
    except ValidationError:
        return {}
    scored = getattr(record, "scored", None)
    found: dict[str, Any] = {}
    for path, column in known(stream).items():
        at: Any = record
        for name in path:
            at = scored if name == "score" and at is record else getattr(at, name, None)
        found[column] = _plain(at)
    return found


def _paths(model: type[BaseModel], above: Path) -> Iterator[tuple[Path, str]]:
    for name, field in model.model_fields.items():
        inner = _model_in(field.annotation)
        if inner is None:
            yield (*above, name), _RENAMED.get(name, name)
        else:
            yield from _paths(inner, (*above, name))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, Enum):
        return value.value
    assert value is None or isinstance(value, bool | int | float | str | datetime)
    return value
