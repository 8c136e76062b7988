"""Iceberg tables hold what the warehouse holds, whatever happened to it or to who wrote them."""

import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.table import Transaction

from whoop_assets.errors import ConfigurationError, SinkUnavailable
from whoop_assets.records.parsed_record import ParsedRecord
from whoop_assets.settings import Settings
from whoop_assets.sinks.iceberg import ledger
from whoop_assets.sinks.iceberg import sync as syncing
from whoop_assets.sinks.iceberg.catalog import local_folder, open_catalog, reaching
from whoop_assets.sinks.iceberg.expiry import KEPT, MOST
from whoop_assets.sinks.source import TABLES
from whoop_assets.sync.members import membership
from whoop_assets_tests.sinks.delivery import FIRST, Delivering
from whoop_assets_tests.support.delivered import (
    VERSIONS,
    assert_delivered,
    by_duckdb,
    by_pyiceberg,
    data_files,
)
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.marks import slow
from whoop_assets_tests.support.ports import REFUSING_PORT
from whoop_assets_tests.support.processes import together

Make = Callable[..., AbstractContextManager[Delivering]]


def newest(d: Delivering, stream: str, place: int = -1) -> dict[str, Any]:
    """A finished record of the simulator's."""
    records = [one for one in d.home.truth()[stream] if one.get("end", "never open")]
    return sorted(records, key=lambda one: str(one.get("start") or one["created_at"]))[place]


@pytest.mark.parametrize("kind", ["sqlite", *slow("postgresql")])
def test_tables_equal_the_warehouse_after_changes_and_deletions(delivering: Make, kind: str) -> None:
    with delivering(kind, members=2) as d:
        d.load()
        d.sync()
        assert_delivered(d.home.database, d.catalog())
        for user_id in d.home.members:
            d.home.world.random_edits(user_id, 8, seed=user_id)
            d.home.world.delete(user_id, "workouts", d.home.truth(user_id)["workouts"][3]["id"])
        d.home.advance(timedelta(minutes=5))
        d.load()
        done = d.sync()
        assert_delivered(d.home.database, d.catalog())
        assert 0 < sum(one.days for one in done.values()) < 13 * 4
        assert max(one.commits for one in done.values()) == 1


def test_an_unchanged_day_is_not_written_again(delivering: Make) -> None:
    with delivering() as d:
        d.load()
        d.sync()
        before = {name: d.catalog().load_table(f"whoop.{name}").metadata_location for name in TABLES}
        d.load()  # confirms all, changes nothing but synced_at
        done = d.sync()
        assert {name: one.days for name, one in done.items() if one.days} == {}
        assert before == {name: d.catalog().load_table(f"whoop.{name}").metadata_location for name in TABLES}
        workout = newest(d, "workouts")
        d.home.world.edit(d.home.member, "workouts", workout["id"], {"sport_name": "polo"})
        d.load()
        changed = d.sync()
        assert changed["workout"].days == 1
        assert changed["cycles"].days == 0


@pytest.mark.slow
def test_the_tables_of_single_record_endpoints_hold_every_content_with_its_endpoint(delivering: Make) -> None:
    with delivering() as d:
        d.load(FIRST, TODAY - timedelta(days=3))
        d.sync()
        for name in VERSIONS:  # a first sync sends no request of its own
            assert by_pyiceberg(d.catalog(), name)
        d.home.advance(timedelta(minutes=1))
        sleep = newest(d, "sleeps", -5)
        d.home.world.edit(d.home.member, "sleeps", sleep["id"], {"score": {"respiratory_rate": 99.5}})
        from whoop_assets.records import upsert as records
        from whoop_assets.sync.parsing import parse_record
        from whoop_assets.whoop_api.streams import STREAMS

        said = datetime(2026, 11, 21, 11, 59, tzinfo=UTC)
        client = d.home.connection.client(d.home.member, "backfill")
        cycle_id = newest(d, "cycles", -6)["id"]
        asked = {
            "cycle_by_id": ("cycles", client.record(STREAMS["cycles"], cycle_id)),
            "recovery_for_cycle": ("recoveries", client.cycle_recovery(cycle_id)),
            "sleep_by_id": ("sleeps", client.record(STREAMS["sleeps"], sleep["id"])),
            "sleep_for_cycle": ("sleeps", client.cycle_sleep(cycle_id)),
            "workout_by_id": ("workouts", client.record(STREAMS["workouts"], newest(d, "workouts")["id"])),
        }
        with d.home.database.write([d.home.member]) as connection:
            for stream, answer in asked.values():
                # A content that is stored already is not kept a second time: these say something new.
                payload = answer.payload | {"updated_at": "2026-11-21T11:59:00.000Z"}
                one = parse_record(
                    STREAMS[stream], payload, d.home.member, answer.requested_at, answer.endpoint
                )
                assert isinstance(one, ParsedRecord)
                records.store(connection, d.home.member, stream, [one], d.home.database.now(connection))
        d.sync()
        assert_delivered(d.home.database, d.catalog())
        for name, (_, answer) in asked.items():
            (row,) = [
                one
                for one in by_duckdb(d.catalog(), name).values()
                if (one["updated_at"], one["endpoint"]) == (said, answer.endpoint)
            ]
            assert row["endpoint"] == answer.endpoint
        contents = by_pyiceberg(d.catalog(), "sleep_by_id").values()
        (row,) = [one for one in contents if one["respiratory_rate"] == 99.5]
        assert row["id"] == sleep["id"]
        assert row["total_rem_sleep_time_milli"] > 0
        assert row["cycle_id"] == sleep["cycle_id"]


