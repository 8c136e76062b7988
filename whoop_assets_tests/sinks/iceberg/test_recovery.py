"""A run repairs tables after a killed process, a dropped table, a rollback or a lost ledger."""

from datetime import timedelta
from typing import Any

import pytest

from whoop_assets.sinks.iceberg import ledger
from whoop_assets.sinks.source import TABLES
from whoop_assets_tests.sinks.iceberg.conftest import FIRST, OpenHome
from whoop_assets_tests.support.data.delivered import (
    assert_delivered,
    by_pyiceberg,
)
from whoop_assets_tests.support.fixed_time import TODAY


def test_a_day_is_written_again_after_a_crash_between_commit_and_ledger_entry(
    open_iceberg_home: OpenHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """No code catches it."""

    def raise_killed(*_: Any) -> None:
        raise Killed

    with open_iceberg_home() as iceberg:
        iceberg.load()
        with monkeypatch.context() as patch:
            patch.setattr(ledger, "record", raise_killed)
            with pytest.raises(Killed):
                iceberg.sync("sleep")
        assert by_pyiceberg(iceberg.catalog(), "sleep")  # committed, but not in the ledger
        result = iceberg.sync("sleep")["sleep"]
        assert result.commits == 1
        assert_delivered(iceberg.home.database, iceberg.catalog(), ["sleep"])
        assert iceberg.sync("sleep")["sleep"].days == 0


def test_a_dropped_table_is_filled_again(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load()
        iceberg.sync("cycles")
        iceberg.catalog().drop_table("whoop.cycles")
        assert iceberg.sync("cycles")["cycles"].rows == len(iceberg.home.rows("cycles"))
        assert_delivered(iceberg.home.database, iceberg.catalog(), ["cycles"])


def test_a_rolled_back_table_is_updated_again(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load(FIRST, TODAY - timedelta(days=4))
        iceberg.sync("cycles")
        table = iceberg.catalog().load_table("whoop.cycles")
        before = table.current_snapshot().snapshot_id  # type: ignore[union-attr]
        iceberg.load()
        iceberg.sync("cycles")
        table.refresh()
        table.manage_snapshots().set_current_snapshot(snapshot_id=before).commit()
        assert iceberg.sync("cycles")["cycles"].days > 0
        assert_delivered(iceberg.home.database, iceberg.catalog(), ["cycles"])


def test_a_rollback_does_not_bring_back_deleted_rows(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load()
        iceberg.sync("workout")
        table = iceberg.catalog().load_table("whoop.workout")
        before = table.current_snapshot().snapshot_id  # type: ignore[union-attr]
        day = sorted({row["day"] for row in iceberg.home.rows("workouts").values()})[-2]
        for row in iceberg.home.rows("workouts").values():
            if row["day"] == day:
                iceberg.home.world.delete(iceberg.home.member, "workouts", row["id"])
        iceberg.home.advance(timedelta(minutes=5))
        iceberg.load()
        iceberg.sync("workout")
        assert day not in {row["day"] for row in by_pyiceberg(iceberg.catalog(), "workout").values()}
        table.refresh()
        table.manage_snapshots().set_current_snapshot(snapshot_id=before).commit()
        assert day in {row["day"] for row in by_pyiceberg(iceberg.catalog(), "workout").values()}
        iceberg.sync("workout")
        assert_delivered(iceberg.home.database, iceberg.catalog(), ["workout"])
        assert iceberg.sync("workout")["workout"].days == 0


def test_a_day_without_rows_does_not_stay_stale_after_a_rollback(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load(FIRST, TODAY - timedelta(days=4))
        days = {row["day"] for row in iceberg.home.rows("workouts").values()}
        iceberg.sync("workout")
        table = iceberg.catalog().load_table("whoop.workout")
        before = table.current_snapshot().snapshot_id  # type: ignore[union-attr]
        iceberg.load()
        iceberg.sync("workout")
        for row in iceberg.home.rows("workouts").values():
            if row["day"] not in days:
                iceberg.home.world.delete(iceberg.home.member, "workouts", row["id"])
        iceberg.home.advance(timedelta(minutes=5))
        iceberg.load()
        iceberg.sync("workout")
        table.refresh()
        table.manage_snapshots().set_current_snapshot(snapshot_id=before).commit()
        result = iceberg.sync("workout")["workout"]
        assert (result.days > 0, result.commits) == (True, 0)
        assert_delivered(iceberg.home.database, iceberg.catalog(), ["workout"])
        assert iceberg.sync("workout")["workout"].days == 0


def test_rows_deleted_while_the_ledger_was_lost_are_removed(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load()
        iceberg.sync("workout")
        with iceberg.home.database.write() as connection:
            ledger.forget(connection, "whoop", TABLES["workout"])
        for key in list(iceberg.home.rows("workouts"))[:3]:
            iceberg.home.world.delete(iceberg.home.member, "workouts", key)
        iceberg.home.advance(timedelta(minutes=5))
        iceberg.load()
        iceberg.sync("workout")
        assert_delivered(iceberg.home.database, iceberg.catalog(), ["workout"])
