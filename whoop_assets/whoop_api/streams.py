"""The stream registry: each kind of WHOOP data with its path, scope, model, columns and day rule.

A collection (`STREAMS`) has records with ids or times. A snapshot (`SNAPSHOT_STREAMS`) has only present
values. docs/how-to-add-a-column-or-stream.md lists the other steps for a new row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

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
from whoop_assets.whoop_api.scopes import REQUIRED_SCOPES, SCOPE_OF, SCOPES, STREAM_NAMES

_INT64 = re.compile(r"[0-9]{1,19}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

Key = int | str | UUID
DayRule = Literal["cycle", "sleep", "recovery", "workout"]
"""Names the function in `records/day_assignment.py` that gives a record its WHOOP day."""


@dataclass(frozen=True, eq=False)
class Stream:
    """A collection of WHOOP's API.

    Attributes:
        name: Name of the stream and of its table.
        path: Path of the collection.
        record_path: Path of one record. A recovery has no id; its path takes the id of its cycle.
        scope: OAuth scope that permits reading.
        model: Model of one record.
        key: Column that is unique within the stream.
        url_key: Type of the id in `record_path`.
        day_rule: How a record gets its WHOOP day.
        columns: Table column -> field of the model, with dots for nested fields. Fields under `score` are
            NULL unless WHOOP scored the record.
        event: First word of this stream's webhook types (`sleep.updated`); None if WHOOP announces no
            changes.
    """

    name: str
    path: str
    record_path: str
    scope: str
    model: type[Record[Any]]
    key: str
    url_key: type[int] | type[UUID]
    day_rule: DayRule
    columns: Mapping[str, str]
    event: str | None = None

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
        model: Model of the response.
        columns: Columns of the table that are fields of the model with the same name.
    """

    name: str
    table: str
    path: str
    scope: str
    model: type[UserProfile] | type[BodyMeasurement]
    columns: tuple[str, ...]


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


def _fields(parent: str, *names: str) -> dict[str, str]:
    """Columns named like the fields of `parent` that they hold."""
    return {name: f"{parent}.{name}" for name in names}


_TIMES = {"start_time": "start", "end_time": "end", "timezone_offset": "timezone_offset"}
_COMMON = {"created_at": "created_at", "updated_at": "updated_at", "score_state": "score_state"}

CYCLES = Stream(
    name="cycles",
    path="/v2/cycle",
    record_path="/v2/cycle/{id}",
    scope=SCOPE_OF["cycles"],
    model=Cycle,
    key="id",
    url_key=int,
    day_rule="cycle",
    columns={
        "id": "id",
        **_TIMES,
        **_COMMON,
        "step_count": "step_count",
        **_fields("score", "strain", "kilojoule", "average_heart_rate", "max_heart_rate"),
    },
)

SLEEPS = Stream(
    name="sleeps",
    path="/v2/activity/sleep",
    record_path="/v2/activity/sleep/{id}",
    scope=SCOPE_OF["sleeps"],
    model=Sleep,
    key="id",
    url_key=UUID,
    day_rule="sleep",
    columns={
        "id": "id",
        "cycle_id": "cycle_id",
        **_TIMES,
        **_COMMON,
        "nap": "nap",
        **_fields(
            "score.stage_summary",
            "total_in_bed_time_milli",
            "total_awake_time_milli",
            "total_no_data_time_milli",
            "total_light_sleep_time_milli",
            "total_slow_wave_sleep_time_milli",
            "total_rem_sleep_time_milli",
            "sleep_cycle_count",
            "disturbance_count",
        ),
        **_fields(
            "score.sleep_needed",
            "baseline_milli",
            "need_from_sleep_debt_milli",
            "need_from_recent_strain_milli",
            "need_from_recent_nap_milli",
        ),
        **_fields(
            "score",
            "respiratory_rate",
            "sleep_performance_percentage",
            "sleep_consistency_percentage",
            "sleep_efficiency_percentage",
        ),
    },
    event="sleep",
)

RECOVERIES = Stream(
    name="recoveries",
    path="/v2/recovery",
    record_path="/v2/cycle/{id}/recovery",
    scope=SCOPE_OF["recoveries"],
    model=Recovery,
    key="sleep_id",  # not the cycle: a nap can have its own recovery in the same cycle
    url_key=int,
    day_rule="recovery",
    columns={
        "sleep_id": "sleep_id",
        "cycle_id": "cycle_id",
        **_COMMON,
        **_fields(
            "score",
            "user_calibrating",
            "recovery_score",
            "resting_heart_rate",
            "hrv_rmssd_milli",
            "spo2_percentage",
            "skin_temp_celsius",
        ),
    },
    event="recovery",
)

WORKOUTS = Stream(
    name="workouts",
    path="/v2/activity/workout",
    record_path="/v2/activity/workout/{id}",
    scope=SCOPE_OF["workouts"],
    model=Workout,
    key="id",
    url_key=UUID,
    day_rule="workout",
    columns={
        "id": "id",
        **_TIMES,
        **_COMMON,
        "sport_id": "sport_id",
        "sport_name": "sport_name",
        **_fields(
            "score",
            "strain",
            "average_heart_rate",
            "max_heart_rate",
            "kilojoule",
            "percent_recorded",
            "distance_meter",
            "altitude_gain_meter",
            "altitude_change_meter",
        ),
        **_fields(
            "score.zone_durations",
            "zone_zero_milli",
            "zone_one_milli",
            "zone_two_milli",
            "zone_three_milli",
            "zone_four_milli",
            "zone_five_milli",
        ),
    },
    event="workout",
)

PROFILE = SnapshotStream(
    name="profile",
    table="profiles",
    path="/v2/user/profile/basic",
    scope=SCOPE_OF["profile"],
    model=UserProfile,
    columns=("email", "first_name", "last_name"),
)

BODY_MEASUREMENT = SnapshotStream(
    name="body_measurement",
    table="body_measurements",
    path="/v2/user/measurement/body",
    scope=SCOPE_OF["body_measurement"],
    model=BodyMeasurement,
    columns=("height_meter", "weight_kilogram", "max_heart_rate"),
)

STREAMS = {stream.name: stream for stream in (CYCLES, SLEEPS, RECOVERIES, WORKOUTS)}
"""The collections, in loading order: a record's day depends on streams before it."""

SNAPSHOT_STREAMS = {stream.name: stream for stream in (PROFILE, BODY_MEASUREMENT)}

ANNOUNCED_STREAMS = tuple(stream.name for stream in STREAMS.values() if stream.event is not None)
"""Streams with changes that WHOOP announces by webhook."""

__all__ = [
    "ANNOUNCED_STREAMS",
    "BODY_MEASUREMENT",
    "CYCLES",
    "PROFILE",
    "RECOVERIES",
    "REQUIRED_SCOPES",
    "SCOPES",
    "SCOPE_OF",
    "SLEEPS",
    "SNAPSHOT_STREAMS",
    "STREAMS",
    "STREAM_NAMES",
    "WORKOUTS",
    "DayRule",
    "Key",
    "SnapshotStream",
    "Stream",
    "valid_int64",
    "valid_uuid",
]
