"""The journal: the recovery of each answer, and the effects of habits."""

import math
import random
from datetime import UTC, date, datetime, timedelta
from statistics import fmean

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from sqlalchemy import insert, select, update

from whoop_assets.journal.effects import MIN_DAYS, effect_rows, hedges_g, journal_rows, verdict
from whoop_assets.journal.effects import OUTCOMES as OUTCOMES_READ
from whoop_assets.journal.newey_west import NoSpread, NotIdentified, coefficient, false_discovery_rates
from whoop_assets.journal.rebuild import outcomes, rebuild_effects, rebuild_journal
from whoop_assets.journal.tables import journal, journal_effects
from whoop_assets.summaries import tables
from whoop_assets.sync.import_export import import_export
from whoop_assets_tests.journal.naive_effects import naive_effect_rows
from whoop_assets_tests.summaries.comparison import assert_same_rows
from whoop_assets_tests.support.home import frozen_world
from whoop_simulator.world.app_export import ALCOHOL, CAFFEINE, READ, files_of

DAY = date(2026, 9, 2)
START = datetime(2026, 9, 1, 21, tzinfo=UTC)
STATSMODELS = (2.9846674084087033, 2.376651511182378, 3.5926833056350285, 6.995047869000521e-12)


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


def test_an_answer_has_the_recovery_of_its_cycle():
    rows = journal_rows(
        [entry(0, True), entry(1, False)],
        {DAY: measured(0, 33.0), DAY + timedelta(days=1): measured(1, 90.0)},
    )
    assert [(row["answered_yes"], row["recovery_score"]) for row in rows] == [(True, 33.0), (False, 90.0)]


def test_an_answer_on_a_day_without_a_summary_has_no_values():
    (row,) = journal_rows([entry(0, True)], {})
    assert (row["recovery_score"], row["hrv_rmssd_milli"]) == (None, None)


@pytest.mark.parametrize("reversed_order", [False, True])
def test_of_two_answers_the_one_of_the_days_cycle_is_used_else_the_later_one(reversed_order):
    both = [entry(0, True), entry(0, False, start=START + timedelta(hours=9))]
    both = both[::-1] if reversed_order else both
    (row,) = journal_rows(both, {DAY: measured(0)})
    assert row["answered_yes"] is True
    (row,) = journal_rows(both, {})
    assert row["answered_yes"] is False


OUTCOMES = ("recovery_score", "hrv_rmssd_milli", "resting_heart_rate", "sleep_duration_minutes")


def history(values, *, first=DAY):
    """Return daily outcomes from that day on; all four have these values."""
    return {first + timedelta(days=n): dict.fromkeys(OUTCOMES, value) for n, value in enumerate(values)}


def answers(days, yes):
    """Return an answer for each day."""
    return [
        {"user_id": 7, "day": DAY + timedelta(days=n), "question": "Q?", "answered_yes": yes(n)} for n in days
    ]


def noise(seed, count, middle=60.0, spread=8.0):
    rng = random.Random(seed)
    return [middle + rng.gauss(0, spread) for _ in range(count)]


def effect(rows, outcome="recovery_score", lag=0):
    (row,) = (row for row in rows if (row["outcome"], row["lag_days"]) == (outcome, lag))
    return row


def test_there_is_a_row_for_each_question_outcome_and_lag():
    rows = effect_rows(answers(range(28, 60), lambda n: n % 3 == 0), history(noise(1, 80)))
    assert [(row["outcome"], row["lag_days"]) for row in rows] == [
        (name, lag) for name in OUTCOMES for lag in (0, 1)
    ]
    assert {row["difference_unit"] for row in rows} == {"points", "percent", "bpm", "minutes"}
    assert [column.name for column in journal_effects.columns] == [*rows[0], "built_at"]


def test_too_few_days_give_no_effect_but_a_reason():
    days = history(noise(2, 60))
    row = effect(effect_rows(answers(range(28, 48), lambda n: n < 28 + MIN_DAYS - 1), days))
    assert (row["answered_yes_days"], row["answered_no_days"]) == (9, 11)
    empty = ("mean_with", "mean_without", "difference", "difference_low", "difference_high", "hedges_g")
    assert {row[name] for name in (*empty, "p_value", "q_value")} == {None}
    assert (row["missing"], row["verdict"]) == ("9 of 10 days with", "cannot tell")
    # An answer on a day with fewer than 14 values before it counts for nothing.
    row = effect(effect_rows(answers(range(13, 34), lambda n: n < 24), days))
    assert (row["answered_yes_days"], row["days_with"], row["missing"]) == (11, 10, None)
    row = effect(effect_rows(answers(range(28, 48), lambda n: n < 38), history([60.0] * 50)))
    assert row["missing"] == "no spread"