@pytest.mark.slow
def test_a_field_that_whoop_adds_is_a_column_of_its_own_and_old_rows_are_null(delivering: Make) -> None:
    with delivering() as d:
        d.load()
        d.sync()
        one, other = newest(d, "cycles", -2), newest(d, "cycles", -5)
        for cycle, value in ((one, 71), (other, 2**40)):
            added = {"stress_minutes": value, "score": {"stress": {"peak": 2.5}}}
            d.home.world.edit(d.home.member, "cycles", cycle["id"], added, follow=False)
        d.load()
        done = d.sync()["cycles"]
        assert sorted(done.added) == ["score_stress_peak", "stress_minutes"]
        assert done.notes == []
        assert_delivered(d.home.database, d.catalog())
        for found in (by_pyiceberg(d.catalog(), "cycles"), by_duckdb(d.catalog(), "cycles")):
            assert {key[0]: row["stress_minutes"] for key, row in found.items() if row["stress_minutes"]} == {
                one["id"]: 71,
                other["id"]: 2**40,
            }
            assert found[(one["id"],)]["score_stress_peak"] == 2.5
        schema = d.catalog().load_table("whoop.cycles").schema()
        assert str(schema.find_field("stress_minutes").field_type) == "long"


def test_a_value_that_does_not_fit_its_column_stands_beside_it_and_is_said(delivering: Make) -> None:
    with delivering() as d:
        d.load()
        ids = [newest(d, "cycles", place)["id"] for place in (-1, -3, -5)]
        for key, value, note in ((ids[0], 7, 0), (ids[1], 7.5, 1), (ids[2], "7 of 8", 1)):
            d.home.world.edit(d.home.member, "cycles", key, {"stress": value}, follow=False)
            d.home.advance(1)
            d.load()
            done = d.sync("cycles")["cycles"]
            assert len(done.notes) == note
        rows = by_duckdb(d.catalog(), "cycles")
        told = [
            tuple(rows[(key,)][name] for name in ("stress", "stress_double", "stress_string")) for key in ids
        ]
        assert told == [(7, None, None), (None, 7.5, None), (None, None, "7 of 8")]
        assert "7 of 8" not in str(done.notes)


def test_a_table_made_with_narrower_columns_is_widened(delivering: Make) -> None:
    with delivering() as d:
        from pyiceberg.schema import Schema
        from pyiceberg.types import DateType, IntegerType, NestedField

        d.load()
        catalog = d.catalog()
        catalog.create_namespace("whoop")
        old = Schema(NestedField(1, "day", DateType()), NestedField(2, "cycle_id", IntegerType()))
        catalog.create_table("whoop.sleep", old)
        d.sync("sleep")
        assert_delivered(d.home.database, catalog, ["sleep"])
        assert str(catalog.load_table("whoop.sleep").schema().find_field("cycle_id").field_type) == "long"


