"""WHOOP's records as typed, immutable models. Unknown fields stay (`model_extra`), optional ones may be null.

Units are WHOOP's: `_milli` durations are milliseconds (`hrv_rmssd_milli` too), energy kilojoules, distances
metres, heart rates beats per minute, times UTC. `scored` gives the score only if `score_state` is SCORED.
`Model.model_validate(raw)` takes a record as received; `validation_reason` says what was wrong with it.

A record is refused only if its key, a time, an offset or its structure is unusable. A measurement that cannot be read is
None: it costs the record nothing else. A value out of range stays, and the check `values_within_bounds` names it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, Self, TypeVar

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
    OpenScoreState,
    ScoreState,
    Slug,
    Text,
    Timestamp,
    TimezoneOffset,
    Uuid,
    Whole,
)

Score = TypeVar("Score")


class Model(BaseModel):
    """What all models share: frozen, unknown fields kept, `model_`-names free for WHOOP."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())


def _or_none(value: Any, read: ValidatorFunctionWrapHandler) -> Any:
    """The value of a field, None if it cannot be read."""
    try:
        return read(value)
    except ValidationError:
        return None


class Measurements(Model):
    """A model whose fields are measurements: what cannot be read is None, and what is missing too."""

    _readable = field_validator("*", mode="wrap")(_or_none)


class Record(Model, Generic[Score]):
    """What the four streams share."""

    user_id: Identifier
    created_at: Timestamp
    updated_at: Timestamp
    score_state: OpenScoreState
    score: Score | None = None

    @property
    def scored(self) -> Score | None:
        """The score if WHOOP says SCORED, else None. Some scored activities (a sauna) have none either."""
        return self.score if self.score_state == ScoreState.SCORED else None


class SpanRecord(Record[Score], Generic[Score]):
    """A record that lasts from `start` to `end` (None: not over yet)."""

    start: Timestamp
    end: Timestamp | None = None
    timezone_offset: TimezoneOffset

    @model_validator(mode="after")
    def _end_is_not_before_start(self) -> Self:
        if self.end is not None and self.end < self.start:
            raise PydanticCustomError("end_before_start", "end must not be before start")
        return self


class CycleScore(Measurements):
    """A cycle's load: strain 0 to 21, energy in kJ, heart rates in bpm."""

    strain: Number | None = None
    kilojoule: Number | None = None
    average_heart_rate: Whole | None = None
    max_heart_rate: Whole | None = None


class Cycle(SpanRecord[CycleScore]):
    """A physiological day, from sleep onset to sleep onset. The open one has no end and a score that grows
    without a new `updated_at`. Its `timezone_offset` is the one to trust for local dates."""

    id: Identifier
    step_count: Whole | None = None

    _readable = field_validator("step_count", mode="wrap")(_or_none)


class SleepStageSummary(Measurements):
    """Durations in ms: the three sleep stages, awake and no data add up to in bed. And two counts."""

    total_in_bed_time_milli: Whole | None = None
    total_awake_time_milli: Whole | None = None
    total_no_data_time_milli: Whole | None = None
    total_light_sleep_time_milli: Whole | None = None
    total_slow_wave_sleep_time_milli: Whole | None = None
    total_rem_sleep_time_milli: Whole | None = None
    sleep_cycle_count: Whole | None = None
    disturbance_count: Whole | None = None


class SleepNeeded(Measurements):
    """Sleep need in ms: the need is the sum of the four; the nap's part is zero or negative."""

    baseline_milli: Int64 | None = None
    need_from_sleep_debt_milli: Int64 | None = None
    need_from_recent_strain_milli: Int64 | None = None
    need_from_recent_nap_milli: Int64 | None = None


class SleepScore(Measurements):
    """Percentages 0 to 100 (absent for new members); respiratory rate in breaths per minute."""

    stage_summary: SleepStageSummary | None = None
    sleep_needed: SleepNeeded | None = None
    respiratory_rate: Number | None = None
    sleep_performance_percentage: Number | None = None
    sleep_consistency_percentage: Number | None = None
    sleep_efficiency_percentage: Number | None = None


class Sleep(SpanRecord[SleepScore]):
    """A sleep or a nap. It may be scored before it ends and grow later; its own `timezone_offset` is often
    the member's present one, whatever the season of the night."""

    id: Uuid
    cycle_id: Identifier
    v1_id: Int64 | None = None
    end: Timestamp
    nap: Flag

    _readable = field_validator("v1_id", mode="wrap")(_or_none)


class RecoveryScore(Measurements):
    """Recovery 0 to 100; resting heart rate in bpm (a float); HRV in ms; SpO2 in percent; skin in Celsius."""

    user_calibrating: Flag | None = None
    recovery_score: Number | None = None
    resting_heart_rate: Number | None = None
    hrv_rmssd_milli: Number | None = None
    spo2_percentage: Number | None = None
    skin_temp_celsius: Number | None = None


class Recovery(Record[RecoveryScore]):
    """What a sleep gave back. It has no id: `sleep_id` is its key, since a nap's recovery can share the
    `cycle_id` of the night's."""

    cycle_id: Identifier
    sleep_id: Uuid


class ZoneDurations(Measurements):
    """Time in each heart-rate zone, ms."""

    zone_zero_milli: Int64 | None = None
    zone_one_milli: Int64 | None = None
    zone_two_milli: Int64 | None = None
    zone_three_milli: Int64 | None = None
    zone_four_milli: Int64 | None = None
    zone_five_milli: Int64 | None = None


class WorkoutScore(Measurements):
    """Strain 0 to 21, kJ, bpm, metres. `percent_recorded` is a FRACTION 0 to 1, whatever its name says
    (WHOOP's document says 0 to 100; all v2 records seen hold 0 to 1)."""

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
    """An activity. `sport_name` is an open list of slugs (`hiking-rucking`); `sport_id` is on its way out."""

    id: Uuid
    v1_id: Int64 | None = None
    end: Timestamp
    sport_name: Slug
    sport_id: Int32 | None = None

    _readable = field_validator("v1_id", "sport_id", mode="wrap")(_or_none)


class UserProfile(Model):
    """Who the member is. Its repr shows the id alone: names and e-mail belong in no log."""

    user_id: Identifier
    email: Text | None = None
    first_name: Text | None = None
    last_name: Text | None = None

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return [("user_id", self.user_id)]


class BodyMeasurement(Measurements):
    """The member's present measurements: metres, kilograms, bpm. An account may have none of them."""

    height_meter: Number | None = None
    weight_kilogram: Number | None = None
    max_heart_rate: Whole | None = None
