"""A record's content: its canonical text, the hash that decides equality, and its columns."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from operator import attrgetter
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from whoop_assets.records.incoming import Incoming
from whoop_assets.records.quarantine import Rejected
from whoop_assets.whoop_api.models import BodyMeasurement, Record, UserProfile
from whoop_assets.whoop_api.streams import Stream
from whoop_assets.whoop_api.validation import validation_reason

# What was read from JSON cannot hold itself: looking for that can be left out.
_write = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False).encode


def canonical(payload: Any) -> tuple[str, str]:
    """The payload as text that does not depend on the order of its fields, and the SHA-256 of it.

    A number that JSON allows on the wire but no database takes, such as 1e999, is kept as text about it.
    """
    try:
        text = _write(payload)
    except ValueError:
        text = _write(repr(payload))
    return text, hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Taken:
    """A valid record, ready to be stored. `start` is None for a recovery, which has no times of its own."""

    incoming: Incoming
    start: datetime | None
    cycle_id: int | None


def take(
    stream: Stream, raw: Mapping[str, Any], user_id: int, requested_at: datetime, endpoint: str
) -> Taken | Rejected:
    """Validate one record; a record of somebody else is rejected too."""
    text, content_hash = canonical(raw)
    try:
        record = stream.model.model_validate(raw)
    except ValidationError as error:
        reason = validation_reason(error)
        return Rejected(_readable_key(raw, stream), text, content_hash, reason, endpoint)
    if record.user_id != user_id:
        reason = f"{stream.model.__name__}: user_id is not the member's whose token asked for it."
        return Rejected(_readable_key(raw, stream), text, content_hash, reason, endpoint)
    fields = _COLUMNS[stream.name].of(record)
    key = fields[stream.key]
    key = str(key) if isinstance(key, UUID) else key
    fields |= {
        stream.key: key,
        "score_state": str(record.score_state),
        "payload": text,
        "content_hash": content_hash,
    }
    return Taken(
        Incoming(key, fields, requested_at, endpoint), fields.get("start_time"), fields.get("cycle_id")
    )


def profile_fields(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a profile snapshot; raises pydantic's ValidationError."""
    profile = UserProfile.model_validate(payload)
    return _snapshot(profile, ("email", "first_name", "last_name"), payload)


def body_measurement_fields(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a body measurement snapshot; raises pydantic's ValidationError."""
    body = BodyMeasurement.model_validate(payload)
    return _snapshot(body, ("height_meter", "weight_kilogram", "max_heart_rate"), payload)


def _snapshot(model: BaseModel, names: tuple[str, ...], payload: Mapping[str, Any]) -> dict[str, Any]:
    text, content_hash = canonical(payload)
    return {name: getattr(model, name) for name in names} | {"payload": text, "content_hash": content_hash}


def _readable_key(raw: Mapping[str, Any], stream: Stream) -> str | None:
    key = raw.get(stream.key)
    if not isinstance(key, int | str):
        return None
    # PostgreSQL stores neither NUL nor half a surrogate pair.
    return str(key).replace("\0", "").encode("utf-8", "replace").decode()[:64]


class _Columns:
    """Which columns a record fills, and from where.

    `own` are fields of the record itself; `parts` are fields of its score, or of a part of the score that is named
    before them. What WHOOP did not score is NULL, never a zero.
    """

    def __init__(self, *own: str, parts: Mapping[str, tuple[str, ...]]) -> None:
        fields = ("created_at", "updated_at", *own)
        self._names = [_RENAMED.get(name, name) for name in (*fields, *chain.from_iterable(parts.values()))]
        self._own = attrgetter(*fields)
        self._parts = [(part, attrgetter(*names), (None,) * len(names)) for part, names in parts.items()]
        self._unscored = (None,) * (len(self._names) - len(fields))

    def of(self, record: Record[Any]) -> dict[str, Any]:
        """Column -> value."""
        score = record.scored
        values = self._own(record)
        if score is None:
            return dict(zip(self._names, values + self._unscored, strict=True))
        for part, fields, unreadable in self._parts:
            measured = getattr(score, part) if part else score
            values += unreadable if measured is None else fields(measured)
        return dict(zip(self._names, values, strict=True))


_RENAMED = {"start": "start_time", "end": "end_time"}
_SPAN = ("start", "end", "timezone_offset")
_COLUMNS = {
    "cycles": _Columns(
        "id", *_SPAN, "step_count",
        parts={"": ("strain", "kilojoule", "average_heart_rate", "max_heart_rate")},
    ),
    "sleeps": _Columns(
        "id", *_SPAN, "cycle_id", "nap",
        parts={
            "stage_summary": (
                "total_in_bed_time_milli", "total_awake_time_milli", "total_no_data_time_milli",
                "total_light_sleep_time_milli", "total_slow_wave_sleep_time_milli", "total_rem_sleep_time_milli",
                "sleep_cycle_count", "disturbance_count",
            ),
            "sleep_needed": (
                "baseline_milli", "need_from_sleep_debt_milli", "need_from_recent_strain_milli",
                "need_from_recent_nap_milli",
            ),
            "": (
                "respiratory_rate", "sleep_performance_percentage", "sleep_consistency_percentage",
                "sleep_efficiency_percentage",
            ),
        },
    ),
    "recoveries": _Columns(
        "sleep_id", "cycle_id",
        parts={
            "": (
                "user_calibrating", "recovery_score", "resting_heart_rate", "hrv_rmssd_milli", "spo2_percentage",
                "skin_temp_celsius",
            )
        },
    ),
    "workouts": _Columns(
        "id", *_SPAN, "sport_id", "sport_name",
        parts={
            "": (
                "strain", "average_heart_rate", "max_heart_rate", "kilojoule", "percent_recorded", "distance_meter",
                "altitude_gain_meter", "altitude_change_meter",
            ),
            "zone_durations": tuple(
                f"zone_{zone}_milli" for zone in ("zero", "one", "two", "three", "four", "five")
            ),
        },
    ),
}  # fmt: skip
