"""Weekly summaries: a week worked out by hand, and generated histories compared with plain loops."""

import json
import random
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whoop_assets.summaries.record_columns import ZONES
from whoop_assets.summaries.weeks import DAILY_READ_BY_WEEKS, REDEFINED, weekly_rows
from whoop_assets_tests.summaries.comparison import assert_same_rows
from whoop_assets_tests.summaries.naive_weeks import naive_weekly_rows
from whoop_assets_tests.summaries.trends.days import frame

MONDAY = date(2026, 12, 28)


def a_day(number, **changes):
    row = dict.fromkeys(DAILY_READ_BY_WEEKS)
    return row | {"user_id": 1, "day": MONDAY + timedelta(days=number), "is_partial": False} | changes


def weeks(rows):
    return weekly_rows(frame(rows, DAILY_READ_BY_WEEKS))


def test_a_week_by_hand():
    rows = [
        a_day(0, recovery_score=40.0, recovery_band="yellow", strain=10.0, kilojoule=9000.0, workout_count=2),
        a_day(1, recovery_score=80.0, recovery_band="green", strain=14.0, kilojoule=11000.0, workout_count=1),
        a_day(
            3, recovery_score=80.0, recovery_band="green", strain=0.0, kilojoule=0.0, zone_two_milli=90_000
        ),
        a_day(5, recovery_score=20.0, recovery_band="red", strain=5.0, kilojoule=3000.0, is_partial=True),
    ]
    (week,) = weeks(rows)
    assert (week["week_start"], week["iso_year"], week["iso_week"]) == (MONDAY, 2026, 53)
    assert week["is_partial"] is True
    assert (week["days_with_data"], week["recovery_score_days"], week["strain_days"]) == (4, 4, 2)
    assert week["sleep_duration_minutes_days"] == 0
    assert (week["recovery_score_mean"], week["recovery_score_median"]) == (55, 60)
    assert (week["recovery_score_max"], week["recovery_score_max_day"]) == (80, MONDAY + timedelta(days=1))
    assert (week["recovery_score_min"], week["recovery_score_min_day"]) == (20, MONDAY + timedelta(days=5))
    assert (week["green_days"], week["yellow_days"], week["red_days"]) == (2, 1, 1)
    assert (week["strain_max"], week["strain_max_day"]) == (14, MONDAY + timedelta(days=1))
    assert (week["kilojoule_sum"], week["kilojoule_days"]) == (20_000, 2)
    assert (week["workout_count"], week["workout_count_days"], week["zone_two_minutes"]) == (3, 2, 1.5)
    assert week["workout_minutes"] is None


def test_a_mean_of_fewer_than_four_days_is_missing_with_a_reason():
    rows = [a_day(n, strain=10.0 + n, kilojoule=9e3, resting_heart_rate=50.0) for n in range(3)]
    (week,) = weeks([*rows, a_day(3, resting_heart_rate=54.0)])
    assert (week["strain_days"], week["strain_mean"], week["strain_median"]) == (3, None, None)
    assert (week["strain_min"], week["strain_max"]) == (10, 12)
    why = json.loads(week["missing"])
    assert why["strain_mean"] == why["strain_median"] == "3 of 4 days"
    assert why["hrv_rmssd_milli_mean"] == "0 of 4 days"
    assert (week["resting_heart_rate_days"], week["resting_heart_rate_mean"]) == (4, 51)
    assert "resting_heart_rate_mean" not in why


def test_training_load_has_a_weekly_sum_and_rest_days_count_as_zero():
    zones = dict.fromkeys(("zone_one_milli", "zone_three_milli", "zone_four_milli", "zone_five_milli"), 0)
    worked = [
        a_day(n, strain=9.0, kilojoule=9e3, workout_count=1, zone_two_milli=1_800_000, **zones)
        for n in range(3)
    ]
    (week,) = weeks([*worked, a_day(3, strain=5.0, kilojoule=8e3, workout_count=0), a_day(4)])
    assert (week["training_load_sum"], week["training_load_days"], week["training_load_mean"]) == (180, 4, 45)


def test_recoveries_from_calibration_count_in_no_mean_and_no_band():
    rows = [
        a_day(n, recovery_score=90.0, recovery_band="green", user_calibrating=n < 3, hrv_rmssd_milli=60.0)
        for n in range(7)
    ]
    (week,) = weeks(rows)
    assert (week["recovery_score_days"], week["green_days"], week["hrv_rmssd_milli_days"]) == (4, 4, 7)


