"""Few intervals exclude zero if answers and outcomes are unrelated, and most contain an effect that exists.

The benchmark measures the rate of false alarms.
"""

import random

import pytest

from whoop_assets.journal.effects import effect_rows
from whoop_assets_tests.support.models.rotated_journal import (
    MAX_ALARM_SHARE,
    MIN_ROTATION_DAYS,
    Tally,
    generate_member,
    rotated,
    rotations,
)


def test_unrelated_answers_have_few_effects():
    tally = Tally()
    for seed in (1, 2):
        rotations(*generate_member(seed, 400), 2, random.Random(seed), tally)
    assert tally.intervals == 2 * 2 * 5 * 4 * 2
    assert tally.alarms / tally.intervals <= MAX_ALARM_SHARE < tally.plain_alarms / tally.plain_intervals
    assert tally.reported == 0


def test_nine_of_ten_intervals_contain_a_planted_effect():
    """A habit that lasts for weeks is part of its own baseline, so fewer than 95% of intervals do."""
    contained, sizes = [], []
    for seed in range(12):
        answers, days = generate_member(seed, 400)
        asked = [answer for answer in answers if answer["question"] == "Habit 0?"]
        did = {answer["day"] for answer in asked if answer["answered_yes"]}
        changed = {day: row | planted(row) if day in did else row for day, row in days.items()}
        for row in effect_rows(asked, changed):
            if row["lag_days"] == 0 and row["difference"] is not None:
                effect = EFFECTS[row["outcome"]]
                contained.append(row["difference_low"] <= effect <= row["difference_high"])
                sizes.append(row["difference"] / effect)
    assert len(contained) == 12 * 4
    assert sum(contained) / len(contained) > 0.9
    assert sum(sizes) / len(sizes) == pytest.approx(1, abs=0.2)


EFFECTS = {
    "recovery_score": -8.0,  # points
    "hrv_rmssd_milli": -10.0,  # percent
    "resting_heart_rate": 1.5,  # bpm
    "sleep_duration_minutes": -30.0,  # minutes
}


def planted(row):
    """Return the outcomes of a day with the effects of a habit."""
    factor = {"hrv_rmssd_milli": 1 + EFFECTS["hrv_rmssd_milli"] / 100}
    return {
        name: value * factor[name] if name in factor else value + EFFECTS[name] for name, value in row.items()
    }


def test_a_rotation_keeps_weekdays_and_all_values_and_moves_each_far_enough():
    _, days = generate_member(3, 200)
    moved = rotated(days, 49)
    assert sorted(map(id, moved.values())) == sorted(map(id, days.values()))
    came_from = {id(row): day for day, row in days.items()}
    for day, row in moved.items():
        apart = (day - came_from[id(row)]).days
        assert apart % 7 == 0
        assert abs(apart) >= MIN_ROTATION_DAYS