def test_a_habit_that_depends_on_the_weekday_only_has_no_effect():
    saturdays = lambda n: (DAY + timedelta(days=n)).weekday() == 5  # noqa: E731
    row = effect(effect_rows(answers(range(28, 128), saturdays), history(noise(3, 140))))
    assert row["missing"] == "the answers follow the weekday"


def test_effects_of_weekends_are_not_effects_of_the_habit():
    """Recovery is 20 points lower on weekends; the habit occurs mostly on weekends and has no effect."""
    rng = random.Random(4)
    weekend = [(DAY + timedelta(days=n)).weekday() >= 5 for n in range(400)]
    values = [value - 20 * late for value, late in zip(noise(104, 400), weekend, strict=True)]
    yes = [rng.random() < (0.8 if late else 0.2) for late in weekend]
    row = effect(effect_rows(answers(range(28, 400), yes.__getitem__), history(values)))
    raw = row["mean_with"] - row["mean_without"]
    assert raw < -8
    assert abs(row["difference"]) < 3
    assert row["difference_low"] < 0 < row["difference_high"]
    assert row["verdict"] == "cannot tell"


def test_drift_over_months_is_not_an_effect_of_a_later_habit():
    drifting = [value + n / 10 for n, value in enumerate(noise(105, 400, spread=4))]
    rng = random.Random(5)
    row = effect(effect_rows(answers(range(28, 400), lambda n: rng.random() < n / 400), history(drifting)))
    assert row["mean_with"] - row["mean_without"] > 8
    assert row["difference_low"] < 0 < row["difference_high"]


def test_a_planted_effect_is_found_with_its_size_on_the_right_night():
    rng = random.Random(6)
    yes = [rng.random() < 0.4 for _ in range(400)]
    values = [
        value * (0.85 if did else 1.0) for value, did in zip(noise(106, 400, spread=4), yes, strict=True)
    ]
    rows = effect_rows(answers(range(28, 400), yes.__getitem__), history(values))
    hrv = effect(rows, "hrv_rmssd_milli")
    assert hrv["difference"] == pytest.approx(-15, abs=1.5)
    assert hrv["difference_low"] < -15 < hrv["difference_high"]
    assert (hrv["verdict"], hrv["difference_unit"]) == ("strong", "percent")
    assert hrv["hedges_g"] < -1
    assert effect(rows, "hrv_rmssd_milli", lag=1)["verdict"] == "cannot tell"


def test_lag_one_looks_at_the_night_after():
    rng = random.Random(7)
    yes = [rng.random() < 0.4 for _ in range(400)]
    late = [False, *yes[:-1]]
    values = [value - 10 * did for value, did in zip(noise(107, 400, spread=4), late, strict=True)]
    rows = effect_rows(answers(range(28, 399), yes.__getitem__), history(values))
    assert effect(rows, lag=1)["difference"] == pytest.approx(-10, abs=1.5)
    assert effect(rows)["verdict"] == "cannot tell"


@pytest.mark.parametrize("seed", range(6))
def test_every_column_equals_that_of_the_independent_implementation(seed):
    """A member with gaps, missing values, a change of definition, and habits of weekends."""
    rng = random.Random(seed)
    first = date(2024, 12, 1)
    days, asked, before = {}, [], 0.0
    for day in (first + timedelta(days=n) for n in range(170)):
        before = 0.4 * before + rng.gauss(0, 6)
        if rng.random() < 0.1:
            continue
        chance = {"Alcohol?": 0.6 if day.weekday() > 4 else 0.2, "Sunday?": day.weekday() == 6, "Rare?": 0.02}
        yes = {question: rng.random() < size for question, size in chance.items()}
        values = {
            "recovery_score": 60 + before - 15 * yes["Alcohol?"],
            "hrv_rmssd_milli": math.exp(4 + before / 40),
            "resting_heart_rate": 50 - before / 6,
            "sleep_duration_minutes": 430 + before + 40 * yes["Sunday?"],
        }
        days[day] = {name: value if rng.random() < 0.9 else None for name, value in values.items()}
        asked += [
            {"user_id": 7, "day": day, "question": question, "answered_yes": answer}
            for question, answer in yes.items()
            if rng.random() < 0.8
        ]
    days[first + timedelta(days=60)] = dict.fromkeys(OUTCOMES, 0.0)  # a logarithm that does not exist
    expected, found = naive_effect_rows(asked, days), effect_rows(asked, days)
    assert_same_rows(found, expected, "question", "outcome", "lag_days")
    reasons = {row["missing"] for row in found}
    assert {None, "the answers follow the weekday"} < reasons
    assert any(reason and reason.endswith("of 10 days with") for reason in reasons)


