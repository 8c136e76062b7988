"""Deletion of old snapshots, unused files and the rows of erased members."""

from datetime import timedelta
from pathlib import Path

import pytest

from whoop_assets.errors import SinkUnavailable
from whoop_assets.sinks.iceberg.expiry import KEPT_SNAPSHOTS, MAX_SNAPSHOTS, expire
from whoop_assets.sync.members import membership
from whoop_assets_tests.sinks.iceberg.conftest import OpenHome
from whoop_assets_tests.support.data.delivered import (
    assert_delivered,
    by_pyiceberg,
    data_files,
)
from whoop_assets_tests.support.fixed_time import TODAY


@pytest.mark.slow
def test_an_erased_member_has_no_rows_and_after_a_purge_no_files(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home(members=2) as iceberg:
        iceberg.load()
        iceberg.sync()
        erased, other = iceberg.home.members
        with iceberg.home.database.write([erased]) as connection:
            membership.erase_member(connection, erased)
        for name, result in iceberg.sync(purge=True).items():
            assert {row["user_id"] for row in by_pyiceberg(iceberg.catalog(), name).values()} <= {other}
            table = iceberg.catalog().load_table(f"whoop.{name}")
            assert len(table.snapshots()) == (1 if result.held else len(table.snapshots()))
        for name in ("cycles", "sleep", "profile"):
            table = iceberg.catalog().load_table(f"whoop.{name}")
            folder = Path(table.location().removeprefix("file://"))
            assert {str(path) for path in folder.rglob("*.parquet")} == set(data_files(table))
        assert_delivered(iceberg.home.database, iceberg.catalog())


@pytest.mark.slow
def test_the_number_of_snapshots_and_files_is_limited(open_iceberg_home: OpenHome) -> None:
    kept, maximum = 3, 6
    with open_iceberg_home() as iceberg:
        iceberg.load(TODAY - timedelta(days=5))
        iceberg.sync("workout")
        for _ in range(maximum):
            iceberg.sync("workout", rewrite=True)
            expire(iceberg.catalog().load_table("whoop.workout"), most=maximum, kept=kept)
        table = iceberg.catalog().load_table("whoop.workout")
        assert kept <= len(table.snapshots()) <= maximum
        folder = Path(table.location().removeprefix("file://"))
        for snapshot in table.snapshots():  # every remaining snapshot is readable
            assert table.scan(snapshot_id=snapshot.snapshot_id).to_arrow() is not None
        assert len(list(folder.rglob("*.parquet"))) <= maximum * len(data_files(table))
        assert len(list(folder.rglob("*.metadata.json"))) <= 22
        assert_delivered(iceberg.home.database, iceberg.catalog(), ["workout"])


@pytest.mark.slow
def test_each_write_limits_the_number_of_snapshots(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load(TODAY - timedelta(days=1))
        snapshots, expired = [], 0
        while not expired:
            result = iceberg.sync("profile", rewrite=True)["profile"]
            snapshots.append(result.snapshots)
            expired = result.expired
            assert len(snapshots) <= MAX_SNAPSHOTS
        assert max(snapshots) <= MAX_SNAPSHOTS
        assert snapshots[-1] == KEPT_SNAPSHOTS


def test_files_that_cannot_be_deleted_are_counted_without_missing_files(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load(TODAY - timedelta(days=5))
        iceberg.sync("workout")
        folder = Path(iceberg.catalog().load_table("whoop.workout").location().removeprefix("file://"))
        missing, *kept = sorted(folder.rglob("*.parquet"))[:3]
        for file in (missing, *kept):
            file.unlink()
        for file in kept:
            file.mkdir()  # a folder cannot be deleted as a file
        with pytest.raises(
            SinkUnavailable, match=r"^Unused files of the Iceberg table workout .*2 in all, IsADirectoryError"
        ) as error:
            iceberg.sync("workout", rewrite=True, purge=True)
        assert str(folder) not in str(error.value)
        table = iceberg.catalog().load_table("whoop.workout")
        assert set(folder.rglob("*.parquet")) == {*kept, *map(Path, data_files(table))}
        assert_delivered(iceberg.home.database, iceberg.catalog(), ["workout"])
        assert iceberg.sync("workout", purge=True)["workout"].expired == 0
