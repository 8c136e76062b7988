"""The journal: whose recovery an answer stands beside, and what is said of a habit, or not said."""

import json
import random
from datetime import UTC, date, datetime, timedelta
from statistics import fmean

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import select, update

from whoop_assets.ingest.app_import import import_export
from whoop_assets.ingest.journal import rebuild_effects, rebuild_journal
from whoop_assets.summary.journal import FLOOR, effect_rows, journal_rows
from whoop_assets.summary.welch import interval, t_below, t_quantile
from whoop_assets.warehouse import tables
from whoop_assets.warehouse.tables_export import journal, journal_effects
from whoop_assets_tests.ingest.home import frozen_world
from whoop_simulator.app_export import ALCOHOL, CAFFEINE, READ, files_of

DAY = date(2026, 9, 2)
START = datetime(2026, 9, 1, 21, tzinfo=UTC)


def entry(n, yes, *, question="Q?", day=None, start=None):
    return {
        "user_id": 7,
        "day": day or DAY + timedelta(days=n),
        "question": question,
        "answered_yes": yes,
        "notes": None,
        "cycle_start_time": start or START + timedelta(days=n),
    }


def measured(n, recovery=50.0, hrv=60.0):
    return {
        "cycle_start_time": START + timedelta(days=n, milliseconds=500),
        "recovery_score": recovery,
        "hrv_rmssd_milli": hrv,
    }


def test_an_answer_stands_beside_the_recovery_of_the_cycle_in_which_it_was_given():
    rows = journal_rows(
        [entry(0, True), entry(1, False)],
        {DAY: measured(0, 33.0), DAY + timedelta(days=1): measured(1, 90.0)},
    )
    assert [(row["answered_yes"], row["recovery_score"]) for row in rows] == [(True, 33.0), (False, 90.0)]


def test_an_answer_on_a_day_without_a_summary_is_there_without_values():
    (row,) = journal_rows([entry(0, True)], {})
    assert (row["recovery_score"], row["hrv_rmssd_milli"]) == (None, None)


@pytest.mark.parametrize("turned", [False, True])
def test_of_two_cycles_of_a_day_the_days_own_answer_stands_and_else_the_later(turned):
    both = [entry(0, True), entry(0, False, start=START + timedelta(hours=9))]
    both = both[::-1] if turned else both
    (row,) = journal_rows(both, {DAY: measured(0)})
    assert row["answered_yes"] is True
    (row,) = journal_rows(both, {})
    assert row["answered_yes"] is False


def answers(with_, without):
    values = [(True, value) for value in with_] + [(False, value) for value in without]
    return [
        {
            "user_id": 7,
            "day": DAY + timedelta(days=n),
            "question": "Q?",
            "answered_yes": yes,
            "recovery_score": value,
            "hrv_rmssd_milli": value,
        }
        for n, (yes, value) in enumerate(values)
    ]


def test_below_the_floor_nothing_is_said_and_the_reason_is():
    enough, few = [float(n) for n in range(FLOOR)], [float(n) for n in range(FLOOR - 1)]
    (row,) = effect_rows(answers(few, enough))
    assert (row["days_with"], row["days_without"]) == (FLOOR - 1, FLOOR)
    for name in ("mean_with", "mean_without", "difference", "difference_low", "difference_high"):
        assert row[f"recovery_score_{name}"] is None
    assert json.loads(row["missing"])["recovery_score_difference"] == f"{FLOOR - 1} of {FLOOR} days with"
    (row,) = effect_rows(answers(enough, [*few, None]))  # answered, but without a recovery
    assert (row["days_without"], row["recovery_score_days_without"]) == (FLOOR, FLOOR - 1)
    assert json.loads(row["missing"])["hrv_rmssd_milli_difference"] == f"{FLOOR - 1} of {FLOOR} days without"
    (row,) = effect_rows(answers(enough, enough))
    assert row["recovery_score_difference"] == 0 and row["missing"] is None
    (row,) = effect_rows(answers([5.0] * FLOOR, [4.0] * FLOOR))
    assert json.loads(row["missing"])["recovery_score_difference"] == "no spread"


