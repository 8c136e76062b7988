"""The stream registry: each kind of WHOOP data with its path, scope, model, columns and day rule.

A collection (`STREAMS`) has records with ids or times. A snapshot (`SNAPSHOT_STREAMS`) has only present
values. docs/how-to-add-a-column-or-stream.md lists the other steps for a new row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args
from uuid import UUID

from pydantic import BaseModel

from whoop_assets.whoop_api.errors import InvalidIdentifier
from whoop_assets.whoop_api.models import (
    BodyMeasurement,
    Cycle,
    Record,
    Recovery,
    Sleep,
    UserProfile,
    Workout,
)

_INT64 = re.compile(r"[0-9]{1,19}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

_RENAMED = {"start": "start_time", "end": "end_time"}
_NOT_STORED = {"user_id", "v1_id"}
"""Fields without a column: the load sets the user id, and `payload` keeps the id of API v1."""

Key = int | str | UUID
DayRule = Literal["cycle", "sleep", "recovery", "workout"]
"""Which rule of `whoop_day.py` gives a record its day; `records/day_assignment.py` has a case for each."""


@dataclass(frozen=True, eq=False)
class Stream:
    """A collection of WHOOP's API.

    Attributes:
        name: Name of the stream and of its table.
        path: Path of the collection.
        record_path: Path of one record. A recovery has no id; its path takes the id of its cycle.
        scope: OAuth scope that permits reading.
        provides: What its records contain, as a phrase for users.
        model: Model of one record.
        key: Column that is unique within the stream.
        url_key: Type of the id in `record_path`.
        day_rule: How a record gets its WHOOP day.
        event: First word of this stream's webhook types (`sleep.updated`); None if WHOOP announces no
            changes.
        records_per_day: Expected records of a member, for estimates of the number of pages.
    """

    name: str
    path: str
    record_path: str
    scope: str
    provides: str
    model: type[Record[Any]]
    key: str
    url_key: type[int] | type[UUID]
    day_rule: DayRule
    event: str | None = None
    records_per_day: float = 1.0

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """Table column -> field of the model, with dots for nested fields.

        Fields under `score` are NULL unless WHOOP scored the record.
        """
        return _columns(self.model)

    def values(self, record: Record[Any]) -> dict[str, Any]:
        """Return column -> value. Values of a score that WHOOP did not score are None."""
        values = {}
        for column, path in self.columns.items():
            value: Any = record
            for name in path.split("."):
                # `scored` is None unless score_state is SCORED. A part of a score can be missing.
                value = None if value is None else getattr(value, "scored" if name == "score" else name)
            values[column] = str(value) if isinstance(value, UUID) else value
        return values

    def record_url_path(self, key: Key) -> str:
        """Return the path of one record. Raises InvalidIdentifier if `key` cannot be an id of this stream."""
        return self.record_path.format(id=valid_uuid(key) if self.url_key is UUID else valid_int64(key))


@dataclass(frozen=True, eq=False)
class SnapshotStream:
    """Present values of a member. WHOOP keeps no history of them.

    Attributes:
        name: Name of the stream.
        table: Name of its table.
        path: Path of the request.
        scope: OAuth scope that permits reading.
        provides: What the response contains, as a phrase for users.
        model: Model of the response.
        identifies: Whether it contains the member's name and e-mail address.
    """

    name: str
    table: str
    path: str
    scope: str
    provides: str
    model: type[UserProfile] | type[BodyMeasurement]
    identifies: bool = False

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """Table column -> field of the model."""
        return _columns(self.model)


def valid_int64(key: Key) -> str:
    """Return the id of a cycle as text for a URL. Raises InvalidIdentifier."""
    text = str(key)
    if isinstance(key, bool) or not _INT64.fullmatch(text) or int(text) >= 2**63:
        raise InvalidIdentifier("Not a WHOOP cycle id (a whole number below 2^63): no request was sent.")
    return str(int(text))


def valid_uuid(key: Key) -> str:
    """Return the id of a sleep or workout as lower-case text for a URL. Raises InvalidIdentifier."""
    text = str(key)
    if not _UUID.fullmatch(text):
        raise InvalidIdentifier("Not a WHOOP sleep or workout id (a UUID): no request was sent.")
    return text.lower()


def _columns(model: type[BaseModel], parent: str = "") -> dict[str, str]:
    """Return column -> field for all stored fields of a model; nested models are flattened."""
    columns: dict[str, str] = {}
    for name, field in model.model_fields.items():
        nested = next((part for part in get_args(field.annotation) if _is_model(part)), None)
        if nested is not None:
            columns |= _columns(nested, f"{parent}{name}.")
        elif name not in _NOT_STORED:
            columns[_RENAMED.get(name, name)] = parent + name
    return columns


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


# The scope `read:workout` is singular and `read:cycles` is plural: this is WHOOP's spelling.

CYCLES = Stream(
    name="cycles",
    path="/v2/cycle",
    record_path="/v2/cycle/{id}",
    scope="read:cycles",
    provides="physiological cycles, from one sleep onset to the next, with strain, energy and heart rate",
    model=Cycle,
    key="id",
    url_key=int,
    day_rule="cycle",
)

SLEEPS = Stream(
    name="sleeps",
    path="/v2/activity/sleep",
    record_path="/v2/activity/sleep/{id}",
    scope="read:sleep",
    provides="sleeps and naps with stages and sleep need",
    model=Sleep,
    key="id",
    url_key=UUID,
    day_rule="sleep",
    event="sleep",
    records_per_day=1.2,  # every fifth day has a nap
)

RECOVERIES = Stream(
    name="recoveries",
    path="/v2/recovery",
    record_path="/v2/cycle/{id}/recovery",
    scope="read:recovery",
    provides="recovery score, HRV, resting heart rate, SpO2 and skin temperature",
    model=Recovery,
    key="sleep_id",  # not the cycle: a nap can have its own recovery in the same cycle
    url_key=int,
    day_rule="recovery",
    event="recovery",
)

WORKOUTS = Stream(
    name="workouts",
    path="/v2/activity/workout",
    record_path="/v2/activity/workout/{id}",
    scope="read:workout",
    provides="workouts and other activities with strain and heart rate zones",
    model=Workout,
    key="id",
    url_key=UUID,
    day_rule="workout",
    event="workout",
)

PROFILE = SnapshotStream(
    name="profile",
    table="profiles",
    path="/v2/user/profile/basic",
    scope="read:profile",
    provides="name and e-mail address",
    model=UserProfile,
    identifies=True,
)

BODY_MEASUREMENT = SnapshotStream(
    name="body_measurement",
    table="body_measurements",
    path="/v2/user/measurement/body",
    scope="read:body_measurement",
    provides="height, weight and maximum heart rate",
    model=BodyMeasurement,
)

STREAMS = {stream.name: stream for stream in (CYCLES, SLEEPS, RECOVERIES, WORKOUTS)}
"""The collections, in loading order: a record's day depends on streams before it."""

SNAPSHOT_STREAMS = {stream.name: stream for stream in (PROFILE, BODY_MEASUREMENT)}

ALL_STREAMS: Mapping[str, Stream | SnapshotStream] = {**SNAPSHOT_STREAMS, **STREAMS}

ANNOUNCED_STREAMS = tuple(stream.name for stream in STREAMS.values() if stream.event is not None)
"""Streams with changes that WHOOP announces by webhook."""
