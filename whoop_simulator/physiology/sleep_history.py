"""Generates the sleeps of a member's history and their recoveries, including late and missing scores."""

from whoop_simulator.physiology.nights import MainSleep, sync_lag
from whoop_simulator.physiology.operation_log import OperationLog
from whoop_simulator.physiology.scores import (
    BASELINE_NEED,
    asleep_milli,
    nap_recovery_score,
    recovery_score,
    sleep_needed,
    sleep_score,
    sleep_shape,
    stage_summary,
)
from whoop_simulator.timestamps import HOUR, MINUTE, SECOND, to_text
from whoop_simulator.world.records import RECOVERIES, SLEEPS, Record

CALIBRATION_NIGHTS = 3
NEW_MEMBER_NIGHTS = 4
"""Number of first main sleeps without performance and consistency."""


class SleepHistory:
    def __init__(self, log: OperationLog) -> None:
        self._log = log
        self._persona = log.persona
        self._rng = log.rng
        self._main_sleeps = 0
        self._drift = 0.0
        self._napped = 0
        self._debt = 0
        self.last_asleep = BASELINE_NEED
        """Time asleep of the last main sleep, in milliseconds."""

    def begin_cycle(self) -> None:
        """Update the slow drift of the HRV."""
        self._drift += -0.02 * self._drift + self._rng.gauss(0, 0.018)

    def write_night(self, cycle_id: int, sleep: MainSleep, strain: float) -> None:
        """Generate a main sleep and its recovery; `strain` is that of the previous cycle."""
        needed = sleep_needed(self._debt, strain, self._napped)
        self._napped = 0
        rng = self._rng
        key = self._log.new_uuid(sleep.start)
        self._main_sleeps += 1
        new_member = self._main_sleeps <= NEW_MEMBER_NIGHTS
        consistency = None if rng.random() < 0.03 else min(100.0, max(20.0, rng.gauss(74, 11)))
        score = sleep_score(sleep.shape, sleep.end - sleep.start, needed, consistency, new_member=new_member)
        asleep = asleep_milli(score["stage_summary"])
        self._debt = int(min(1.6 * HOUR, max(0.0, 0.45 * (sum(needed.values()) - asleep))))
        self.last_asleep = asleep

        made = sleep.created + rng.randrange(300, 4000)
        balance = self._balance(asleep, strain, sick=sleep.sick)
        calibrating = self._main_sleeps <= CALIBRATION_NIGHTS
        recovered = recovery_score(
            rng, self._persona, balance=balance, drift=self._drift, sick=sleep.sick, calibrating=calibrating
        )
        night = self._sleep_record(key, cycle_id, sleep.start, sleep.end, made, nap=False)
        morning = self._recovery_record(key, cycle_id, made)
        if sleep.early_end is not None:
            completed = max(sleep.completed, made + SECOND)
            before = sleep_score(
                sleep.shape, sleep.early_end - sleep.start, needed, consistency, new_member=new_member
            )
            recovered_before = dict(recovered)
            recovered_before["recovery_score"] = max(
                1.0, recovered["recovery_score"] - float(rng.randint(0, 9))
            )
            recovered_before["hrv_rmssd_milli"] = round(
                recovered["hrv_rmssd_milli"] * rng.uniform(0.95, 1.03), 6
            )
            updated = {"updated_at": to_text(completed)}
            self._log.write_scored(made, SLEEPS, night | {"end": to_text(sleep.early_end)}, before)
            self._log.write_scored(made, RECOVERIES, morning, recovered_before)
            longer = updated | {"end": to_text(sleep.end), "score": score}
            self._log.write(completed, "change", SLEEPS, key, longer)
            self._log.write(completed, "change", RECOVERIES, key, updated | {"score": recovered})
        elif sleep.state == "SCORED":
            self._log.write_scored(made, SLEEPS, night, score)
            self._log.write_scored(made, RECOVERIES, morning, recovered)
        else:
            self._log.write(made, "create", SLEEPS, key, night | {"score_state": sleep.state})
            self._log.write(made, "create", RECOVERIES, key, morning | {"score_state": sleep.state})
            if sleep.state == "PENDING_SCORE":
                at = max(sleep.scored, made + SECOND)
                scored = {"score_state": "SCORED", "updated_at": to_text(at)}
                self._log.write(at, "change", SLEEPS, key, scored | {"score": score})
                self._log.write(at, "change", RECOVERIES, key, scored | {"score": recovered})

    def _balance(self, asleep: int, strain: float, *, sick: bool) -> float:
        """The state of the day in standard deviations: lower after strain, short sleep and sickness."""
        strained = (strain - 10.5) / 4.0
        slept = (asleep - self._persona.hours_asleep * HOUR) / HOUR
        return -0.36 * strained + 0.44 * slept + self._rng.gauss(0, 0.85) - (1.4 if sick else 0.0)

    def write_nap(self, cycle_id: int, created: int, start: int, end: int, strain: float) -> None:
        """Generate a nap, and its recovery if the persona has nap recoveries. `created`: of the cycle."""
        rng = self._rng
        shape = sleep_shape(rng, self._persona, nap=True)
        score = sleep_score(
            shape, end - start, sleep_needed(0, strain, 0), None, new_member=rng.random() < 0.5
        )
        made = max(end + sync_lag(rng), created + 2 * MINUTE)
        key = self._log.new_uuid(start)
        self._napped += asleep_milli(stage_summary(shape, end - start))
        self._log.write_scored(
            made, SLEEPS, self._sleep_record(key, cycle_id, start, end, made, nap=True), score
        )
        if self._persona.naps_recover:
            recovered = nap_recovery_score(rng, self._persona, self._drift)
            self._log.write_scored(made, RECOVERIES, self._recovery_record(key, cycle_id, made), recovered)

    def _sleep_record(self, key: str, cycle_id: int, start: int, end: int, made: int, *, nap: bool) -> Record:
        return {
            "id": key,
            "cycle_id": cycle_id,
            "v1_id": None,
            "user_id": self._persona.user_id,
            "created_at": to_text(made),
            "updated_at": to_text(made),
            "start": to_text(start),
            "end": to_text(end),
            "timezone_offset": self._log.offset_text(start),
            "nap": nap,
            "score_state": "SCORED",
        }

    def _recovery_record(self, sleep_id: str, cycle_id: int, made: int) -> Record:
        return {
            "cycle_id": cycle_id,
            "sleep_id": sleep_id,
            "user_id": self._persona.user_id,
            "created_at": to_text(made),
            "updated_at": to_text(made),
            "score_state": "SCORED",
        }
