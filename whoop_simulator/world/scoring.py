"""Scores of records that are added, rescored or reprocessed.

Pure functions of their arguments and a random generator.
"""

import random

from whoop_simulator.physiology.personas import Persona
from whoop_simulator.physiology.scores import (
    Score,
    asleep_milli,
    cycle_score,
    load_of_strain,
    recovery_score,
    sleep_needed,
    sleep_score,
    sleep_shape,
    workout_score,
)
from whoop_simulator.physiology.sports import RUNNING
from whoop_simulator.timestamps import DAY, HOUR, from_text
from whoop_simulator.world.records import CYCLES, RECOVERIES, SLEEPS, Record


def span_of(record: Record) -> int:
    """Milliseconds from start to end; a day for an open cycle, 0 for a recovery."""
    if "start" not in record:
        return 0
    end = record.get("end")
    return DAY if end is None else from_text(end) - from_text(record["start"])


def invented_score(stream: str, record: Record, persona: Persona, rng: random.Random) -> Score:
    """Return a plausible score for a record without one."""
    span = span_of(record)
    if stream == CYCLES:
        return cycle_score(rng, persona, span, load_of_strain(rng.uniform(5, 16)))
    if stream == SLEEPS:
        nap = bool(record["nap"])
        shape = sleep_shape(rng, persona, nap=nap)
        consistency = rng.uniform(55, 90)
        return sleep_score(shape, span, sleep_needed(0, 10.0, 0), consistency, new_member=False)
    if stream == RECOVERIES:
        balance = rng.gauss(0, 1)
        return recovery_score(rng, persona, balance=balance, drift=0.0, sick=False, calibrating=False)
    return workout_score(rng, persona, RUNNING, span, rng.uniform(4, 14))


def rescored(stream: str, score: Score, rng: random.Random) -> Score:
    """Return a slightly different score, whose parts still add up."""
    new = dict(score)
    if stream == CYCLES:
        new["strain"] = round(min(20.9, score["strain"] * rng.uniform(0.9, 1.08) + 0.05), 7)
        new["kilojoule"] = round(score["kilojoule"] * rng.uniform(0.95, 1.05) + 1, 3)
        new["average_heart_rate"] = score["average_heart_rate"] + rng.choice((-1, 1))
        return new if score["average_heart_rate"] else new | {"average_heart_rate": 0}
    if stream == SLEEPS:
        stages = dict(score["stage_summary"])
        move = int(stages["total_light_sleep_time_milli"] * rng.uniform(0.02, 0.15))
        stages["total_light_sleep_time_milli"] -= move
        stages["total_awake_time_milli"] += move
        stages["disturbance_count"] += 1
        return _with_stages(new, stages)
    if stream == RECOVERIES:
        step = rng.choice((-1, 1)) * rng.randint(1, 12)
        new["recovery_score"] = float(min(99, max(1, score["recovery_score"] + step)))
        new["hrv_rmssd_milli"] = round(score["hrv_rmssd_milli"] * rng.uniform(0.93, 1.07), 6)
        return new
    new["strain"] = round(min(20.9, score["strain"] * rng.uniform(0.9, 1.1)), 7)
    new["kilojoule"] = round(score["kilojoule"] * rng.uniform(0.95, 1.05), 4)
    new["average_heart_rate"] = score["average_heart_rate"] + rng.choice((-1, 1))
    return new


def reprocessed_sleep(score: Score, span: int) -> Score:
    """Return the score of a sleep whose start or end was edited; `span` is its new length in milliseconds."""
    stages = dict(score["stage_summary"])
    before = max(1, stages["total_in_bed_time_milli"])
    for name in stages:
        if name not in ("sleep_cycle_count", "disturbance_count"):
            stages[name] = int(stages[name] * span / before)
    stages["total_in_bed_time_milli"] = span
    parts = ("awake", "no_data", "slow_wave_sleep", "rem_sleep")
    others = sum(stages[f"total_{part}_time_milli"] for part in parts)
    stages["total_light_sleep_time_milli"] = span - others
    return _with_stages(dict(score), stages)


def _with_stages(score: Score, stages: dict[str, int]) -> Score:
    asleep, in_bed = asleep_milli(stages), stages["total_in_bed_time_milli"]
    score["stage_summary"] = stages
    score["sleep_efficiency_percentage"] = round(100 * asleep / in_bed, 7) if in_bed else 0.0
    if "sleep_performance_percentage" in score:
        need = max(HOUR, sum(score["sleep_needed"].values()))
        score["sleep_performance_percentage"] = float(min(100, round(100 * asleep / need)))
    return score
