"""Generates scores from the way a member slept, trained and felt.

Pure functions of their arguments and a random generator. Durations are in milliseconds, strain is on WHOOP's
scale from 0 to 21. The numbers are invented but plausible; fields, sums and signs are WHOOP's.
"""

import math
import random
from dataclasses import dataclass
from typing import Any

from whoop_simulator.physiology.personas import Persona
from whoop_simulator.physiology.sports import Sport
from whoop_simulator.timestamps import DAY, HOUR, MINUTE, SECOND

Score = dict[str, Any]

HRV_PER_BALANCE, HRV_NOISE = 0.17, 0.04
"""ln RMSSD: change per standard deviation of the day's state, and standard deviation of the independent part.
"""
HEART_RATE_PER_BALANCE, HEART_RATE_NOISE = -1.7, 1.02
"""The same for the resting heart rate, in bpm.

Relative to the 28 nights before, both correlate with -0.84, as in five real members; `test_plausibility`
measures it.
"""

MAX_STRAIN = 21.0
BASELINE_NEED = int(7.6 * HOUR)


def strain_of_load(load: float) -> float:
    """Convert load to strain, which saturates at MAX_STRAIN."""
    return MAX_STRAIN * (1 - math.exp(-load))


def load_of_strain(strain: float) -> float:
    return -math.log(1 - min(strain, 20.8) / MAX_STRAIN)


@dataclass(frozen=True)
class SleepShape:
    """Sleep stages as fractions of the time in bed, the same for all versions of a sleep."""

    awake: float
    no_data: float
    slow_wave: float
    rem: float
    gap: int
    """Milliseconds by which end - start exceeds the time in bed (up to 448 s)."""
    disturbances_an_hour: float
    respiratory_rate: float

    @property
    def efficiency(self) -> float:
        return 1 - self.awake - self.no_data


def sleep_shape(rng: random.Random, persona: Persona, *, nap: bool = False, sick: bool = False) -> SleepShape:
    gap = 0 if rng.random() < 0.6 else rng.randrange(1, 448 * SECOND)
    return SleepShape(
        awake=min(0.3, max(0.02, rng.gauss(0.085, 0.03))),
        no_data=rng.uniform(0.005, 0.06) if rng.random() < 0.05 else 0.0,
        slow_wave=max(0.02, rng.gauss(0.08 if nap else 0.19, 0.035)),
        rem=max(0.0 if nap else 0.05, rng.gauss(0.06 if nap else 0.22, 0.04)),
        gap=0 if nap else gap,
        disturbances_an_hour=max(0.2, rng.gauss(1.5, 0.5)),
        respiratory_rate=round(persona.respiratory_rate + rng.gauss(0.1, 0.3) + (1.4 if sick else 0), 7),
    )


def stage_summary(shape: SleepShape, span: int) -> dict[str, int]:
    """The stages of a sleep of `span` milliseconds. The five durations add up to the time in bed."""
    in_bed = max(0, span - shape.gap)
    awake = int(in_bed * shape.awake)
    no_data = int(in_bed * shape.no_data)
    slow_wave = int(in_bed * shape.slow_wave)
    rem = int(in_bed * shape.rem)
    return {
        "total_in_bed_time_milli": in_bed,
        "total_awake_time_milli": awake,
        "total_no_data_time_milli": no_data,
        "total_light_sleep_time_milli": in_bed - awake - no_data - slow_wave - rem,
        "total_slow_wave_sleep_time_milli": slow_wave,
        "total_rem_sleep_time_milli": rem,
        "sleep_cycle_count": in_bed // (95 * MINUTE),
        "disturbance_count": int(in_bed / HOUR * shape.disturbances_an_hour),
    }


def asleep_milli(stages: dict[str, int]) -> int:
    return (
        stages["total_light_sleep_time_milli"]
        + stages["total_slow_wave_sleep_time_milli"]
        + stages["total_rem_sleep_time_milli"]
    )


def sleep_needed(debt: int, strain: float, napped: int) -> dict[str, int]:
    """The need before a sleep: `debt` and `napped` in milliseconds, `strain` of the previous cycle."""
    return {
        "baseline_milli": BASELINE_NEED,
        "need_from_sleep_debt_milli": max(0, debt),
        "need_from_recent_strain_milli": max(0, int((strain - 4) * 2.6 * MINUTE)),
        "need_from_recent_nap_milli": -napped,
    }


def sleep_score(
    shape: SleepShape, span: int, needed: dict[str, int], consistency: float | None, *, new_member: bool
) -> Score:
    stages = stage_summary(shape, span)
    asleep = asleep_milli(stages)
    score: Score = {
        "stage_summary": stages,
        "sleep_needed": needed,
        "respiratory_rate": shape.respiratory_rate,
    }
    if not new_member:
        need = max(HOUR, sum(needed.values()))
        score["sleep_performance_percentage"] = float(min(100, round(100 * asleep / need)))
        score["sleep_consistency_percentage"] = 0.0 if consistency is None else float(round(consistency))
    in_bed = stages["total_in_bed_time_milli"]
    score["sleep_efficiency_percentage"] = round(100 * asleep / in_bed, 7) if in_bed else 0.0
    return score