def test_the_interval_is_welchs():
    """Two published samples of Welch's test with its p-value (Rosetta Code, "Welch's t-test", d1 and d2: 0.021378)."""
    one = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4]
    other = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 20.5, 24.4]
    probability = 0.021378001462867
    # The interval whose confidence is one less that probability has zero for its end.
    assert interval(one, other, 1 - probability).high == pytest.approx(0, abs=1e-9)
    found = interval(one, other)
    assert found.difference == pytest.approx(fmean(one) - fmean(other))
    assert found.high < 0


# From the tables of Student's t in any textbook.
TABLE = [
    (0.975, 1, 12.7062),
    (0.975, 2, 4.30265),
    (0.975, 10, 2.22814),
    (0.975, 30, 2.04227),
    (0.95, 5, 2.01505),
    (0.995, 20, 2.84534),
    (0.975, 1e6, 1.95997),
]


@pytest.mark.parametrize(("probability", "freedom", "expected"), TABLE)
def test_quantiles_of_t_are_those_of_the_tables(probability, freedom, expected):
    assert t_quantile(probability, freedom) == pytest.approx(expected, rel=1e-5)


@given(st.floats(0.51, 0.9999), st.floats(1, 500))
def test_the_quantile_is_where_the_distribution_has_that_probability(probability, freedom):
    assert t_below(t_quantile(probability, freedom), freedom) == pytest.approx(probability, abs=1e-9)


VALUES = st.lists(st.floats(0, 100), min_size=2, max_size=30)


@given(VALUES, VALUES)
def test_an_interval_holds_its_difference_turns_with_it_and_narrows_with_confidence(one, other):
    found = interval(one, other)
    assume(found is not None)
    assert found.low <= found.difference <= found.high
    turned = interval(other, one)
    assert (turned.low, turned.high) == pytest.approx((-found.high, -found.low), abs=1e-9)
    narrower = interval(one, other, 0.5)
    assert narrower.high - narrower.low <= found.high - found.low + 1e-9


def test_nineteen_of_twenty_intervals_hold_the_true_difference():
    rng = random.Random(5)
    held = 0
    for _ in range(1000):
        one = [rng.gauss(60, 15) for _ in range(12)]
        other = [rng.gauss(50, 5) for _ in range(40)]
        found = interval(one, other)
        held += found.low <= 10 <= found.high
    assert 930 <= held <= 970


def test_the_journal_of_an_export_stands_beside_its_days_and_follows_them(database):
    world = frozen_world(days=150, seed=7)
    import_export(database, files_of(world.truth(world.user_ids[0])), None)

    def rows(table):
        with database.read() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]

    kept = rows(journal)
    with database.read() as connection:
        c = tables.daily_summary.c
        days = {
            row.day: row for row in connection.execute(select(c.day, c.recovery_score, c.hrv_rmssd_milli))
        }
    assert len(kept) > 300
    for row in kept:
        assert row["recovery_score"] == days[row["day"]].recovery_score is not None
        assert row["hrv_rmssd_milli"] == days[row["day"]].hrv_rmssd_milli
    effects = {row["question"]: row for row in rows(journal_effects)}
    assert set(effects) == {ALCOHOL, CAFFEINE.strip(), READ}
    # The simulator's members answer the first with bad recoveries, the second nearly always, the third at random.
    assert effects[ALCOHOL]["recovery_score_difference_high"] < 0
    assert effects[CAFFEINE.strip()]["recovery_score_difference"] is None
    low, high = (effects[READ][f"recovery_score_difference_{end}"] for end in ("low", "high"))
    assert low < 0 < high
    # Again: nothing to change; and after a day has changed, what stands beside it.
    assert rebuild_journal(database, [-1]).changed == rebuild_effects(database, [-1]).changed == 0
    with database.write([-1]) as connection:
        connection.execute(
            update(tables.daily_summary).where(c.day == kept[0]["day"]).values(recovery_score=1.0)
        )
    assert rebuild_journal(database, [-1]).changed == sum(row["day"] == kept[0]["day"] for row in kept)
    assert rebuild_effects(database, [-1]).changed > 0
