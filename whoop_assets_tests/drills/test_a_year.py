"""A year of one member: loaded twice, and again after edits, deletions and new scores."""

from datetime import timedelta

import pytest

from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import at_home, frozen_world

pytestmark = pytest.mark.slow

FIRST = TODAY - timedelta(days=364)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("seed", range(1, 6))
def test_repeated_loads_of_a_year_equal_one_fresh_load(new_database_url, kind, seed):
    world = frozen_world(days=380, seed=seed)
    load_times = {"synced_at", "last_recovery_synced_at"}
    with at_home(new_database_url(kind), world) as home:
        home.load_and_summarise(FIRST, TODAY)
        first_load = home.contents(without=load_times), home.rows("record_versions")
        home.advance(timedelta(seconds=1))
        home.load_and_summarise(FIRST, TODAY)
        assert (home.contents(without=load_times), home.rows("record_versions")) == first_load

        assert len(world.random_edits(home.member, count=40, seed=seed)) == 40
        home.advance(timedelta(seconds=1))
        home.load_and_summarise(FIRST, TODAY)
        edited = home.contents(FIRST, TODAY)
    with at_home(new_database_url(kind), world) as fresh:
        fresh.clock.advance(timedelta(seconds=2))
        fresh.load_and_summarise(FIRST, TODAY)
        assert edited == fresh.contents(FIRST, TODAY)
