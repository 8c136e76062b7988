"""WHOOP's contract as a table: endpoints with scopes, and the fields and types of each record.

The sources are the official documents and measurements of real data, not the simulator.
"""

import re
from typing import Any

SCOPES = {
    ("GET", "/v2/user/profile/basic"): "read:profile",
    ("GET", "/v2/user/measurement/body"): "read:body_measurement",
    ("GET", "/v2/cycle"): "read:cycles",
    ("GET", "/v2/cycle/{cycle_id}"): "read:cycles",
    ("GET", "/v2/cycle/{cycle_id}/recovery"): "read:recovery",
    ("GET", "/v2/recovery"): "read:recovery",
    ("GET", "/v2/activity/sleep"): "read:sleep",
    ("GET", "/v2/activity/sleep/{sleep_id}"): "read:sleep",
    ("GET", "/v2/activity/workout"): "read:workout",
    ("GET", "/v2/activity/workout/{workout_id}"): "read:workout",
}
"""Endpoint -> scope."""

UNSCOPED = {
    ("GET", "/v2/cycle/{cycle_id}/sleep"),
    ("GET", "/v1/activity-mapping/{v1_id}"),
    ("DELETE", "/v2/user/access"),
}

ABSENT = ("/v2/recovery/{sleep_id}", "/v1/cycle", "/v2/partner/token", "/v2/activity/sleep/{sleep_id}/stream")
"""URLs that return 404."""

TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z")
OFFSET = re.compile(r"Z|[+-]\d{2}:\d{2}")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SLUG = re.compile(r"[a-z][a-z0-9_-]*")
STATES = ("SCORED", "PENDING_SCORE", "UNSCORABLE")

INT32, INT64, FLOAT, BOOL, TEXT = "int32", "int64", "float", "bool", "text"
REQUIRED, OPTIONAL, NULLABLE = "required", "optional", "nullable"
"""A field. `nullable`: always present, null in real data where the document omits it."""

Shape = dict[str, tuple[Any, str]]

