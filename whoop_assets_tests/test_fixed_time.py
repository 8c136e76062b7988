"""Each process of a test and each test database show the same fixed time."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from whoop_assets.db.database import Database
from whoop_assets_tests.support.fixed_time import NOW, TODAY
from whoop_simulator.world.world import World

COLLECTED_AT = datetime.now(UTC)


def test_collection_and_each_test_begin_at_the_fixed_time() -> None:
    assert NOW <= COLLECTED_AT < NOW + timedelta(hours=1)
    assert NOW <= datetime.now(UTC) < NOW + timedelta(hours=1)
    assert time.localtime().tm_gmtoff == 0


@pytest.mark.slow
def test_a_child_process_shows_the_time_of_its_test() -> None:
    """Check a child process that reads its clock long after its start."""
    program = "import asyncio, time; print('up', flush=True); input(); print(time.time())"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        asked = time.time()
        shown, _ = child.communicate("\n", timeout=120)
    # A busy machine can stop either process between two readings of its clocks.
    assert asked - 60 <= float(shown) <= time.time() + 60


def test_a_postgresql_database_shows_the_time_of_its_test(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.read() as connection:
        before = datetime.now(UTC)
        shown = database.now(connection)
        after = datetime.now(UTC)
    database.close()
    # The clock was set within one round trip to the server.
    assert before - timedelta(seconds=1) <= shown <= after + timedelta(seconds=1)


def test_dagsters_last_partition_and_the_simulators_last_day_are_the_fixed_day() -> None:
    partitions = dg.DailyPartitionsDefinition(start_date="2026-01-01", end_offset=1)
    assert partitions.get_last_partition_key() == TODAY.isoformat()
    assert World(members=1, days=2).moment.date() == TODAY
