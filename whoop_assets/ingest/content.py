"""A record's content: its canonical text, the hash that decides equality, and its columns."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from whoop_assets.warehouse.quarantine import Rejected
from whoop_assets.warehouse.records import Incoming
from whoop_assets.whoop.models import BodyMeasurement, Cycle, Recovery, Sleep, UserProfile, Workout
from whoop_assets.whoop.streams import Stream
from whoop_assets.whoop.validation import validation_reason

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def canonical(payload: Any) -> tuple[str, str]:
    """The payload as text that does not depend on the order of its fields, and the SHA-256 of it.

    What JSON allows on the wire but not in a database, a number like 1e999, is kept as text about it.
    """
    try:
        text = _encode(payload)
    except ValueError:
        text = _encode(repr(payload))
    return text, hashlib.sha256(text.encode("ascii")).hexdigest()


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
        return Rejected(_readable_key(raw, stream), text, content_hash, validation_reason(error), endpoint)
    if record.user_id != user_id:
        reason = f"{type(record).__name__}: user_id is not the member's whose token asked for it."
        return Rejected(_readable_key(raw, stream), text, content_hash, reason, endpoint)
    fields = _COLUMNS[stream.name](record) | {
        "score_state": str(record.score_state),
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "payload": text,
        "content_hash": content_hash,
    }
    return Taken(
        Incoming(fields[stream.key], fields, requested_at, endpoint),
        getattr(record, "start", None),
        getattr(record, "cycle_id", None),
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


def _span(record: Any) -> dict[str, Any]:
    return {"start_time": record.start, "end_time": record.end, "timezone_offset": record.timezone_offset}


def _values(score: object, names: tuple[str, ...]) -> dict[str, Any]:
    """The named values of a score; all NULL without one: what WHOOP did not score is never a zero."""
    return {name: getattr(score, name, None) for name in names}


_CYCLE = ("strain", "kilojoule", "average_heart_rate", "max_heart_rate")
_STAGES = (
    "total_in_bed_time_milli", "total_awake_time_milli", "total_no_data_time_milli", "total_light_sleep_time_milli",
    "total_slow_wave_sleep_time_milli", "total_rem_sleep_time_milli", "sleep_cycle_count", "disturbance_count",
)  # fmt: skip
_NEED = (
    "baseline_milli",
    "need_from_sleep_debt_milli",
    "need_from_recent_strain_milli",
    "need_from_recent_nap_milli",
)
_SLEEP = (
    "respiratory_rate", "sleep_performance_percentage", "sleep_consistency_percentage", "sleep_efficiency_percentage",
)  # fmt: skip
_RECOVERY = (
    "user_calibrating", "recovery_score", "resting_heart_rate", "hrv_rmssd_milli", "spo2_percentage",
    "skin_temp_celsius",
)  # fmt: skip
_WORKOUT = (
    "strain", "average_heart_rate", "max_heart_rate", "kilojoule", "percent_recorded", "distance_meter",
    "altitude_gain_meter", "altitude_change_meter",
)  # fmt: skip
_ZONES = tuple(f"zone_{zone}_milli" for zone in ("zero", "one", "two", "three", "four", "five"))


def _cycle(cycle: Cycle) -> dict[str, Any]:
    return {"id": cycle.id, "step_count": cycle.step_count} | _span(cycle) | _values(cycle.scored, _CYCLE)


def _sleep(sleep: Sleep) -> dict[str, Any]:
    score = sleep.scored
    return (
        {"id": str(sleep.id), "cycle_id": sleep.cycle_id, "nap": sleep.nap}
        | _span(sleep)
        | _values(score and score.stage_summary, _STAGES)
        | _values(score and score.sleep_needed, _NEED)
        | _values(score, _SLEEP)
    )


def _recovery(recovery: Recovery) -> dict[str, Any]:
    return {"sleep_id": str(recovery.sleep_id), "cycle_id": recovery.cycle_id} | _values(
        recovery.scored, _RECOVERY
    )


def _workout(workout: Workout) -> dict[str, Any]:
    score = workout.scored
    return (
        {"id": str(workout.id), "sport_id": workout.sport_id, "sport_name": workout.sport_name}
        | _span(workout)
        | _values(score, _WORKOUT)
        | _values(score and score.zone_durations, _ZONES)
    )


_COLUMNS: dict[str, Any] = {"cycles": _cycle, "sleeps": _sleep, "recoveries": _recovery, "workouts": _workout}