@pytest.mark.parametrize(
    ("column", "monday", "mixed"),
    [
        ("sleep_performance_percentage", date(2025, 4, 21), False),
        ("sleep_performance_percentage", date(2025, 4, 28), True),  # 1 May can have either definition
        ("sleep_performance_percentage", date(2025, 5, 12), True),
        ("sleep_performance_percentage", date(2025, 5, 26), True),
        ("sleep_performance_percentage", date(2025, 6, 2), False),
        ("sleep_duration_minutes", date(2025, 2, 17), False),
        ("sleep_duration_minutes", date(2025, 2, 24), False),  # the change was on a Monday
    ],
)
def test_no_weekly_mean_mixes_two_definitions(column, monday, mixed):
    rows = [a_day(n, **{column: 80.0}, resting_heart_rate=50.0) for n in range(7)]
    (week,) = weeks([row | {"day": monday + timedelta(days=n)} for n, row in enumerate(rows)])
    assert week[f"{column}_days"] == 7
    assert week[f"{column}_mean"] == week[f"{column}_median"] == (None if mixed else 80)
    assert json.loads(week["missing"]).get(f"{column}_mean") == (REDEFINED if mixed else None)
    assert week["resting_heart_rate_mean"] == 50


def some_day(rng, number, user_id):
    """Return a day with random values and gaps in every column that weeks read."""

    def maybe(value, chance=0.75):
        return value if rng.random() < chance else None

    not_worn = rng.random() < 0.1
    workouts = maybe(rng.choice([0, 1, 3]))
    numbers = {name: maybe(rng.uniform(1, 500)) for name in DAILY_READ_BY_WEEKS if name not in OTHER}
    milli = {zone: rng.randrange(3_600_000) if workouts and rng.random() < 0.9 else None for zone in ZONES}
    worked = {
        f"workout_{name}": rng.uniform(1, 90) if workouts else workouts for name in ("minutes", "kilojoule")
    }
    others = {
        "user_id": user_id,
        "is_partial": rng.random() < 0.1,
        "user_calibrating": maybe(rng.random() < 0.3),
        "recovery_band": maybe(rng.choice(["green", "yellow", "red"])),
        "recovery_score": maybe(rng.choice([20.0, 55.0, 80.0])),
        "strain": 0.0 if not_worn else maybe(rng.choice([0.0, 7.25, 12.5])),
        "kilojoule": 0.0 if not_worn else maybe(8000.0),
        "workout_count": workouts,
    }
    return a_day(number, **numbers | milli | worked | others)


MONDAYS = [MONDAY, date(2025, 2, 10), date(2025, 4, 21), date(2025, 5, 19)]
OTHER = ("user_id", "day", "is_partial", "user_calibrating", "recovery_band")


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from(MONDAYS))
def test_every_column_equals_that_of_plain_loops(seed, monday):
    """From 2025 the days contain WHOOP's changes of definition."""
    rng = random.Random(seed)
    rows = [
        some_day(rng, n, user_id) | {"day": monday + timedelta(days=n)}
        for user_id in (1, 2)
        for n in range(25)
        if rng.random() < 0.8
    ]
    assert_same_rows(weeks(rows), naive_weekly_rows(rows), "week_start")


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rng):
    rows = [a_day(n, recovery_score=rng.random(), strain=rng.uniform(0, 21)) for n in range(20)]
    shuffled = list(rows)
    rng.shuffle(shuffled)
    assert weeks(shuffled) == weeks(rows)


@settings(max_examples=3)
@given(st.integers(0, 2**32))
def test_a_week_does_not_depend_on_other_rows(seed):
    rng = random.Random(seed)

    def maybe(low, high):
        return rng.choice([None, 0.0, rng.uniform(low, high), rng.uniform(low, high)])

    rows = [
        a_day(
            n, user_id=user_id, nap_minutes=maybe(0, 80), strain=maybe(0, 21), hrv_rmssd_milli=maybe(20, 150)
        )
        for user_id in (1, 2, 3)
        for n in range(21)
        if rng.random() < 0.9
    ]
    for week in weeks(rows):
        there = week["week_start"], week["week_start"] + timedelta(days=6)
        alone = [
            row for row in rows if row["user_id"] == week["user_id"] and there[0] <= row["day"] <= there[1]
        ]
        assert weeks(rng.sample(alone, len(alone))) == [week]
