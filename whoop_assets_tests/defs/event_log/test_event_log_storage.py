"""The batched event log storages store the same rows as Dagster's storages, which store single events."""

import itertools
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dagster as dg
import pytest
import time_machine
from dagster._core.events import (
    DagsterEvent,
    DagsterEventBatchMetadata,
)
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster_postgres import PostgresEventLogStorage
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect, text

from whoop_assets.defs.event_log_storage import MAX_ROWS_PER_INSERT, BatchedSqliteEventLogStorage
from whoop_assets.defs.postgres_event_log_storage import BatchedPostgresEventLogStorage
from whoop_assets_tests.defs.event_log.events import (
    ASSETS,
    CHECKS,
    KEYS,
    check_planned,
    checked,
    materialized,
    observed,
    planned,
)
from whoop_assets_tests.support.fixed_time import NOW

DAYS = dg.DailyPartitionsDefinition("2026-11-01")
RUNS = {
    f"run-{number}": dg.DagsterRunStatus.STARTED if number == 4 else dg.DagsterRunStatus.FAILURE
    for number in range(5)
}

_numbers = itertools.count(1)


assets, days = st.sampled_from(ASSETS), st.sampled_from([None, *KEYS])
tags = st.dictionaries(st.sampled_from(["dagster/data_version", "team"]), st.sampled_from(["a", "b"]))
asset_events = st.one_of(
    st.builds(materialized, assets, days, tags),
    st.builds(observed, assets, days, tags),
    st.builds(planned, assets, days),
)


@st.composite
def runs(draw: st.DrawFn) -> list[list[DagsterEvent]]:
    """Generates the batches of a run. It plans each check at most once, and evaluates only planned checks."""
    checks = draw(st.lists(st.sampled_from(CHECKS), unique=True))
    plans = [check_planned(check, draw(st.lists(st.sampled_from(KEYS), unique=True))) for check in checks]
    first = draw(st.permutations([*draw(st.lists(asset_events, max_size=10)), *plans]))
    later = draw(st.lists(st.lists(asset_events, min_size=1, max_size=10), max_size=3))
    unpartitioned = [
        check
        for check, plan in zip(checks, plans, strict=True)
        if plan.event_specific_data.partitions_subset is None  # type: ignore[union-attr]
    ]
    evaluations = [[checked(check, draw(st.booleans()))] for check in unpartitioned if draw(st.booleans())]
    return [batch for batch in (first, *later, *evaluations) if batch]


histories = st.lists(st.one_of(runs(), assets), min_size=1, max_size=len(RUNS))
"""Runs, and assets that a user wipes between them."""


def report_events(
    instance: dg.DagsterInstance, history: Sequence[list[list[DagsterEvent]] | dg.AssetKey]
) -> None:
    """Reports the events as Dagster does; an environment variable decides whether it batches them."""
    clock = itertools.count(NOW.timestamp())
    for run_id, step in zip(RUNS, history, strict=False):
        if isinstance(step, dg.AssetKey):
            with time_machine.travel(next(clock), tick=False):  # The time of a wipe is stored.
                instance.wipe_assets([step])
            continue
        for number, events in enumerate(step):
            for index, event in enumerate(events):
                batch = DagsterEventBatchMetadata(f"{run_id}-{number}", index == len(events) - 1)
                instance.report_dagster_event(event, run_id, batch_metadata=batch, timestamp=next(clock))


def query_results(instance: dg.DagsterInstance) -> dict[str, Any]:
    """Returns the results of the Dagster UI's queries about assets, partitions, checks and runs."""
    storage = instance.event_log_storage
    found: dict[str, Any] = {f"log of {run_id}": instance.all_logs(run_id) for run_id in RUNS}
    for key in ASSETS:
        found[f"{key} materialized"] = sorted(instance.get_materialized_partitions(key))
        found[f"{key} latest"] = instance.get_latest_materialization_event(key)
        found[f"{key} status"] = instance.get_status_by_partition(key, KEYS, DAYS)
        found[f"{key} unfinished"] = (
            storage.get_latest_asset_partition_materialization_attempts_without_materializations(key)
        )
        found[f"{key} tags"] = storage.get_event_tags_for_asset(key)
        found[f"{key} record"] = [
            (record.asset_entry.last_materialization_record, record.asset_entry.last_run_id)
            for record in instance.get_asset_records([key])
        ]
    for check in CHECKS:
        found[f"{check} history"] = [
            (record.run_id, record.status, record.partition)
            for record in storage.get_asset_check_execution_history(check, limit=1000)
        ]
    return found


