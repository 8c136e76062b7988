"""A few of the thousand loads of the drill, and what every one of them may cost."""

import pytest

from whoop_assets_tests.sync.storm import MEMBERS, storms


@pytest.mark.parametrize("world", [1000])
def test_whatever_goes_wrong_nothing_untrue_is_claimed_and_the_next_load_mends_it(
    database_url, world, monkeypatch
):
    seeds = range(world * MEMBERS, world * MEMBERS + 5)
    outcomes = storms(database_url, seeds, monkeypatch)
    assert [(outcome.seed, outcome.wrong) for outcome in outcomes if outcome.wrong] == []
    assert any(outcome.hits for outcome in outcomes)
