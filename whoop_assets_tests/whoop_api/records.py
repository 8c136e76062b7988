"""One record of each stream as WHOOP sends it, with explicit nulls."""

import copy
from typing import Any

Record = dict[str, Any]

SLEEP_ID = "ecfc6a15-4661-442f-a9a4-f160dd7afae8"

_COMMON: Record = {
    "user_id": 10129,
    "created_at": "2026-11-20T06:41:12.530Z",
    "updated_at": "2026-11-20T06:44:02.118Z",
    "score_state": "SCORED",
}
_CYCLE: Record = {
    **_COMMON,
    "id": 1740000001,
    "start": "2026-11-19T22:58:01.000Z",
    "end": None,
    "timezone_offset": "-05:00",
    "score": {
        "strain": 5.2951527,
        "kilojoule": 8288.297,
        "average_heart_rate": 68,
        "max_heart_rate": 141,
    },
    "step_count": 8123,
}
_SLEEP: Record = {
    **_COMMON,
    "id": SLEEP_ID,
    "cycle_id": 1740000001,
    "v1_id": None,
    "start": "2026-11-19T22:58:01.000Z",
    "end": "2026-11-20T06:31:40.250Z",
    "timezone_offset": "-04:00",
    "nap": False,
    "score": {
        "stage_summary": {
            "total_in_bed_time_milli": 27219250,
            "total_awake_time_milli": 1403507,
            "total_no_data_time_milli": 0,
            "total_light_sleep_time_milli": 13305800,
            "total_slow_wave_sleep_time_milli": 6630370,
            "total_rem_sleep_time_milli": 5879573,
            "sleep_cycle_count": 3,
            "disturbance_count": 12,
        },
        "sleep_needed": {
            "baseline_milli": 27395716,
            "need_from_sleep_debt_milli": 352230,
            "need_from_recent_strain_milli": 208595,
            "need_from_recent_nap_milli": -12312,
        },
        "respiratory_rate": 16.11328125,
        "sleep_performance_percentage": 98.0,
        "sleep_consistency_percentage": 0.0,
        "sleep_efficiency_percentage": 91.69533848,
    },
}
_RECOVERY: Record = {
    **_COMMON,
    "cycle_id": 1740000001,
    "sleep_id": SLEEP_ID,
    "score": {
        "user_calibrating": False,
        "recovery_score": 44.0,
        "resting_heart_rate": 64.0,
        "hrv_rmssd_milli": 71.813404,
        "spo2_percentage": 95.6875,
        "skin_temp_celsius": None,
    },
}
_WORKOUT: Record = {
    **_COMMON,
    "id": "0c5d6d71-7e4c-4a8b-9f62-2f2b37a7a6b1",
    "v1_id": None,
    "start": "2026-11-20T16:00:00.000Z",
    "end": "2026-11-20T16:42:10.500Z",
    "timezone_offset": "-04:00",
    "sport_name": "hiking-rucking",
    "sport_id": 52,
    "score": {
        "strain": 8.2463,
        "average_heart_rate": 123,
        "max_heart_rate": 146,
        "kilojoule": 1569.34033203125,
        "percent_recorded": 0.98,
        "distance_meter": None,
        "altitude_gain_meter": 46.64384460449,
        "altitude_change_meter": -0.781372010707855,
        "zone_durations": {
            "zone_zero_milli": 13458,
            "zone_one_milli": 389370,
            "zone_two_milli": 388367,
            "zone_three_milli": 71137,
            "zone_four_milli": 0,
            "zone_five_milli": 0,
        },
    },
}
_SAMPLES = {"cycles": _CYCLE, "sleeps": _SLEEP, "recoveries": _RECOVERY, "workouts": _WORKOUT}

PROFILE: Record = {"user_id": 10129, "email": "jo@example.org", "first_name": "Jo", "last_name": "Doe"}
BODY: Record = {"height_meter": 1.8288, "weight_kilogram": 90.7185, "max_heart_rate": 200}


def sample(stream: str, **changes: Any) -> Record:
    """Return a copy of the stream's record with changed top-level fields."""
    return {**copy.deepcopy(_SAMPLES[stream]), **changes}
