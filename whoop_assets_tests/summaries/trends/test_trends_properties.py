"""Trends of generated histories equal those of an independent implementation, in any order and for any days.

A seed determines the gaps, kinds of days and length of a history.
"""

import json
import random
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from whoop_assets.summaries.trends.columns import LOAD_ZONES, MEASURES
from whoop_assets.summaries.trends.rows import trend_rows
from whoop_assets.summaries.trends.windows import REACH_DAYS
from whoop_assets_tests.summaries.comparison import assert_same_trends
from whoop_assets_tests.summaries.trends.days import daily, day, frame, night
from whoop_assets_tests.summaries.trends.naive_trends import naive_trend_rows

LENGTH = 150
START, END = day(0), day(LENGTH)
SEEDS = st.integers(0, 2**32)
DAYS = st.integers(0, LENGTH - 1)
OFFSETS = ("-04:00", "-05:00", "Z", "+05:30", "+13:45")


def some_day(rng, number, user_id=1):
    """Return a day with random values and gaps."""

    def maybe(value, chance=0.85):
        return value if rng.random() < chance else None

    sleep = maybe(night(number, rng.gauss(-1, 2), rng.uniform(4, 9), rng.choice(OFFSETS[:2])), 0.9)
    zero = rng.random() < 0.03
    return daily(
        number,
        user_id=user_id,
        is_partial=rng.random() < 0.04,
        strain=0.0 if zero else maybe(round(rng.uniform(0, 21), 3)),
        kilojoule=0.0 if zero else maybe(round(rng.uniform(5e3, 2e4), 2)),
        recovery_band=maybe(rng.choice(["green", "green", "green", "yellow", "red"])),
        hrv_rmssd_milli=maybe(round(rng.lognormvariate(4, 0.3), 4)),
        resting_heart_rate=maybe(float(rng.randint(48, 56))),
        respiratory_rate=maybe(round(rng.gauss(15, 0.4), 4)),
        recovery_score=maybe(float(rng.randint(1, 99))),
        user_calibrating=maybe(rng.random() < 0.05),
        workout_count=(workouts := maybe(rng.choice([0, 0, 1, 2]))),
        **dict.fromkeys(LOAD_ZONES, None if not workouts or rng.random() < 0.1 else rng.randrange(3_600_000)),
        skin_temp_celsius=maybe(round(rng.gauss(33.5, 0.4), 2), 0.6),
        sleep_duration_minutes=maybe(rng.uniform(200, 560)),
        sleep_needed_minutes=maybe(rng.uniform(420, 560)),
        sleep_debt_minutes=maybe(rng.uniform(0, 60)),
        **(sleep or {"timezone_offset": maybe(rng.choice(OFFSETS))}),
    )


def history(seed, user_id=1):
    """Return 150 days with gaps: single days and weeks without a strap."""
    rng = random.Random(seed)
    away = range(start := rng.randrange(LENGTH), start + rng.choice([0, 5, 25, 70]))
    often = rng.choice([0.02, 0.3])
    return [
        some_day(rng, number, user_id)
        for number in range(LENGTH)
        if number not in away and rng.random() > often
    ]


def trends(rows, first=START, last=END):
    return trend_rows(frame(rows), first, last)


def by_key(rows):
    return {(row["user_id"], row["day"]): row for row in rows}


@settings(max_examples=12)
@given(SEEDS)
def test_exactly_the_null_measures_have_a_reason(seed):
    for row in trends(history(seed)):
        nulls = {name for name in MEASURES if row[name] is None}
        assert set(json.loads(row["missing"] or "{}")) == nulls


def earlier(rows, days):
    """Return the same rows, shifted back by this many days."""
    ago = timedelta(days=days)
    moved = ("day", "sleep_start_time", "sleep_end_time")
    return [row | {name: row[name] and row[name] - ago for name in moved} for row in rows]


@settings(max_examples=4)
@given(SEEDS, st.sampled_from([0, 364]))
def test_trends_equal_those_of_the_independent_implementation(seed, ago):
    """Shifted by a year, the days contain a change of definition; clocks change in both cases."""
    rows = earlier([*history(seed), *history(seed + 1, user_id=2)], ago)
    first, last = START - timedelta(days=ago), END - timedelta(days=ago)
    assert_same_trends(trends(rows, first, last), naive_trend_rows(rows, first, last))


@settings(max_examples=12)
@given(SEEDS, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter(seed, rng):
    rows = [*history(seed), *history(seed + 1, user_id=2)]
    shuffled = list(rows)
    rng.shuffle(shuffled)
    assert trends(shuffled) == trends(rows)


@settings(max_examples=12)
@given(SEEDS, DAYS, DAYS)
def test_a_subset_of_days_gives_identical_trends(seed, bound, other):
    first, last = day(min(bound, other)), day(max(bound, other))
    mine, others = history(seed), history(seed + 1, user_id=2)
    together = by_key(trends([*mine, *others]))
    alone = trends(mine, first, last)
    assert alone == [together[1, row["day"]] for row in mine if first <= row["day"] <= last]


@settings(max_examples=12)
@given(SEEDS, DAYS)
def test_later_days_have_no_influence(seed, end):
    rows = history(seed)
    known = [row for row in rows if row["day"] <= day(end)]
    assert trends(known) == [row for row in trends(rows) if row["day"] <= day(end)]


@settings(max_examples=12)
@given(SEEDS, DAYS, st.booleans())
def test_a_changed_day_changes_only_itself_and_the_days_within_reach(seed, number, deleted):
    rows = history(seed)
    others = [row for row in rows if row["day"] != day(number)]
    changed = others if deleted else [*others, some_day(random.Random(seed + 7), number)]
    before, after = by_key(trends(rows)), by_key(trends(changed))
    differing = {key[1] for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert all(
        day(number) <= other_day <= day(number) + timedelta(days=REACH_DAYS) for other_day in differing
    )


def test_the_last_day_within_reach_can_change():
    def rows(first):
        return [daily(n, hrv_rmssd_milli=first if n == 0 else 60.0 + n % 3) for n in range(REACH_DAYS + 2)]

    before, after = by_key(trends(rows(40.0))), by_key(trends(rows(90.0)))
    differing = [key[1] for key in before if before[key] != after[key]]
    assert max(differing) == day(REACH_DAYS)
