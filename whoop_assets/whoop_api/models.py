"""WHOOP's records as typed, immutable models.

Unknown fields stay in `model_extra`; optional fields may be null.

Units are WHOOP's: `_milli` fields are milliseconds (`hrv_rmssd_milli` too), energy is in kilojoules,
distances are in metres, heart rates in beats per minute, times in UTC. `scored` returns the score only if
`score_state` is SCORED. `Model.model_validate(raw)` reads a record as received; `validation_reason` describes
its errors.

A record is invalid only if its key, a time, an offset or its structure is unusable. A measurement that cannot
be read becomes None. A value out of range stays; the check `values_within_bounds` reports it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, Self, TypeVar
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from whoop_assets.whoop_api.fields import (
    Flag,
    Identifier,
    Int32,
    Int64,
    Number,
    ScoreState,
    Slug,
    Text,
    Timestamp,
    TimezoneOffset,
    Whole,
)

Score = TypeVar("Score")


class Model(BaseModel):
    """Base of all models: immutable, with unknown fields. Fields of WHOOP may begin with `model_`."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())


def _or_none(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """Return the value of a field; None if it cannot be read."""
    try:
        return read(value)
    except ValidationError:
        return None


class Measurements(Model):
    """Base of models of measurements: a missing or unreadable field is None."""

    _readable = field_validator("*", mode="wrap")(_or_none)


class Record(Model, Generic[Score]):
    """Base of the records of the four streams."""

    user_id: Identifier
    created_at: Timestamp
    updated_at: Timestamp
    score_state: ScoreState
    score: Score | None = None

    @property
    def scored(self) -> Score | None:
        """The score if the state is SCORED, else None. Some scored activities (a sauna) have no score."""
        return self.score if self.score_state == "SCORED" else None


class SpanRecord(Record[Score], Generic[Score]):
    """A record from `start` to `end`; `end` is None while it is open."""

    start: Timestamp
    end: Timestamp | None = None
    timezone_offset: TimezoneOffset

    @model_validator(mode="after")
    def _end_is_not_before_start(self) -> Self:
        if self.end is not None and self.end < self.start:
            raise PydanticCustomError("end_before_start", "end must not be before start")
        return self


class CycleScore(Measurements):
    """Strain 0 to 21, energy in kJ, heart rates in bpm."""

    strain: Number | None = None
    kilojoule: Number | None = None
    average_heart_rate: Whole | None = None
    max_heart_rate: Whole | None = None


class Cycle(SpanRecord[CycleScore]):
    """A physiological day, from sleep onset to sleep onset.

    The open cycle has no end, and its score grows without a new `updated_at`. Local dates use its
    `timezone_offset`.
    """

    id: Identifier
    step_count: Whole | None = None

    _readable = field_validator("step_count", mode="wrap")(_or_none)


class SleepStageSummary(Measurements):
    """Durations in ms, and two counts.

    Time in bed is the sum of the three stages, awake time and time without data.
    """

    total_in_bed_time_milli: Whole | None = None
    total_awake_time_milli: Whole | None = None
    total_no_data_time_milli: Whole | None = None
    total_light_sleep_time_milli: Whole | None = None
    total_slow_wave_sleep_time_milli: Whole | None = None
    total_rem_sleep_time_milli: Whole | None = None
    sleep_cycle_count: Whole | None = None
    disturbance_count: Whole | None = None


class SleepNeeded(Measurements):
    """Sleep need in ms: the sum of the four fields. The nap's part is zero or negative."""

    baseline_milli: Int64 | None = None
    need_from_sleep_debt_milli: Int64 | None = None
    need_from_recent_strain_milli: Int64 | None = None
    need_from_recent_nap_milli: Int64 | None = None


class SleepScore(Measurements):
    """Percentages 0 to 100 (missing for new members); respiratory rate in breaths per minute."""

    stage_summary: SleepStageSummary | None = None
    sleep_needed: SleepNeeded | None = None
    respiratory_rate: Number | None = None
    sleep_performance_percentage: Number | None = None
    sleep_consistency_percentage: Number | None = None
    sleep_efficiency_percentage: Number | None = None


class Sleep(SpanRecord[SleepScore]):
    """A sleep or a nap. WHOOP may score it before it ends, and extend it later.

    Its `timezone_offset` is often the member's present one instead of that night's.
    """

    id: UUID
    cycle_id: Identifier
    v1_id: Int64 | None = None
    end: Timestamp
    nap: Flag

    _readable = field_validator("v1_id", mode="wrap")(_or_none)


class RecoveryScore(Measurements):
    """Recovery 0 to 100; resting heart rate in bpm (a float); HRV in ms.

    SpO2 in percent; skin temperature in degrees Celsius.
    """

    user_calibrating: Flag | None = None
    recovery_score: Number | None = None
    resting_heart_rate: Number | None = None
    hrv_rmssd_milli: Number | None = None
    spo2_percentage: Number | None = None
    skin_temp_celsius: Number | None = None


class Recovery(Record[RecoveryScore]):
    """The recovery of a sleep.

    Its key is `sleep_id`, because the recovery of a nap can have the night's `cycle_id`.
    """

    cycle_id: Identifier
    sleep_id: UUID


class ZoneDurations(Measurements):
    """Time in each heart-rate zone in ms."""

    zone_zero_milli: Int64 | None = None
    zone_one_milli: Int64 | None = None
    zone_two_milli: Int64 | None = None
    zone_three_milli: Int64 | None = None
    zone_four_milli: Int64 | None = None
    zone_five_milli: Int64 | None = None


class WorkoutScore(Measurements):
    """Strain 0 to 21, energy in kJ, heart rates in bpm, distances in metres.

    `percent_recorded` is a fraction from 0 to 1 in all v2 records seen, although WHOOP documents 0 to 100.
    """

    strain: Number | None = None
    average_heart_rate: Whole | None = None
    max_heart_rate: Whole | None = None
    kilojoule: Number | None = None
    percent_recorded: Number | None = None
    distance_meter: Number | None = None
    altitude_gain_meter: Number | None = None
    altitude_change_meter: Number | None = None
    zone_durations: ZoneDurations | None = None


class Workout(SpanRecord[WorkoutScore]):
    """An activity.

    `sport_name` is a slug of an open list (`hiking-rucking`). WHOOP is phasing out `sport_id`.
    """

    id: UUID
    v1_id: Int64 | None = None
    end: Timestamp
    sport_name: Slug
    sport_id: Int32 | None = None

    _readable = field_validator("v1_id", "sport_id", mode="wrap")(_or_none)


class UserProfile(Model):
    """Name and e-mail address. The repr contains only the id, so that no log contains the rest."""

    user_id: Identifier
    email: Text | None = None
    first_name: Text | None = None
    last_name: Text | None = None

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return [("user_id", self.user_id)]


class BodyMeasurement(Measurements):
    """The member's current measurements in metres, kilograms and bpm. All may be missing."""

    height_meter: Number | None = None
    weight_kilogram: Number | None = None
    max_heart_rate: Whole | None = None
