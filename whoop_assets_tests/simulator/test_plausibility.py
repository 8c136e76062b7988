"""Plausible distributions of the generated values over 600 days of four members."""

import math
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import correlation, fmean, median, stdev
from typing import Any, NamedTuple

import pytest

from whoop_assets_tests.simulator.conftest import make_world

HOUR = 3_600_000


class Day(NamedTuple):
    hours_asleep: float
    previous_strain: float
    recovery: float
    hrv: float
    heart_rate: float
    weekday: int


@pytest.fixture(scope="module")
def truths() -> list[dict[str, list[dict[str, Any]]]]:
    world = make_world(members=4, days=600, seed=11)
    return [world.truth(user_id) for user_id in world.user_ids]


def days(truth: dict[str, list[dict[str, Any]]]) -> Iterator[Day]:
    """Nights with a scored sleep, a recovery and a previous cycle."""
    cycles = truth["cycles"][::-1]
    previous = {later["id"]: earlier for earlier, later in pairwise(cycles)}
    recovery = {record["sleep_id"]: record for record in truth["recoveries"]}
    for sleep in truth["sleeps"]:
        before = previous.get(sleep["cycle_id"], {})
        if sleep["nap"] or not all("score" in record for record in (sleep, before, recovery[sleep["id"]])):
            continue
        stages = sleep["score"]["stage_summary"]
        asleep = sum(
            stages[f"total_{part}_time_milli"] for part in ("light_sleep", "slow_wave_sleep", "rem_sleep")
        )
        score = recovery[sleep["id"]]["score"]
        yield Day(
            asleep / HOUR,
            before["score"]["strain"],
            score["recovery_score"],
            score["hrv_rmssd_milli"],
            score["resting_heart_rate"],
            (datetime.fromisoformat(sleep["start"]) + timedelta(hours=12)).weekday(),
        )


def test_sleeps_have_a_mean_of_7_2_hours_and_a_deviation_of_one_hour(truths: list[Any]) -> None:
    for truth in truths:
        hours = [day.hours_asleep for day in days(truth)]
        assert 7.0 < fmean(hours) < 7.45
        assert 0.8 < stdev(hours) < 1.2


def test_weekend_nights_are_longer(truths: list[Any]) -> None:
    # The second member sleeps at European times, so that the UTC weekday equals the local one.
    nights = list(days(truths[1]))
    weekend = fmean(day.hours_asleep for day in nights if day.weekday in (5, 6))
    assert 0.3 < weekend - fmean(day.hours_asleep for day in nights if day.weekday not in (5, 6)) < 1.2


def test_recovery_falls_after_strain_and_after_short_sleep(truths: list[Any]) -> None:
    for truth in truths:
        seen = list(days(truth))
        recovery = [day.recovery for day in seen]
        assert -0.45 < correlation([day.previous_strain for day in seen], recovery) < -0.15
        assert 0.25 < correlation([day.hours_asleep for day in seen], recovery) < 0.55
        assert 45 < fmean(recovery) < 72
        assert 15 < stdev(recovery) < 30


def test_hrv_is_log_normal_around_a_drifting_mean(truths: list[Any]) -> None:
    for truth in truths:
        logs = [math.log(day.hrv) for day in days(truth)]
        spread = stdev(logs)
        assert 0.12 < spread < 0.35
        standard = [(value - fmean(logs)) / spread for value in logs]
        assert abs(fmean(value**3 for value in standard)) < 0.6, "skewness of the logarithm"
        assert abs(fmean(value**4 for value in standard) - 3) < 1.5, "kurtosis of the logarithm"
        months = [fmean(logs[index : index + 30]) for index in range(0, len(logs) - 30, 30)]
        assert 0.03 < stdev(months) < 0.25


def test_resting_heart_rate_and_hrv_correlate_as_in_real_members(truths: list[Any]) -> None:
    """Relative to the 28 nights before, the z-scores of real members correlate with -0.84."""
    heart_rates, hrvs = [], []
    for truth in truths:
        nights = list(days(truth))[::-1]
        for place in range(28, len(nights)):
            before = nights[place - 28 : place]
            rates, logs = [night.heart_rate for night in before], [math.log(night.hrv) for night in before]
            heart_rates.append((nights[place].heart_rate - fmean(rates)) / stdev(rates))
            hrvs.append((math.log(nights[place].hrv) - fmean(logs)) / stdev(logs))
    assert -0.87 < correlation(heart_rates, hrvs) < -0.81


def test_cycles_have_up_to_three_workouts_of_several_sports(truths: list[Any]) -> None:
    for truth in truths:
        starts = [cycle["start"] for cycle in truth["cycles"]]
        per_cycle = Counter(max(s for s in starts if s <= w["start"]) for w in truth["workouts"])
        assert set(per_cycle.values()) == {1, 2, 3}
        assert 0.3 < len(truth["workouts"]) / len(starts) < 1.8
        assert len({workout["sport_name"] for workout in truth["workouts"]}) >= 5


def test_strain_has_the_range_of_real_members(truths: list[Any]) -> None:
    for truth in truths:
        strains = [cycle["score"]["strain"] for cycle in truth["cycles"] if "score" in cycle]
        assert 6 < median(strains) < 14
        assert max(strains) < 21


def test_sick_weeks_change_the_values(truths: list[Any]) -> None:
    for truth in truths:
        rates = [
            s["score"]["respiratory_rate"] for s in truth["sleeps"][::-1] if not s["nap"] and "score" in s
        ]
        usual = median(rates)
        weeks = [fmean(rates[index : index + 5]) - usual for index in range(len(rates) - 5)]
        assert max(weeks) > 0.9
        assert sorted(weeks)[len(weeks) // 2] < 0.3
