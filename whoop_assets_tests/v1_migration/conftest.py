"""A database with loaded records, and a simulator that knows their v1 ids."""

import pytest

from whoop_assets_tests.support.home import at_home, frozen_world
from whoop_assets_tests.v1_migration.old_store import FIRST, LAST


@pytest.fixture(scope="package")
def world():
    return frozen_world(members=2, days=520)


@pytest.fixture
def home(database_url, world):
    world.reset_stats()
    with at_home(database_url, world) as connected:
        connected.load(FIRST, LAST)
        yield connected
