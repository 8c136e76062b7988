"""Few intervals exclude zero if answers and outcomes are unrelated. The benchmark measures the rate."""

import random

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


def test_a_rotation_keeps_weekdays_and_all_values_and_moves_each_far_enough():
    _, days = generate_member(3, 200)
    moved = rotated(days, 49)
    assert sorted(map(id, moved.values())) == sorted(map(id, days.values()))
    came_from = {id(row): day for day, row in days.items()}
    for day, row in moved.items():
        apart = (day - came_from[id(row)]).days
        assert apart % 7 == 0
        assert abs(apart) >= MIN_ROTATION_DAYS
