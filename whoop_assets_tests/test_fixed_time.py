"""The suite's own clock: every process of a test and the test database show the same fixed time."""

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from whoop_assets.warehouse.database import Database
from whoop_assets_tests.fixed_time import NOW, TODAY
from whoop_simulator.world import World

COLLECTED_AT = datetime.now(UTC)


def test_collection_and_each_test_begin_at_the_fixed_time() -> None:
    assert NOW <= COLLECTED_AT < NOW + timedelta(hours=1)
    assert NOW <= datetime.now(UTC) < NOW + timedelta(hours=1)
    assert time.localtime().tm_gmtoff == 0


@pytest.mark.parametrize("program", ["from datetime import datetime, UTC; print(datetime.now(UTC).timestamp())",
                                     "import time; print(time.time())"])  # fmt: skip
def test_a_child_process_shows_the_time_of_its_test(program: str) -> None:
    before = datetime.now(UTC)
    child = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    shown = datetime.fromtimestamp(float(child.stdout), UTC)
    # The clocks of two processes agree to a microsecond; the numbers between them are rounded to less.
    assert before - timedelta(milliseconds=1) <= shown <= datetime.now(UTC) + timedelta(milliseconds=1)


def test_a_postgresql_database_shows_the_time_of_its_test(postgres_url: str) -> None:
    database = Database(postgres_url)
    with database.read() as connection:
        shown = database.now(connection)
    database.close()
    assert abs(shown - NOW) < timedelta(hours=1)


def test_dagsters_last_partition_and_the_simulators_last_day_are_the_fixed_day() -> None:
    partitions = dg.DailyPartitionsDefinition(start_date="2026-01-01", end_offset=1)
    assert partitions.get_last_partition_key() == TODAY.isoformat()
    assert World(members=1, days=2).moment.date() == TODAY
