"""Deletion of old snapshots, unused files and the rows of erased members."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.io.pyarrow import PyArrowFileIO

from whoop_assets.errors import SinkUnavailable
from whoop_assets.sinks.iceberg import sync as syncing
from whoop_assets.sinks.iceberg.expiry import KEPT_SNAPSHOTS, MAX_SNAPSHOTS
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
def test_the_number_of_snapshots_and_files_is_limited(
    open_iceberg_home: OpenHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, maximum = 3, 6
    assert 0 < KEPT_SNAPSHOTS < MAX_SNAPSHOTS
    monkeypatch.setattr(syncing, "KEPT_SNAPSHOTS", kept)
    monkeypatch.setattr(syncing, "MAX_SNAPSHOTS", maximum)
    with open_iceberg_home() as iceberg:
        iceberg.load(TODAY - timedelta(days=5))
        iceberg.sync("workout")
        for _ in range(maximum):
            iceberg.sync("workout", rewrite=True)
        table = iceberg.catalog().load_table("whoop.workout")
        assert kept <= len(table.snapshots()) <= maximum + 2
        folder = Path(table.location().removeprefix("file://"))
        for snapshot in table.snapshots():  # every remaining snapshot is readable
            assert table.scan(snapshot_id=snapshot.snapshot_id).to_arrow() is not None
        assert len(list(folder.rglob("*.parquet"))) <= (maximum + 2) * len(data_files(table))
        assert len(list(folder.rglob("*.metadata.json"))) <= 22
        assert_delivered(iceberg.home.database, iceberg.catalog(), ["workout"])


@pytest.mark.parametrize("purge", [True, False])
def test_files_that_cannot_be_deleted_are_counted_without_missing_files(
    open_iceberg_home: OpenHome, monkeypatch: pytest.MonkeyPatch, purge: bool
) -> None:
    monkeypatch.setattr(syncing, "KEPT_SNAPSHOTS", 1)
    monkeypatch.setattr(syncing, "MAX_SNAPSHOTS", 1)
    delete_file = PyArrowFileIO.delete
    kept: list[str] = []

    def delete(io: PyArrowFileIO, location: Any) -> None:
        name = str(location)
        if name.endswith(".parquet") and len(kept) < 2:
            kept.append(name)
            raise PermissionError(f"hunter2 at {name}")
        delete_file(io, location)
        if name.endswith(".avro"):
            raise FileNotFoundError(name)

    with open_iceberg_home() as iceberg:
        iceberg.load(TODAY - timedelta(days=5))
        iceberg.sync("workout")
        monkeypatch.setattr(PyArrowFileIO, "delete", delete)
        with pytest.raises(
            SinkUnavailable, match=r"^2 unused files of the Iceberg table workout .*PermissionError"
        ) as error:
            iceberg.sync("workout", rewrite=True, purge=purge)
        assert "hunter2" not in str(error.value)
        assert all(Path(name.removeprefix("file://")).exists() for name in kept)
        table = iceberg.catalog().load_table("whoop.workout")
        folder = Path(table.location().removeprefix("file://"))
        remaining = {str(path) for path in folder.rglob("*.parquet")}
        assert remaining == {name.removeprefix("file://") for name in kept} | set(data_files(table))
        assert_delivered(iceberg.home.database, iceberg.catalog(), ["workout"])
        assert iceberg.sync("workout", purge=purge)["workout"].expired == 0
