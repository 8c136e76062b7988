"""A year of one member: loaded twice, and again after edits, deletions and new scores."""

from datetime import timedelta

import pytest

from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import at_home, frozen_world

pytestmark = pytest.mark.slow

FIRST = TODAY - timedelta(days=364)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("seed", range(1, 6))
def test_a_year_read_twice_and_read_after_forty_edits_is_as_if_read_once(new_database_url, kind, seed):
    world = frozen_world(days=380, seed=seed)
    own_time = {"synced_at", "last_recovery_synced_at"}
    with at_home(new_database_url(kind), world) as home:
        home.load_and_summarise(FIRST, TODAY)
        once = home.contents(without=own_time), home.rows("record_versions")
        home.advance(timedelta(seconds=1))
        home.load_and_summarise(FIRST, TODAY)
        assert (home.contents(without=own_time), home.rows("record_versions")) == once

        assert len(world.random_edits(home.member, count=40, seed=seed)) == 40
        home.advance(timedelta(seconds=1))
        home.load_and_summarise(FIRST, TODAY)
        edited = home.contents(FIRST, TODAY)
    with at_home(new_database_url(kind), world) as fresh:
        fresh.clock.advance(timedelta(seconds=2))
        fresh.load_and_summarise(FIRST, TODAY)
        assert edited == fresh.contents(FIRST, TODAY)
