"""WHOOP's records as typed, immutable models. Unknown fields stay (`model_extra`), optional ones may be null.

Units are WHOOP's: `_milli` durations are milliseconds (`hrv_rmssd_milli` too), energy kilojoules, distances
metres, heart rates beats per minute, times UTC. `scored` gives the score only if `score_state` is SCORED.
`Model.model_validate(raw)` takes a record as received; `validation_reason` says what was wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from whoop_assets.whoop.fields import (
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
)

Score = TypeVar("Score")


class Model(BaseModel):
    """What all models share: frozen, unknown fields kept, `model_`-names free for WHOOP."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())


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


class CycleScore(Model):
    """A cycle's load: strain 0 to 21, energy in kJ, heart rates in bpm."""

    strain: Number
    kilojoule: Number
    average_heart_rate: Int32
    max_heart_rate: Int32


class Cycle(SpanRecord[CycleScore]):
    """A physiological day, from sleep onset to sleep onset. The open one has no end and a score that grows
    without a new `updated_at`. Its `timezone_offset` is the one to trust for local dates."""

    id: Identifier
    step_count: Int32 | None = None


class SleepStageSummary(Model):
    """Durations in ms: the three sleep stages, awake and no data add up to in bed. And two counts."""

    total_in_bed_time_milli: Int32
    total_awake_time_milli: Int32
    total_no_data_time_milli: Int32
    total_light_sleep_time_milli: Int32
    total_slow_wave_sleep_time_milli: Int32
    total_rem_sleep_time_milli: Int32
    sleep_cycle_count: Int32
    disturbance_count: Int32


class SleepNeeded(Model):
    """Sleep need in ms: the need is the sum of the four; the nap's part is zero or negative."""

    baseline_milli: Int64
    need_from_sleep_debt_milli: Int64
    need_from_recent_strain_milli: Int64
    need_from_recent_nap_milli: Int64


class SleepScore(Model):
    """Percentages 0 to 100 (absent for new members); respiratory rate in breaths per minute."""

    stage_summary: SleepStageSummary
    sleep_needed: SleepNeeded
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


class RecoveryScore(Model):
    """Recovery 0 to 100; resting heart rate in bpm (a float); HRV in ms; SpO2 in percent; skin in Celsius."""

    user_calibrating: Flag
    recovery_score: Number
    resting_heart_rate: Number
    hrv_rmssd_milli: Number
    spo2_percentage: Number | None = None
    skin_temp_celsius: Number | None = None


class Recovery(Record[RecoveryScore]):
    """What a sleep gave back. It has no id: `sleep_id` is its key, since a nap's recovery can share the
    `cycle_id` of the night's."""

    cycle_id: Identifier
    sleep_id: Uuid


class ZoneDurations(Model):
    """Time in each heart-rate zone, ms."""

    zone_zero_milli: Int64
    zone_one_milli: Int64
    zone_two_milli: Int64
    zone_three_milli: Int64
    zone_four_milli: Int64
    zone_five_milli: Int64


class WorkoutScore(Model):
    """Strain 0 to 21, kJ, bpm, metres. `percent_recorded` is a FRACTION 0 to 1, whatever its name says
    (WHOOP's document says 0 to 100; all v2 records seen hold 0 to 1)."""

    strain: Number
    average_heart_rate: Int32
    max_heart_rate: Int32
    kilojoule: Number
    percent_recorded: Number
    distance_meter: Number | None = None
    altitude_gain_meter: Number | None = None
    altitude_change_meter: Number | None = None
    zone_durations: ZoneDurations


class Workout(SpanRecord[WorkoutScore]):
    """An activity. `sport_name` is an open list of slugs (`hiking-rucking`); `sport_id` is on its way out."""

    id: Uuid
    v1_id: Int64 | None = None
    end: Timestamp
    sport_name: Slug
    sport_id: Int32 | None = None


class UserProfile(Model):
    """Who the member is. Its repr shows the id alone: names and e-mail belong in no log."""

    user_id: Identifier
    email: Text | None = None
    first_name: Text | None = None
    last_name: Text | None = None

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        return [("user_id", self.user_id)]


class BodyMeasurement(Model):
    """The member's present measurements: metres, kilograms, bpm. An account may have none of them."""

    height_meter: Number | None = None
    weight_kilogram: Number | None = None
    max_heart_rate: Int32 | None = None