def test_nights_before_a_change_of_definition_are_no_baseline_for_nights_after_it():
    change = date(2025, 2, 24)
    first = change - timedelta(days=40)
    days = history(noise(8, 80), first=first)
    asked = [
        {"user_id": 7, "day": first + timedelta(days=n), "question": "Q?", "answered_yes": n % 2 == 0}
        for n in range(80)
    ]
    rows = effect_rows(asked, days)
    # Without a change 66 nights have 14 before them; of sleep 14 nights after the change have not.
    assert sum(effect(rows)[name] for name in ("days_with", "days_without")) == 66
    sleep = effect(rows, "sleep_duration_minutes")
    assert sleep["days_with"] + sleep["days_without"] == 66 - 14


@pytest.mark.parametrize(
    ("q_value", "hedges", "expected"),
    [(0.05, -0.5, "strong"), (0.05, 0.49, "weak"), (0.051, 2.0, "cannot tell")],
)
def test_the_verdict_is_strong_weak_or_cannot_tell(q_value, hedges, expected):
    assert verdict(q_value, hedges) == expected


def solved(matrix, right):
    """The solution of linear equations, by Gaussian elimination."""
    rows = [[*line, value] for line, value in zip(matrix, right, strict=True)]
    size = len(rows)
    for place in range(size):
        pivot = max(range(place, size), key=lambda row: abs(rows[row][place]))
        rows[place], rows[pivot] = rows[pivot], rows[place]
        for row in range(size):
            if row != place:
                share = rows[row][place] / rows[place][place]
                rows[row] = [a - share * b for a, b in zip(rows[row], rows[place], strict=True)]
    return [rows[place][size] / rows[place][place] for place in range(size)]


def naive_coefficient(y, x, days, lag):
    """Coefficient and its Newey-West error in plain loops: each pair of days at most `lag` days apart."""
    design = [[1.0, *map(float, row)] for row in x]
    width = len(design[0])
    products = [[sum(row[i] * row[j] for row in design) for j in range(width)] for i in range(width)]
    weights = solved(
        products, [sum(row[i] * value for row, value in zip(design, y, strict=True)) for i in range(width)]
    )
    errors = [
        value - sum(w * v for w, v in zip(weights, row, strict=True))
        for row, value in zip(design, y, strict=True)
    ]
    # The row of the inverse that belongs to the first regressor.
    of_one = solved(products, [float(i == 1) for i in range(width)])
    scores = [
        error * sum(a * b for a, b in zip(of_one, row, strict=True))
        for row, error in zip(design, errors, strict=True)
    ]
    total = sum(
        max(0.0, 1 - abs(a - b) / (lag + 1)) * score * other
        for a, score in zip(days, scores, strict=True)
        for b, other in zip(days, scores, strict=True)
    )
    return weights[1], math.sqrt(total * len(y) / (len(y) - width))


@given(st.integers(0, 2**32), st.integers(0, 10))
def test_coefficient_and_error_equal_those_of_plain_loops_with_any_gaps(seed, lag):
    rng = random.Random(seed)
    days = [n for n in range(60) if rng.random() < 0.7]
    x = [[rng.random() < 0.5, rng.gauss(0, 1)] for _ in days]
    y = [2 * row[0] + rng.gauss(0, 3) for row in x]
    assume({row[0] for row in x} == {True, False} and len(days) > 10)
    found = coefficient(y, x, days, lag=lag)
    value, error = naive_coefficient(y, x, days, lag)
    assert found.value == pytest.approx(value)
    margin = stats.t.ppf(0.975, len(y) - 3) * error
    assert (found.low, found.high) == (pytest.approx(value - margin), pytest.approx(value + margin))
    assert found.p_value == pytest.approx(2 * stats.t.cdf(-abs(value) / error, len(y) - 3))


