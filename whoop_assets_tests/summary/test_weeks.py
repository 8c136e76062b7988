"""Weekly summaries: by a week worked out by hand, and against plain loops over any history."""

import random
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whoop_assets.summary.weeks import DAILY_READ_BY_WEEKS, WEEKLY, weekly_rows
from whoop_assets.warehouse.tables import weekly_summary
from whoop_assets_tests.summary.days import frame

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
    assert (week["days_with_data"], week["days_with_recovery"], week["days_with_strain"]) == (4, 4, 2)
    assert week["days_with_sleep"] == 0
    assert week["recovery_score_mean"] == 55
    assert (week["recovery_score_best"], week["recovery_best_day"]) == (80, MONDAY + timedelta(days=1))
    assert (week["recovery_score_worst"], week["recovery_worst_day"]) == (20, MONDAY + timedelta(days=5))
    assert (week["green_days"], week["yellow_days"], week["red_days"]) == (2, 1, 1)
    assert (week["strain_mean"], week["strain_sum"], week["strain_best"]) == (12, 24, 14)
    assert week["strain_best_day"] == MONDAY + timedelta(days=1)
    assert week["kilojoule_sum"] == 20_000
    assert (week["workout_count"], week["zone_two_minutes"]) == (3, 1.5)
    assert week["hrv_rmssd_milli_mean"] is None
    assert week["workout_minutes"] is None


def test_the_columns_are_those_of_the_table():
    assert [*WEEKLY, "built_at"] == [column.name for column in weekly_summary.columns]


@given(st.integers(0, 2**32))
def test_every_week_is_what_plain_loops_make_of_its_days(seed):
    rng = random.Random(seed)
    rows = [
        a_day(
            n,
            user_id=user_id,
            is_partial=rng.random() < 0.1,
            recovery_score=rng.choice([None, 20.0, 55.0, 80.0]),
            strain=rng.choice([None, 0.0, 7.25, 12.5]),
            kilojoule=rng.choice([None, 0.0, 8000.0]),
            sleep_duration_minutes=rng.choice([None, 400.5, 430.0]),
            workout_count=rng.choice([0, 1, 3]),
            zone_five_milli=rng.choice([None, 0, 60_000]),
        )
        for user_id in (1, 2)
        for n in range(25)
        if rng.random() < 0.7
    ]
    found = {(week["user_id"], week["week_start"]): week for week in weeks(rows)}
    mondays = {(row["user_id"], row["day"] - timedelta(days=row["day"].weekday())) for row in rows}
    assert set(found) == mondays
    for user_id, monday in mondays:
        week = found[user_id, monday]
        days = [row for row in rows if row["user_id"] == user_id and 0 <= (row["day"] - monday).days < 7]
        assert (week["iso_year"], week["iso_week"]) == monday.isocalendar()[:2]
        assert week["days_with_data"] == len(days)
        assert week["is_partial"] == any(row["is_partial"] for row in days)
        strain = [
            row["strain"]
            for row in days
            if row["strain"] is not None
            and not row["is_partial"]
            and not (row["strain"] == 0 and row["kilojoule"] == 0)
        ]
        assert week["strain_sum"] == (sum(strain) if strain else None)
        assert week["strain_best"] == max(strain, default=None)
        for name in ("recovery_score", "sleep_duration_minutes"):
            values = [row[name] for row in days if row[name] is not None]
            assert week[f"{name}_mean"] == (pytest.approx(sum(values) / len(values)) if values else None)
            assert week[f"{name}_worst"] == min(values, default=None)
        best = [
            row["day"] for row in days if row["recovery_score"] == week["recovery_score_best"] is not None
        ]
        assert week["recovery_best_day"] == min(best, default=None)
        assert week["workout_count"] == sum(row["workout_count"] for row in days)
        zone = [row["zone_five_milli"] for row in days if row["zone_five_milli"] is not None]
        assert week["zone_five_minutes"] == (sum(zone) / 60_000 if zone else None)


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(rng):
    rows = [a_day(n, recovery_score=rng.random(), strain=rng.uniform(0, 21)) for n in range(20)]
    shuffled = list(rows)
    rng.shuffle(shuffled)
    assert weeks(shuffled) == weeks(rows)


@settings(max_examples=6)
@given(st.integers(0, 2**32))
def test_a_week_is_the_same_to_the_last_bit_whatever_is_computed_with_it(seed):
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
