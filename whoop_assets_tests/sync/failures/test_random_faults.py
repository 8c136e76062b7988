"""A few loads with random faults; a drill runs a thousand."""

import pytest

from whoop_assets_tests.support.random_faults.faulty_load import MEMBERS, run_faulty_loads


@pytest.mark.parametrize("world", [1000])
def test_after_random_faults_coverage_is_true_and_the_next_load_completes_the_data(
    database_url, world, monkeypatch
):
    seeds = range(world * MEMBERS, world * MEMBERS + 5)
    outcomes = run_faulty_loads(database_url, seeds, monkeypatch)
    assert [(outcome.seed, outcome.errors) for outcome in outcomes if outcome.errors] == []
    assert any(outcome.hits for outcome in outcomes)