def test_killed_between_icebergs_commit_and_the_ledgers_the_same_is_written_again(
    delivering: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """What nothing catches."""

    def killed(*_: Any) -> None:
        raise Killed

    with delivering() as d:
        d.load()
        with monkeypatch.context() as patch:
            patch.setattr(ledger, "record", killed)
            with pytest.raises(Killed):
                d.sync("sleep")
        assert by_pyiceberg(d.catalog(), "sleep")  # committed, and nobody knows
        done = d.sync("sleep")["sleep"]
        assert done.commits == 1
        assert_delivered(d.home.database, d.catalog(), ["sleep"])
        assert d.sync("sleep")["sleep"].days == 0


def test_a_day_that_lost_its_last_record_loses_its_rows(delivering: Make) -> None:
    with delivering() as d:
        d.load()
        d.sync("workout")
        workout = newest(d, "workouts", -2)
        day = next(row["day"] for key, row in d.home.rows("workouts").items() if key == workout["id"])
        for one in d.home.rows("workouts").values():
            if one["day"] == day:
                d.home.world.delete(d.home.member, "workouts", one["id"])
        d.home.advance(timedelta(minutes=5))
        d.load()
        assert d.sync("workout")["workout"].rows == 0
        assert_delivered(d.home.database, d.catalog(), ["workout"])
        assert day not in {row["day"] for row in by_duckdb(d.catalog(), "workout").values()}
        assert d.sync("workout")["workout"].days == 0


@pytest.mark.slow
def test_who_is_erased_is_gone_from_the_tables_and_with_purge_from_the_files(delivering: Make) -> None:
    with delivering(members=2) as d:
        d.load()
        d.sync()
        gone, stays = d.home.members
        with d.home.database.write([gone]) as connection:
            membership.erase_member(connection, gone)
        for name, one in d.sync(purge=True).items():
            assert {row["user_id"] for row in by_pyiceberg(d.catalog(), name).values()} <= {stays}
            table = d.catalog().load_table(f"whoop.{name}")
            assert len(table.snapshots()) == (1 if one.held else len(table.snapshots()))
        for name in ("cycles", "sleep", "profile"):
            table = d.catalog().load_table(f"whoop.{name}")
            folder = Path(table.location().removeprefix("file://"))
            assert {str(path) for path in folder.rglob("*.parquet")} == set(data_files(table))
        assert_delivered(d.home.database, d.catalog())


@pytest.mark.slow
def test_snapshots_and_their_files_are_bounded(delivering: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, most = 3, 6
    assert 0 < KEPT < MOST
    monkeypatch.setattr(syncing, "KEPT", kept)
    monkeypatch.setattr(syncing, "MOST", most)
    with delivering() as d:
        d.load(TODAY - timedelta(days=5))
        d.sync("workout")
        for _ in range(most):
            d.sync("workout", rewrite=True)
        table = d.catalog().load_table("whoop.workout")
        assert kept <= len(table.snapshots()) <= most + 2
        folder = Path(table.location().removeprefix("file://"))
        for snapshot in table.snapshots():  # each that is left can still be read
            assert table.scan(snapshot_id=snapshot.snapshot_id).to_arrow() is not None
        assert len(list(folder.rglob("*.parquet"))) <= (most + 2) * len(data_files(table))
        assert len(list(folder.rglob("*.metadata.json"))) <= 22
        assert_delivered(d.home.database, d.catalog(), ["workout"])


@pytest.mark.parametrize("purge", [True, False])
def test_files_that_cannot_be_removed_are_counted_and_those_that_are_gone_are_not(
    delivering: Make, monkeypatch: pytest.MonkeyPatch, purge: bool
) -> None:
    monkeypatch.setattr(syncing, "KEPT", 1)
    monkeypatch.setattr(syncing, "MOST", 1)
    plain = PyArrowFileIO.delete
    kept: list[str] = []

    def delete(io: PyArrowFileIO, location: Any) -> None:
        name = str(location)
        if name.endswith(".parquet") and len(kept) < 2:
            kept.append(name)
            raise PermissionError(f"hunter2 at {name}")
        plain(io, location)
        if name.endswith(".avro"):
            raise FileNotFoundError(name)

    with delivering() as d:
        d.load(TODAY - timedelta(days=5))
        d.sync("workout")
        monkeypatch.setattr(PyArrowFileIO, "delete", delete)
        with pytest.raises(
            SinkUnavailable, match=r"^2 unused files of the Iceberg table workout .*PermissionError"
        ) as error:
            d.sync("workout", rewrite=True, purge=purge)
        assert "hunter2" not in str(error.value)
        assert all(Path(name.removeprefix("file://")).exists() for name in kept)
        table = d.catalog().load_table("whoop.workout")
        folder = Path(table.location().removeprefix("file://"))
        left = {str(path) for path in folder.rglob("*.parquet")}
        assert left == {name.removeprefix("file://") for name in kept} | set(data_files(table))
        assert_delivered(d.home.database, d.catalog(), ["workout"])
        assert d.sync("workout", purge=purge)["workout"].expired == 0


def test_a_table_that_was_dropped_is_filled_again(delivering: Make) -> None:
    with delivering() as d:
        d.load()
        d.sync("cycles")
        d.catalog().drop_table("whoop.cycles")
        assert d.sync("cycles")["cycles"].rows == len(d.home.rows("cycles"))
        assert_delivered(d.home.database, d.catalog(), ["cycles"])


def test_a_table_that_was_rolled_back_is_brought_forward_again(delivering: Make) -> None:
    with delivering() as d:
        d.load(FIRST, TODAY - timedelta(days=4))
        d.sync("cycles")
        table = d.catalog().load_table("whoop.cycles")
        before = table.current_snapshot().snapshot_id  # type: ignore[union-attr]
        d.load()
        d.sync("cycles")
        table.refresh()
        table.manage_snapshots().set_current_snapshot(snapshot_id=before).commit()
        assert d.sync("cycles")["cycles"].days > 0
        assert_delivered(d.home.database, d.catalog(), ["cycles"])


def test_after_a_rollback_a_day_that_had_been_emptied_is_emptied_again(delivering: Make) -> None:
    with delivering() as d:
        d.load()
        d.sync("workout")
        table = d.catalog().load_table("whoop.workout")
        before = table.current_snapshot().snapshot_id  # type: ignore[union-attr]
        day = sorted({row["day"] for row in d.home.rows("workouts").values()})[-2]
        for one in d.home.rows("workouts").values():
            if one["day"] == day:
                d.home.world.delete(d.home.member, "workouts", one["id"])
        d.home.advance(timedelta(minutes=5))
        d.load()
        d.sync("workout")
        assert day not in {row["day"] for row in by_pyiceberg(d.catalog(), "workout").values()}
        table.refresh()
        table.manage_snapshots().set_current_snapshot(snapshot_id=before).commit()
        assert day in {row["day"] for row in by_pyiceberg(d.catalog(), "workout").values()}
        d.sync("workout")
        assert_delivered(d.home.database, d.catalog(), ["workout"])
        assert d.sync("workout")["workout"].days == 0


def test_a_day_that_is_empty_before_and_after_a_rollback_is_not_behind_for_ever(delivering: Make) -> None:
    with delivering() as d:
        d.load(FIRST, TODAY - timedelta(days=4))
        days = {row["day"] for row in d.home.rows("workouts").values()}
        d.sync("workout")
        table = d.catalog().load_table("whoop.workout")
        before = table.current_snapshot().snapshot_id  # type: ignore[union-attr]
        d.load()
        d.sync("workout")
        for one in d.home.rows("workouts").values():
            if one["day"] not in days:
                d.home.world.delete(d.home.member, "workouts", one["id"])
        d.home.advance(timedelta(minutes=5))
        d.load()
        d.sync("workout")
        table.refresh()
        table.manage_snapshots().set_current_snapshot(snapshot_id=before).commit()
        done = d.sync("workout")["workout"]
        assert (done.days > 0, done.commits) == (True, 0)
        assert_delivered(d.home.database, d.catalog(), ["workout"])
        assert d.sync("workout")["workout"].days == 0


def test_a_lost_ledger_leaves_no_day_behind_that_the_warehouse_does_not_have(delivering: Make) -> None:
    with delivering() as d:
        d.load()
        d.sync("workout")
        with d.home.database.write() as connection:
            ledger.forget(connection, TABLES["workout"])
        for one in list(d.home.rows("workouts"))[:3]:
            d.home.world.delete(d.home.member, "workouts", one)
        d.home.advance(timedelta(minutes=5))
        d.load()
        d.sync("workout")
        assert_delivered(d.home.database, d.catalog(), ["workout"])


def write_all(settings: Settings) -> int:
    from whoop_assets.db.database import Database
    from whoop_assets.sinks.iceberg.sync import sync

    database = Database(settings.database_url)
    catalog = open_catalog(settings)
    repeated = 0
    for _ in range(3):
        repeated += sync(database, catalog, "whoop", TABLES["workout"], rewrite=True).repeated
    database.close()
    return repeated


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_two_who_write_at_once_get_in_each_others_way_and_no_row_wrong(delivering: Make, kind: str) -> None:
    with delivering(kind) as d:
        d.load(TODAY - timedelta(days=5))
        came_to = together(2, write_all, d.settings)
        assert [one for one in came_to if not isinstance(one, int)] == []
        assert_delivered(d.home.database, d.catalog(), ["workout"])
        assert d.sync("workout")["workout"].days == 0


def test_whose_commit_comes_second_reads_again_and_writes_the_newer_rows(
    delivering: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    with delivering() as d:
        d.load()
        workout = newest(d, "workouts")
        d.sync("workout")
        plain = syncing._commit
        once = [True]

        def slow(*arguments: Any) -> bool:
            """Between our reading and our commit the record changes, and somebody else writes it."""
            if once:
                once.clear()
                d.home.world.edit(d.home.member, "workouts", workout["id"], {"sport_name": "polo"})
                d.load()
                d.sync("workout")
            return plain(*arguments)

        monkeypatch.setattr(syncing, "_commit", slow)
        done = d.sync("workout", rewrite=True)["workout"]
        assert done.repeated == 1
        assert by_duckdb(d.catalog(), "workout")[(workout["id"],)]["sport_name"] == "polo"
        assert_delivered(d.home.database, d.catalog(), ["workout"])
        assert d.sync("workout")["workout"].days == 0


def test_a_later_commits_entry_in_the_ledger_stays(delivering: Make) -> None:
    with delivering() as d:
        d.load()
        d.sync("workout")
        held = ledger.Held(str(d.catalog().load_table("whoop.workout").metadata.table_uuid), 0)
        with d.home.database.write() as connection:
            days = [row["day"] for row in d.home.rows("workouts").values()]
            ledger.record(connection, TABLES["workout"], held, days, {}, d.home.clock.now())
        assert d.sync("workout")["workout"].days == 0


@pytest.mark.slow
def test_a_commit_that_never_succeeds_is_an_error_that_passes_and_loses_nothing(
    delivering: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Transaction) -> None:
        raise CommitFailedException("somebody else")

    with delivering() as d:
        d.load()
        with monkeypatch.context() as patch:
            patch.setattr(Transaction, "commit_transaction", refused)
            with pytest.raises(SinkUnavailable, match="changed by another writer") as error:
                d.sync("cycles")
        assert error.value.transient
        d.sync("cycles")
        assert_delivered(d.home.database, d.catalog(), ["cycles"])


def test_storage_that_is_down_is_one_sentence_without_a_secret(delivering: Make) -> None:

    with delivering() as d:
        d.load()
        down = d.settings.replace(
            iceberg_catalog="prod",
            iceberg_properties=(
                ("type", "sql"),
                ("uri", f"postgresql+psycopg2://writer:hunter2@127.0.0.1:{REFUSING_PORT}/none"),
                ("warehouse", "file:///nowhere"),
            ),
        )
        with pytest.raises(SinkUnavailable) as error:
            Delivering(d.home, down).sync("cycles")
        assert "hunter2" not in str(error.value)
        assert "\n" not in str(error.value)
        assert error.value.__suppress_context__
        d.sync("cycles")  # another catalog is not concerned


@pytest.mark.parametrize("kind", [TypeError, KeyError, AttributeError, AssertionError])
def test_an_error_of_programming_is_not_called_the_catalogs(kind: type[Exception]) -> None:
    with pytest.raises(kind, match="ours"), reaching("lake"):
        raise kind("ours")
    with pytest.raises(SinkUnavailable, match="OSError"), reaching("lake"):
        raise OSError("hunter2")


def test_off_until_a_catalog_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="WHOOP_ICEBERG_CATALOG"):
        open_catalog(Settings.from_environment({}))


def test_the_catalog_beside_the_database_is_its_owners_alone(delivering: Make) -> None:
    with delivering() as d:
        d.catalog()
        folder = local_folder(d.settings)
        assert folder.parent == Path(str(d.home.database.url.database)).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_pyicebergs_variables_may_stand_where_ours_do() -> None:
    settings = Settings.from_environment(
        {
            "WHOOP_ICEBERG_CATALOG": "prod",
            "PYICEBERG_CATALOG__PROD__TYPE": "rest",
            "PYICEBERG_CATALOG__PROD__S3__ACCESS_KEY_ID": "key",
            "PYICEBERG_CATALOG__OTHER__TYPE": "glue",
        }
    )
    assert settings.iceberg_properties == (("s3.access-key-id", "key"), ("type", "rest"))
    assert "key" not in repr(settings)
    with pytest.raises(ConfigurationError, match="WHOOP_ICEBERG_NAMESPACE"):
        Settings.from_environment({"WHOOP_ICEBERG_NAMESPACE": "no name"})
