"""Two processes write to one Iceberg table."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event

from whoop_assets.db.database import Database
from whoop_assets.errors import SinkUnavailable
from whoop_assets.settings import Settings
from whoop_assets.sinks.iceberg import ledger
from whoop_assets.sinks.iceberg import sync as syncing
from whoop_assets.sinks.iceberg.catalog import open_catalog
from whoop_assets.sinks.source import TABLES
from whoop_assets_tests.sinks.iceberg.conftest import IcebergHome, OpenHome, newest_record
from whoop_assets_tests.support.data.delivered import (
    assert_delivered,
    by_duckdb,
)
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.processes import together


def write_all(settings: Settings) -> int:
    """Write all workouts three times; return the number of commits repeated after conflicts."""
    database = Database(settings.database_url)
    catalog = open_catalog(settings)
    repeated = 0
    for _ in range(3):
        repeated += syncing.sync(database, catalog, "whoop", TABLES["workout"], rewrite=True).repeated
    database.close()
    return repeated


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_concurrent_writers_leave_the_correct_rows(open_iceberg_home: OpenHome, kind: str) -> None:
    with open_iceberg_home(kind) as iceberg:
        iceberg.load(TODAY - timedelta(days=5))
        outcomes = together(2, write_all, iceberg.settings)
        assert [outcome for outcome in outcomes if not isinstance(outcome, int)] == []
        assert_delivered(iceberg.home.database, iceberg.catalog(), ["workout"])
        assert iceberg.sync("workout")["workout"].days == 0


def when_rows_are_read(iceberg: IcebergHome, table: str, act: Callable[[], object], *, times: int) -> None:
    """Act as another writer while a writer reads the rows of the table, before it commits them."""
    acting, remaining = False, times

    def read(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal acting, remaining
        if remaining and not acting and f"FROM {table}" in statement and "payload" in statement:
            acting = True
            remaining -= 1
            act()
            acting = False

    event.listen(iceberg.home.database.engine, "after_cursor_execute", read)


def test_after_a_conflict_the_second_writer_writes_the_newer_rows(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load()
        workout = newest_record(iceberg, "workouts")
        iceberg.sync("workout")

        def change_and_commit() -> None:
            iceberg.home.world.edit(iceberg.home.member, "workouts", workout["id"], {"sport_name": "polo"})
            iceberg.load()
            iceberg.sync("workout")

        when_rows_are_read(iceberg, "workouts", change_and_commit, times=1)
        result = iceberg.sync("workout", rewrite=True)["workout"]
        assert result.repeated == 1
        assert by_duckdb(iceberg.catalog(), "workout")[(workout["id"],)]["sport_name"] == "polo"
        assert_delivered(iceberg.home.database, iceberg.catalog(), ["workout"])
        assert iceberg.sync("workout")["workout"].days == 0


def test_an_older_commit_does_not_replace_a_newer_ledger_entry(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load()
        iceberg.sync("workout")
        older = ledger.Held(str(iceberg.catalog().load_table("whoop.workout").metadata.table_uuid), 0)
        with iceberg.home.database.write() as connection:
            days = [row["day"] for row in iceberg.home.rows("workouts").values()]
            at = iceberg.home.clock.now()
            ledger.record(connection, "whoop", TABLES["workout"], older, days, {}, at)
        assert iceberg.sync("workout")["workout"].days == 0


@pytest.mark.slow
def test_repeated_commit_conflicts_are_a_transient_error_and_lose_no_row(
    open_iceberg_home: OpenHome,
) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load()
        iceberg.sync("cycles")
        when_rows_are_read(
            iceberg, "cycles", lambda: iceberg.sync("cycles", rewrite=True), times=syncing.ATTEMPTS
        )
        with pytest.raises(SinkUnavailable, match="changed by another writer") as error:
            iceberg.sync("cycles", rewrite=True)
        assert error.value.transient
        iceberg.sync("cycles")
        assert_delivered(iceberg.home.database, iceberg.catalog(), ["cycles"])