# The compared storages


class SqliteStorages:
    """Creates instances on separate files, with Dagster's storage or with the batched one."""

    single, batched = SqliteEventLogStorage, BatchedSqliteEventLogStorage

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.template = folder / "template"
        self.template.mkdir()
        with dg.instance_for_test(temp_dir=str(self.template)):
            pass

    @contextmanager
    def instance(
        self, storage: type[SqliteEventLogStorage], folder: Path | None = None
    ) -> Iterator[dg.DagsterInstance]:
        home = folder or self.new_home()
        config = {"base_dir": str(home / "history" / "runs")}
        configuration = {"module": storage.__module__, "class": storage.__name__, "config": config}
        with dg.instance_for_test(
            temp_dir=str(home), overrides={"event_log_storage": configuration}
        ) as instance:
            yield instance

    def new_home(self) -> Path:
        return Path(shutil.copytree(self.template, self.folder / f"home{next(_numbers)}"))

    def tables(self, instance: dg.DagsterInstance) -> dict[str, list[Any]]:
        """Returns all rows of all tables of all files, without their creation times."""
        storage = instance.event_log_storage
        assert isinstance(storage, SqliteEventLogStorage)
        files = {"index", *storage.get_all_run_ids()}
        return {
            f"{file}.{table}": rows
            for file in files
            for table, rows in rows_of(f"sqlite:///{storage.path_for_shard(file)}").items()
        }


class PostgresStorages:
    """Creates instances on separate databases of one server."""

    single, batched = PostgresEventLogStorage, BatchedPostgresEventLogStorage

    def __init__(self, new_url: Callable[..., str], sqlite: SqliteStorages) -> None:
        self.new_url = new_url
        self.sqlite = sqlite

    @contextmanager
    def instance(self, storage: type[PostgresEventLogStorage]) -> Iterator[dg.DagsterInstance]:
        url = self.new_url("postgresql", empty=True)
        configuration = {
            "module": storage.__module__,
            "class": storage.__name__,
            "config": {"postgres_url": url},
        }
        home = self.sqlite.new_home()
        with dg.instance_for_test(
            temp_dir=str(home), overrides={"event_log_storage": configuration}
        ) as instance:
            yield instance

    def tables(self, instance: dg.DagsterInstance) -> dict[str, list[Any]]:
        storage = instance.event_log_storage
        assert isinstance(storage, PostgresEventLogStorage)
        # An upsert that updates a row skips an id.
        return rows_of(storage.postgres_url, {"asset_keys": "id"})


def rows_of(url: str, without: Mapping[str, str] = MappingProxyType({})) -> dict[str, list[Any]]:
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            names = set(inspect(connection).get_table_names()) - {"alembic_version"}
            found = {
                name: [dict(row) for row in connection.execute(text(f"select * from {name}")).mappings()]  # noqa: S608
                for name in sorted(names)
            }
    finally:
        engine.dispose()
    for name, rows in found.items():
        for column in ("create_timestamp", "migration_completed", without.get(name, "")):
            for row in rows:
                row.pop(column, None)
    return {name: sorted(rows, key=repr) for name, rows in found.items()}


@pytest.fixture
def sqlite(tmp_path: Path) -> SqliteStorages:
    return SqliteStorages(tmp_path)


@pytest.fixture
def storages(
    database_kind: str, sqlite: SqliteStorages, new_database_url: Callable[..., str]
) -> SqliteStorages | PostgresStorages:
    return sqlite if database_kind == "sqlite" else PostgresStorages(new_database_url, sqlite)


def with_runs(instance: dg.DagsterInstance) -> dg.DagsterInstance:
    for run_id, status in RUNS.items():
        instance.add_run(dg.DagsterRun("job", run_id=run_id, status=status))
    return instance


