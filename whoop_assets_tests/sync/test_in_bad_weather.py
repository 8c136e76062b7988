"""A few of the thousand loads of the drill, and what every one of them may cost."""

import pytest

from whoop_assets_tests.sync.storm import MEMBERS, storms


@pytest.mark.parametrize("world", [1000])
def test_after_random_faults_coverage_is_true_and_the_next_load_completes_the_data(
    database_url, world, monkeypatch
):
    seeds = range(world * MEMBERS, world * MEMBERS + 5)
    outcomes = storms(database_url, seeds, monkeypatch)
    assert [(outcome.seed, outcome.wrong) for outcome in outcomes if outcome.wrong] == []
    assert any(outcome.hits for outcome in outcomes)