CYCLE_SCORE: Shape = {
    "strain": ((FLOAT, 0, 21), REQUIRED),
    "kilojoule": ((FLOAT, 0, 60_000), REQUIRED),
    "average_heart_rate": ((INT32, 0, 220), REQUIRED),
    "max_heart_rate": ((INT32, 0, 240), REQUIRED),
}
RECOVERY_SCORE: Shape = {
    "user_calibrating": (BOOL, REQUIRED),
    "recovery_score": ((FLOAT, 0, 100), REQUIRED),
    "resting_heart_rate": ((FLOAT, 25, 110), REQUIRED),
    "hrv_rmssd_milli": ((FLOAT, 5, 400), REQUIRED),
    "spo2_percentage": ((FLOAT, 70, 100), NULLABLE),
    "skin_temp_celsius": ((FLOAT, 20, 42), NULLABLE),
}
STAGE_SUMMARY: Shape = {
    "total_in_bed_time_milli": ((INT32, 0, None), REQUIRED),
    "total_awake_time_milli": ((INT32, 0, None), REQUIRED),
    "total_no_data_time_milli": ((INT32, 0, None), REQUIRED),
    "total_light_sleep_time_milli": ((INT32, 0, None), REQUIRED),
    "total_slow_wave_sleep_time_milli": ((INT32, 0, None), REQUIRED),
    "total_rem_sleep_time_milli": ((INT32, 0, None), REQUIRED),
    "sleep_cycle_count": ((INT32, 0, 20), REQUIRED),
    "disturbance_count": ((INT32, 0, 200), REQUIRED),
}
SLEEP_NEEDED: Shape = {
    "baseline_milli": ((INT64, 0, None), REQUIRED),
    "need_from_sleep_debt_milli": ((INT64, 0, None), REQUIRED),
    "need_from_recent_strain_milli": ((INT64, 0, None), REQUIRED),
    "need_from_recent_nap_milli": ((INT64, None, 0), REQUIRED),
}
SLEEP_SCORE: Shape = {
    "stage_summary": (STAGE_SUMMARY, REQUIRED),
    "sleep_needed": (SLEEP_NEEDED, REQUIRED),
    "respiratory_rate": ((FLOAT, 5, 30), OPTIONAL),
    "sleep_performance_percentage": ((FLOAT, 0, 100), OPTIONAL),
    "sleep_consistency_percentage": ((FLOAT, 0, 100), OPTIONAL),
    "sleep_efficiency_percentage": ((FLOAT, 0, 100), OPTIONAL),
}
ZONES: Shape = {
    f"zone_{zone}_milli": ((INT64, 0, None), REQUIRED)
    for zone in ("zero", "one", "two", "three", "four", "five")
}
WORKOUT_SCORE: Shape = {
    "strain": ((FLOAT, 0, 21), REQUIRED),
    "average_heart_rate": ((INT32, 30, 220), REQUIRED),
    "max_heart_rate": ((INT32, 30, 240), REQUIRED),
    "kilojoule": ((FLOAT, 0, 30_000), REQUIRED),
    # A fraction in real data; the document says 0 to 100.
    "percent_recorded": ((FLOAT, 0, 1), REQUIRED),
    "distance_meter": ((FLOAT, 0, None), NULLABLE),
    "altitude_gain_meter": ((FLOAT, 0, None), NULLABLE),
    "altitude_change_meter": ((FLOAT, None, None), NULLABLE),
    "zone_durations": (ZONES, REQUIRED),
}
STAMPS: Shape = {
    "user_id": ((INT64, 1, None), REQUIRED),
    "created_at": (TIME, REQUIRED),
    "updated_at": (TIME, REQUIRED),
    "score_state": (STATES, REQUIRED),
}
RECORDS: dict[str, Shape] = {
    "cycles": {
        "id": ((INT64, 1, None), REQUIRED),
        **STAMPS,
        "start": (TIME, REQUIRED),
        "end": (TIME, NULLABLE),
        "timezone_offset": (OFFSET, REQUIRED),
        "score": (CYCLE_SCORE, OPTIONAL),
        "step_count": ((INT32, 0, 200_000), NULLABLE),
    },
    "sleeps": {
        "id": (UUID, REQUIRED),
        "cycle_id": ((INT64, 1, None), REQUIRED),
        "v1_id": ((INT64, 1, None), NULLABLE),
        **STAMPS,
        "start": (TIME, REQUIRED),
        "end": (TIME, REQUIRED),
        "timezone_offset": (OFFSET, REQUIRED),
        "nap": (BOOL, REQUIRED),
        "score": (SLEEP_SCORE, OPTIONAL),
    },
    "recoveries": {
        "cycle_id": ((INT64, 1, None), REQUIRED),
        "sleep_id": (UUID, REQUIRED),
        **STAMPS,
        "score": (RECOVERY_SCORE, OPTIONAL),
    },
    "workouts": {
        "id": (UUID, REQUIRED),
        "v1_id": ((INT64, 1, None), NULLABLE),
        **STAMPS,
        "start": (TIME, REQUIRED),
        "end": (TIME, REQUIRED),
        "timezone_offset": (OFFSET, REQUIRED),
        "sport_name": (SLUG, REQUIRED),
        "sport_id": ((INT32, -1, 1000), REQUIRED),
        "score": (WORKOUT_SCORE, OPTIONAL),
    },
    "profile": {
        "user_id": ((INT64, 1, None), REQUIRED),
        "email": (TEXT, REQUIRED),
        "first_name": (TEXT, REQUIRED),
        "last_name": (TEXT, REQUIRED),
    },
    "body_measurement": {
        "height_meter": ((FLOAT, 1, 2.5), REQUIRED),
        "weight_kilogram": ((FLOAT, 30, 250), REQUIRED),
        "max_heart_rate": ((INT32, 120, 230), REQUIRED),
    },
}


def violations(kind: str, record: dict[str, Any]) -> list[str]:
    """The deviations of a record from the table."""
    found = list(_object(kind, RECORDS[kind], record))
    if "score_state" in record and ("score" in record) != (record["score_state"] == "SCORED"):
        found.append(f"{kind}: a score goes with SCORED, and only with it")
    return found


def _object(name: str, shape: Shape, value: Any) -> list[str]:
    if not isinstance(value, dict):
        return [f"{name}: {value!r} is not an object"]
    found = [f"{name}: unknown field {field}" for field in value if field not in shape]
    for field, (kind, mark) in shape.items():
        if field not in value:
            found += [f"{name}.{field} is missing"] if mark != OPTIONAL else []
        elif value[field] is None:
            found += [f"{name}.{field} is null"] if mark != NULLABLE else []
        else:
            found += _value(f"{name}.{field}", kind, value[field])
    return found


def _value(name: str, kind: Any, value: Any) -> list[str]:
    if isinstance(kind, dict):
        return _object(name, kind, value)
    if isinstance(kind, re.Pattern):
        good = isinstance(value, str) and bool(kind.fullmatch(value))
    elif kind is STATES:
        good = value in STATES
    elif kind == BOOL:
        good = type(value) is bool
    elif kind == TEXT:
        good = isinstance(value, str) and value != ""
    else:
        number, low, high = kind
        bits = {INT32: 31, INT64: 63}.get(number)
        if bits is None:
            good = type(value) is float
        else:
            good = type(value) is int and -(1 << bits) <= value < 1 << bits
        good = good and (low is None or value >= low) and (high is None or value <= high)
    return [] if good else [f"{name}: {value!r} is not {kind}"]