# Tests


@pytest.mark.slow
@hypothesis_settings(max_examples=max(5, hypothesis_settings().max_examples // 10))
@example(
    history=[
        [
            [planned(ASSETS[0], key) for key in KEYS],
            [materialized(ASSETS[0], key, {"team": "a"}) for key in KEYS[:3]],
        ],
        ASSETS[0],
        [[planned(ASSETS[0], KEYS[0]), check_planned(CHECKS[0], KEYS)], [materialized(ASSETS[0], KEYS[0])]],
    ]
)
@given(history=histories)
def test_batches_store_the_same_rows_and_query_results_as_single_events(
    storages: Any, history: list[Any]
) -> None:
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        found = []
        for storage, batch_size in ((storages.single, "0"), (storages.batched, "8")):
            patch.setenv("DAGSTER_EVENT_BATCH_SIZE", batch_size)
            instance = with_runs(stack.enter_context(storages.instance(storage)))
            report_events(instance, history)
            found.append((query_results(instance), storages.tables(instance)))
        assert found[0] == found[1]


def test_a_batch_larger_than_one_statement_is_stored_without_single_events(
    storages: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 2 * MAX_ROWS_PER_INSERT + 1
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", str(number))
    first = date(2020, 1, 1).toordinal()
    events = [materialized(ASSETS[0], str(date.fromordinal(first + index))) for index in range(number)]
    with storages.instance(storages.batched) as instance:

        def fail(*_events: object) -> None:
            raise AssertionError("an event was stored without a batch")

        monkeypatch.setattr(instance.event_log_storage, "store_event", fail)
        report_events(instance, [[events]])
        assert len(instance.get_materialized_partitions(ASSETS[0])) == number
        assert len(instance.all_logs("run-0")) == number


def test_a_failed_batch_is_rolled_back_and_its_events_are_stored_singly(
    sqlite: SqliteStorages, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "8")
    events = [materialized(ASSETS[0], key) for key in KEYS]
    with sqlite.instance(sqlite.batched) as instance:
        storage = instance.event_log_storage
        assert isinstance(storage, BatchedSqliteEventLogStorage)
        store_asset_event = storage.store_asset_event

        def fail_once(event: dg.EventLogEntry, event_id: int) -> None:
            monkeypatch.setattr(storage, "store_asset_event", store_asset_event)
            raise OSError("the disk is full")

        monkeypatch.setattr(storage, "store_asset_event", fail_once)
        report_events(instance, [[events]])
        assert "the disk is full" in capsys.readouterr().err
        assert [entry.dagster_event for entry in instance.all_logs("run-0")] == events
        assert instance.get_materialized_partitions(ASSETS[0]) == set(KEYS)
        tables = sqlite.tables(instance)
        assert [len(tables[f"{file}.event_logs"]) for file in ("run-0", "index")] == [len(KEYS)] * 2


def test_an_instance_can_switch_between_dagsters_storage_and_the_batched_one(
    sqlite: SqliteStorages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "8")
    home = sqlite.new_home()
    for number, storage in enumerate((sqlite.single, sqlite.batched, sqlite.single, sqlite.batched)):
        keys = KEYS[number : number + 2]
        with sqlite.instance(storage, home) as instance:
            report_events(instance, [[[materialized(ASSETS[0], key) for key in keys]]])
            assert instance.get_materialized_partitions(ASSETS[0]) == set(KEYS[: number + 2])


def test_the_storage_folder_may_contain_an_environment_variable(
    sqlite: SqliteStorages, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = sqlite.new_home()
    monkeypatch.setenv("HOME", str(home.parent))
    config = {"base_dir": "$SOME_HOME/history/runs"}
    for value in (str(home), f"~/{home.name}"):
        monkeypatch.setenv("SOME_HOME", value)
        storage = BatchedSqliteEventLogStorage.from_config_value(None, config)
        assert storage.path_for_shard("index") == str(home / "history" / "runs" / "index.db")
    monkeypatch.delenv("SOME_HOME")
    with pytest.raises(dg.DagsterInvariantViolationError, match="set the environment variable SOME_HOME"):
        BatchedSqliteEventLogStorage.from_config_value(None, config)