def recovery_score(
    rng: random.Random, persona: Persona, *, balance: float, drift: float, sick: bool, calibrating: bool
) -> Score:
    """A recovery score. `balance`: state of the day in standard deviations; `drift`: slow drift of ln HRV."""
    percent = 100 * _normal_cdf(0.35 + 0.8 * balance)
    hrv = persona.hrv_milli * math.exp(drift + HRV_PER_BALANCE * balance + rng.gauss(0, HRV_NOISE))
    score: Score = {
        "user_calibrating": calibrating,
        "recovery_score": float(min(99, max(1, round(percent)))),
        "resting_heart_rate": float(
            round(
                persona.resting_heart_rate
                + HEART_RATE_PER_BALANCE * balance
                - 9 * drift
                + rng.gauss(0, HEART_RATE_NOISE)
            )
        ),
        "hrv_rmssd_milli": round(hrv, 6),
        "spo2_percentage": None,
        "skin_temp_celsius": None,
    }
    spo2 = round(min(99.5, rng.gauss(96.1, 0.9)), 4)
    skin_temperature = round(rng.gauss(33.9, 0.4) + (0.9 if sick else 0), 6)
    if persona.has_temperature:
        score["spo2_percentage"] = spo2
        # Some nights bring no temperature even with a 4.0: an explicit null.
        score["skin_temp_celsius"] = None if rng.random() < 0.02 else skin_temperature
    return score


def nap_recovery_score(rng: random.Random, persona: Persona, drift: float) -> Score:
    """The odd recovery of a nap: scores of 1..28 were seen."""
    score = recovery_score(rng, persona, balance=-1.2, drift=drift, sick=False, calibrating=False)
    score["recovery_score"] = float(rng.randint(1, 28))
    return score


def workout_score(rng: random.Random, persona: Persona, sport: Sport, span: int, strain: float) -> Score:
    effort = min(0.93, max(0.45, 0.50 + strain / 45 + rng.gauss(0, 0.03)))
    average = int(persona.max_heart_rate * effort)
    peak = int(min(persona.max_heart_rate + 3, average * rng.uniform(1.10, 1.28)))
    minutes = span / MINUTE
    distance: float | None = None
    gain: float | None = None
    change: float | None = None
    if sport.metres_per_minute:
        distance = round(minutes * sport.metres_per_minute * rng.uniform(0.85, 1.15), 6)
        if sport.climbs:
            gain = round(distance * rng.uniform(0.001, 0.02), 6)
            change = round(rng.gauss(0, 6), 6)
    return {
        "strain": round(strain, 7),
        "average_heart_rate": average,
        "max_heart_rate": peak,
        "kilojoule": round(minutes * persona.weight_kilogram * effort**2 * 1.05, 4),
        "percent_recorded": 1.0 if rng.random() < 0.7 else round(rng.uniform(0.975, 0.9999), 7),
        "distance_meter": distance,
        "altitude_gain_meter": gain,
        "altitude_change_meter": change,
        "zone_durations": _zone_durations(rng, span, strain),
    }


def cycle_score(rng: random.Random, persona: Persona, span: int, load: float) -> Score:
    """The score of a complete cycle; `load` is the sum of the member's activity."""
    average = persona.resting_heart_rate + 11 + 9 * load + rng.gauss(0, 2)
    peak = persona.resting_heart_rate + 55 + 42 * min(load, 2.2) + rng.gauss(0, 6)
    resting_kilojoule = persona.weight_kilogram * 105 * span / DAY
    return {
        "strain": round(strain_of_load(load), 7),
        "kilojoule": round(resting_kilojoule + 3600 * load * rng.uniform(0.85, 1.15), 3),
        "average_heart_rate": round(average),
        "max_heart_rate": min(persona.max_heart_rate + 2, round(peak)),
    }


ZERO_CYCLE_SCORE: Score = {"strain": 0.0, "kilojoule": 0.0, "average_heart_rate": 0, "max_heart_rate": 0}


@dataclass(frozen=True)
class OpenCycle:
    """The final score of an open cycle, from which the current score follows by the elapsed time."""

    start: int
    span: int
    score: Score
    step_count: int | None

    # A strap syncs every few minutes. Within such a step two reads return the same values.
    STEP = 5 * MINUTE

    def at(self, now: int) -> tuple[Score, int | None]:
        """(score, step_count) as WHOOP shows them at `now`."""
        passed = max(0, now - self.start) // self.STEP * self.STEP
        part = min(1.0, passed / self.span) if self.span else 1.0
        # The load of the night is low, so that most of it falls into the last two thirds.
        active = 0.02 + 0.98 * max(0.0, (part - 0.33) / 0.67) if part < 1 else 1.0
        final = self.score
        steps = None if self.step_count is None else int(self.step_count * active)
        calm_heart_rate = final["average_heart_rate"] * 0.8
        return {
            "strain": round(strain_of_load(load_of_strain(final["strain"]) * active), 7),
            "kilojoule": round(final["kilojoule"] * (0.7 * part + 0.3 * active), 3),
            "average_heart_rate": round(
                calm_heart_rate + (final["average_heart_rate"] - calm_heart_rate) * active
            ),
            "max_heart_rate": round(final["max_heart_rate"] * (0.6 + 0.4 * math.sqrt(active))),
        }, steps


def _zone_durations(rng: random.Random, span: int, strain: float) -> dict[str, int]:
    # The sum differs from end - start by -35 s .. +1 s.
    total = max(0, span + rng.randrange(-35 * SECOND, SECOND + 1))
    centre = 0.4 + strain / 5
    weights = [math.exp(-(((zone - centre) / 1.1) ** 2)) * rng.uniform(0.7, 1.3) for zone in range(6)]
    parts = [int(total * weight / sum(weights)) for weight in weights]
    parts[1] += total - sum(parts)
    names = ("zero", "one", "two", "three", "four", "five")
    return {f"zone_{name}_milli": part for name, part in zip(names, parts, strict=True)}


def _normal_cdf(z: float) -> float:
    return 0.5 * (1 + math.erf(z / math.sqrt(2)))
