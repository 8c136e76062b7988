"""Planted illnesses, overreaching and journeys are detected; `benchmarks.summaries.planted` has the rates."""

from datetime import timedelta
from statistics import correlation

import pytest

from whoop_assets_tests.support.models.planted import (
    AWAY,
    FIRST,
    ILL,
    OVERREACH,
    Illnesses,
    healthy_and,
    trends_of,
)

SEEDS = range(1, 9)
STRONG = 3.0


@pytest.fixture(scope="module")
def by_member():
    rows = trends_of([row for seed in SEEDS for row in healthy_and(STRONG, seed)])
    return {
        seed: {(row["day"] - FIRST).days: row for row in rows if row["user_id"] == seed} for seed in SEEDS
    }


def test_a_strong_illness_is_flagged_by_its_second_night_and_healthy_nights_rarely_are(by_member):
    tally = Illnesses()
    for rows in by_member.values():
        flags = {row["day"]: row["illness_flag"] for row in rows.values()}
        tally.add(flags, [[FIRST + timedelta(days=n) for n in ILL]])
    assert tally.by_second_night == tally.episodes == len(SEEDS)
    assert tally.false / tally.well < 0.02


def test_heart_rate_and_hrv_of_planted_members_correlate_as_in_real_members():
    """Their z-scores correlate with -0.84 in real members."""
    nights = [row for seed in SEEDS for row in trends_of(healthy_and(0.0, seed))]
    pairs = [(row["resting_heart_rate_z_28"], row["ln_hrv_rmssd_z_28"]) for row in nights]
    known = [pair for pair in pairs if None not in pair]
    assert len(known) > 2000
    assert correlation(*zip(*known, strict=True)) == pytest.approx(-0.84, abs=0.03)


def test_three_weeks_of_overreach_bring_the_highest_load_of_the_year(by_member):
    for rows in by_member.values():
        for name in ("strain_mean_7", "training_load_mean_7"):
            means = {n: row[name] for n, row in rows.items() if row[name] is not None}
            assert max(means, key=means.__getitem__) in range(OVERREACH[0], OVERREACH[-1] + 2)
        during = [
            rows[n]["training_load_ratio_7_21"] for n in range(OVERREACH[4], OVERREACH[12]) if n in rows
        ]
        usual = sorted(
            row["training_load_ratio_7_21"] for row in rows.values() if row["training_load_ratio_7_21"]
        )
        assert max(during) > usual[round(0.9 * len(usual))]


def test_a_journey_shifts_the_zone_on_exactly_its_nights(by_member):
    for rows in by_member.values():
        shifted = {n for n, row in rows.items() if row["timezone_shift_minutes"]}
        assert shifted == {n for n in AWAY if n in rows}
        assert {rows[n]["timezone_shift_minutes"] for n in shifted} == {480}