def test_coefficient_and_interval_equal_those_of_statsmodels():
    """Recorded from statsmodels 0.15.0 with cov_type="HAC", maxlags 7, use_correction and use_t."""
    days = list(range(40))
    x = [[n * 7 % 5 < 2, n % 7 == 3, n % 7 == 4] for n in days]
    y = [10 + 3 * (n * 7 % 5 < 2) + 2 * math.sin(n / 3) + (n * 13 % 11) / 4 for n in days]
    found = coefficient(y, x, days)
    assert found.value == pytest.approx(STATSMODELS[0], rel=1e-9)
    assert (found.low, found.high) == (
        pytest.approx(STATSMODELS[1], rel=1e-9),
        pytest.approx(STATSMODELS[2], rel=1e-9),
    )
    assert found.p_value == pytest.approx(STATSMODELS[3], rel=1e-6, abs=0)


def test_dependent_regressors_and_constant_outcomes_are_errors():
    days = list(range(30))
    with pytest.raises(NotIdentified):
        coefficient([float(n % 4) for n in days], [[n % 2, 1 - n % 2] for n in days], days)
    with pytest.raises(NoSpread):
        coefficient([5.0 + n % 2 for n in days], [[n % 2] for n in days], days)


@given(st.lists(st.floats(0, 1), max_size=12))
def test_a_q_value_is_the_least_false_discovery_rate_that_accepts_its_test(p_values):
    found = false_discovery_rates(p_values)
    for p_value, q_value in zip(p_values, found, strict=True):
        rates = [
            limit * len(p_values) / sum(other <= limit for other in p_values)
            for limit in p_values
            if limit >= p_value
        ]
        assert q_value == pytest.approx(min(1.0, *rates))


@given(
    st.lists(st.floats(0, 100), min_size=2, max_size=20), st.lists(st.floats(0, 100), min_size=2, max_size=20)
)
def test_hedges_g_is_cohens_d_with_the_small_sample_correction(first, other):
    assume(len({*first}) > 1 or len({*other}) > 1)
    squares = sum((value - fmean(values)) ** 2 for values in (first, other) for value in values)
    assume(squares > 1e-6)
    freedom = len(first) + len(other) - 2
    cohens_d = (fmean(first) - fmean(other)) / math.sqrt(squares / freedom)
    assert hedges_g(first, other) == pytest.approx(cohens_d * (1 - 3 / (4 * freedom - 1)))


def test_the_journal_of_an_export_has_the_values_of_its_days_and_follows_changes(database):
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
    effects = {(row["question"], row["outcome"], row["lag_days"]): row for row in rows(journal_effects)}
    assert {question for question, _, _ in effects} == {ALCOHOL, CAFFEINE.strip(), READ}
    # The simulator's members answer the first with bad recoveries, the second nearly always, the third at
    # random.
    alcohol = effects[ALCOHOL, "recovery_score", 0]
    assert alcohol["difference_high"] < 0
    assert alcohol["verdict"] == "strong"
    assert effects[CAFFEINE.strip(), "recovery_score", 0]["difference"] is None
    reading = effects[READ, "recovery_score", 0]
    assert reading["difference_low"] < 0 < reading["difference_high"]
    assert reading["verdict"] == "cannot tell"
    # Again: nothing to change; and after a day has changed, what stands beside it.
    assert rebuild_journal(database, [-1]).changed == rebuild_effects(database, [-1]).changed == 0
    with database.write([-1]) as connection:
        connection.execute(
            update(tables.daily_summary).where(c.day == kept[0]["day"]).values(recovery_score=1.0)
        )
    assert rebuild_journal(database, [-1]).changed == sum(row["day"] == kept[0]["day"] for row in kept)
    assert rebuild_effects(database, [-1]).changed > 0


def test_a_recovery_of_whoops_calibration_is_no_outcome_and_its_hrv_is(database):
    shared = {"user_id": 7, "is_partial": False, "source": "api", "built_at": START, "hrv_rmssd_milli": 60.0}
    rows = [
        shared | {"day": DAY + timedelta(days=n), "recovery_score": 50.0, "user_calibrating": calibrating}
        for n, calibrating in enumerate([True, False, None])
    ]
    with database.write([7]) as connection:
        connection.execute(insert(tables.daily_summary), rows)
    with database.read() as connection:
        found = outcomes(connection, 7)
    assert [row["recovery_score"] for row in found.values()] == [None, 50, 50]
    assert {row["hrv_rmssd_milli"] for row in found.values()} == {60}
    assert set(found[DAY]) == {outcome.name for outcome in OUTCOMES_READ}
