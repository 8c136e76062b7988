"""Valid ranges of measured values: WHOOP's documented bounds, else physiological limits.

The ranges are inclusive and wide. A value outside is almost always an error of the strap, of WHOOP or of this
project. It can be real in rare cases, for example blood oxygen below 70% on a high mountain, so it is
reported and kept.
"""

from dataclasses import dataclass

WHOOP = "WHOOP's API document"
RECORDED = "recorded responses of the API"
BODY = "physiological limit"
LENGTH = "duration of the record"

HOUR = 3_600_000
"""Milliseconds."""

MAX_SLEEP_MILLI, MAX_WORKOUT_MILLI = 24 * HOUR, 48 * HOUR


@dataclass(frozen=True, slots=True)
class Bound:
    """The lowest and highest plausible value, in the column's unit, and the source of the range."""

    low: float
    high: float
    source: str


_STRAIN = Bound(0, 21, WHOOP)
_PERCENT = Bound(0, 100, WHOOP)
_HEART = Bound(25, 250, BODY)
_KILOJOULE = Bound(0, 80_000, BODY)  # 19,000 kcal, more than a day of an ultramarathon
_STAGE = Bound(0, MAX_SLEEP_MILLI, LENGTH)
_NEED = Bound(0, MAX_SLEEP_MILLI, WHOOP)
_ZONE = Bound(0, MAX_WORKOUT_MILLI, LENGTH)

BOUNDS: dict[str, dict[str, Bound]] = {
    "cycles": {
        "strain": _STRAIN,
        "kilojoule": _KILOJOULE,
        "average_heart_rate": _HEART,
        "max_heart_rate": _HEART,
        "step_count": Bound(0, 250_000, BODY),
    },
    "sleeps": {
        "total_in_bed_time_milli": _STAGE,
        "total_awake_time_milli": _STAGE,
        "total_no_data_time_milli": _STAGE,
        "total_light_sleep_time_milli": _STAGE,
        "total_slow_wave_sleep_time_milli": _STAGE,
        "total_rem_sleep_time_milli": _STAGE,
        "sleep_cycle_count": Bound(0, 100, BODY),
        "disturbance_count": Bound(0, 1_000, BODY),
        "baseline_milli": _NEED,
        "need_from_sleep_debt_milli": _NEED,
        "need_from_recent_strain_milli": _NEED,
        "need_from_recent_nap_milli": Bound(-MAX_SLEEP_MILLI, 0, WHOOP),  # "negative value or zero"
        "respiratory_rate": Bound(3, 60, BODY),
        "sleep_performance_percentage": _PERCENT,
        "sleep_consistency_percentage": _PERCENT,
        "sleep_efficiency_percentage": _PERCENT,
    },
    "recoveries": {
        "recovery_score": _PERCENT,
        "resting_heart_rate": Bound(20, 150, BODY),
        # In milliseconds. Values below 1 would be seconds.
        "hrv_rmssd_milli": Bound(1, 500, BODY),
        # Range for which oximeters state their accuracy (ISO 80601-2-61).
        "spo2_percentage": Bound(70, 100, BODY),
        "skin_temp_celsius": Bound(15, 45, BODY),
    },
    "workouts": {
        "strain": _STRAIN,
        "average_heart_rate": _HEART,
        "max_heart_rate": _HEART,
        "kilojoule": _KILOJOULE,
        # The API document says 0 to 100, but every recorded response has a fraction.
        "percent_recorded": Bound(0, 1, RECORDED),
        "distance_meter": Bound(0, 1_000_000, BODY),
        "altitude_gain_meter": Bound(0, 20_000, BODY),
        "altitude_change_meter": Bound(-12_000, 12_000, BODY),
        "zone_zero_milli": _ZONE,
        "zone_one_milli": _ZONE,
        "zone_two_milli": _ZONE,
        "zone_three_milli": _ZONE,
        "zone_four_milli": _ZONE,
        "zone_five_milli": _ZONE,
    },
}

IMPORTED_BOUNDS: dict[str, dict[str, Bound]] = {
    "cycles": BOUNDS["cycles"] | BOUNDS["recoveries"],
    "sleeps": BOUNDS["sleeps"] | {"asleep_milli": _STAGE, "sleep_needed_milli": _NEED},
    "workouts": BOUNDS["workouts"],
}
"""Kind of exported record -> bounds. Exports lack some of the columns."""
