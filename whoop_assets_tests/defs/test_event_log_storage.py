"""Storages that store batches have the result of Dagster's own, also if a process is killed and if several write at once."""

import itertools
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dagster as dg
import pytest
import time_machine
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationPlanned,
)
from dagster._core.definitions.partitions.subset import DefaultPartitionsSubset
from dagster._core.events import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    DagsterEvent,
    DagsterEventBatchMetadata,
    StepMaterializationData,
)
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster_postgres import PostgresEventLogStorage
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect, text

from whoop_assets.defs.event_log_storage import MAX_ROWS_PER_INSERT, BatchedSqliteEventLogStorage
from whoop_assets.defs.postgres_event_log_storage import BatchedPostgresEventLogStorage
from whoop_assets_tests.fixed_time import NOW, python_path

ASSETS = [dg.AssetKey(["whoop", name]) for name in ("cycles", "sleeps", "trends")]
CHECKS = [dg.AssetCheckKey(key, "complete") for key in ASSETS[:2]]
DAYS = dg.DailyPartitionsDefinition("2026-11-01")
KEYS = [f"2026-11-{day:02}" for day in range(1, 6)]
RUNS = {
    f"run-{number}": dg.DagsterRunStatus.STARTED if number == 4 else dg.DagsterRunStatus.FAILURE
    for number in range(5)
}

_numbers = itertools.count(1)


# Events, as a run of a range of partitions stores them


def materialized(key: dg.AssetKey, partition: str | None, tags: dict[str, str] | None = None) -> DagsterEvent:
    materialization = dg.AssetMaterialization(key, partition=partition, tags=tags, metadata={"rows": 2})
    data = StepMaterializationData(materialization)
    return DagsterEvent("ASSET_MATERIALIZATION", "job", step_key="step", event_specific_data=data)


def observed(key: dg.AssetKey, partition: str | None, tags: dict[str, str] | None = None) -> DagsterEvent:
    data = AssetObservationData(dg.AssetObservation(key, partition=partition, tags=tags))
    return DagsterEvent("ASSET_OBSERVATION", "job", step_key="step", event_specific_data=data)


def planned(key: dg.AssetKey, partition: str | None) -> DagsterEvent:
    data = AssetMaterializationPlannedData(key, partition=partition)
    return DagsterEvent("ASSET_MATERIALIZATION_PLANNED", "job", step_key="step", event_specific_data=data)


def check_planned(check: dg.AssetCheckKey, partitions: Sequence[str]) -> DagsterEvent:
    subset = DefaultPartitionsSubset(set(partitions)) if partitions else None
    data = AssetCheckEvaluationPlanned(
        asset_key=check.asset_key, check_name=check.name, partitions_subset=subset
    )
    return DagsterEvent("ASSET_CHECK_EVALUATION_PLANNED", "job", step_key="step", event_specific_data=data)


def checked(check: dg.AssetCheckKey, passed: bool) -> DagsterEvent:
    data = AssetCheckEvaluation(
        asset_key=check.asset_key, check_name=check.name, passed=passed, metadata={}, blocking=False
    )
    return DagsterEvent("ASSET_CHECK_EVALUATION", "job", step_key="step", event_specific_data=data)


assets, days = st.sampled_from(ASSETS), st.sampled_from([None, *KEYS])
tags = st.dictionaries(st.sampled_from(["dagster/data_version", "team"]), st.sampled_from(["a", "b"]))
asset_events = st.one_of(
    st.builds(materialized, assets, days, tags),
    st.builds(observed, assets, days, tags),
    st.builds(planned, assets, days),
)


@st.composite
def runs(draw: st.DrawFn) -> list[list[DagsterEvent]]:
    """The batches of a run: it plans each check at most once, and evaluates checks that it has planned."""
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
"""Runs, and assets that are wiped between them."""


def report(instance: dg.DagsterInstance, history: Sequence[list[list[DagsterEvent]] | dg.AssetKey]) -> None:
    """Report the events to the instance as Dagster does; whether it collects them, the environment says."""
    clock = itertools.count(NOW.timestamp())
    for run_id, step in zip(RUNS, history, strict=False):
        if isinstance(step, dg.AssetKey):
            with time_machine.travel(next(clock), tick=False):  # the time of a wipe is stored too
                instance.wipe_assets([step])
            continue
        for number, events in enumerate(step):
            for place, event in enumerate(events):
                batch = DagsterEventBatchMetadata(f"{run_id}-{number}", place == len(events) - 1)
                instance.report_dagster_event(event, run_id, batch_metadata=batch, timestamp=next(clock))


def queried(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What the UI asks about assets, partitions, checks and runs."""
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


# Both kinds of storage


class Sqlite:
    """Two instances on files of their own: Dagster's storage, which stores each event by itself, and ours."""

    theirs, ours = SqliteEventLogStorage, BatchedSqliteEventLogStorage

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
        home = folder or self.new()
        config = {"base_dir": str(home / "history" / "runs")}
        named = {"module": storage.__module__, "class": storage.__name__, "config": config}
        with dg.instance_for_test(temp_dir=str(home), overrides={"event_log_storage": named}) as instance:
            yield instance

    def new(self) -> Path:
        return Path(shutil.copytree(self.template, self.folder / f"home{next(_numbers)}"))

    def tables(self, instance: dg.DagsterInstance) -> dict[str, list[Any]]:
        """All rows of all tables of all files, but for the times at which the database made them."""
        storage = instance.event_log_storage
        assert isinstance(storage, SqliteEventLogStorage)
        files = {"index", *storage.get_all_run_ids()}
        return {
            f"{file}.{table}": rows
            for file in files
            for table, rows in rows_of(f"sqlite:///{storage.path_for_shard(file)}").items()
        }


class Postgres:
    """The same on databases of one server."""

    theirs, ours = PostgresEventLogStorage, BatchedPostgresEventLogStorage

    def __init__(self, new_url: Callable[..., str], sqlite: Sqlite) -> None:
        self.new_url = new_url
        self.sqlite = sqlite

    @contextmanager
    def instance(self, storage: type[PostgresEventLogStorage]) -> Iterator[dg.DagsterInstance]:
        url = self.new_url("postgresql", empty=True)
        named = {"module": storage.__module__, "class": storage.__name__, "config": {"postgres_url": url}}
        home = self.sqlite.new()
        with dg.instance_for_test(temp_dir=str(home), overrides={"event_log_storage": named}) as instance:
            yield instance

    def tables(self, instance: dg.DagsterInstance) -> dict[str, list[Any]]:
        storage = instance.event_log_storage
        assert isinstance(storage, PostgresEventLogStorage)
        # An insert that becomes an update uses up an id.
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
def sqlite(tmp_path: Path) -> Sqlite:
    return Sqlite(tmp_path)


@pytest.fixture
def both(database_kind: str, sqlite: Sqlite, new_database_url: Callable[..., str]) -> Sqlite | Postgres:
    return sqlite if database_kind == "sqlite" else Postgres(new_database_url, sqlite)


def with_runs(instance: dg.DagsterInstance) -> dg.DagsterInstance:
    for run_id, status in RUNS.items():
        instance.add_run(dg.DagsterRun("job", run_id=run_id, status=status))
    return instance


# Tests


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
def test_batches_leave_the_rows_and_answers_of_events_that_are_stored_one_by_one(
    both: Any, history: list[Any]
) -> None:
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        found = []
        for storage, batch_size in ((both.theirs, "0"), (both.ours, "8")):
            patch.setenv("DAGSTER_EVENT_BATCH_SIZE", batch_size)
            instance = with_runs(stack.enter_context(both.instance(storage)))
            report(instance, history)
            found.append((queried(instance), both.tables(instance)))
        assert found[0] == found[1]


def test_a_batch_with_more_rows_than_a_statement_takes_is_stored_without_single_events(
    both: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = 2 * MAX_ROWS_PER_INSERT + 1
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", str(number))
    first = date(2020, 1, 1).toordinal()
    events = [materialized(ASSETS[0], str(date.fromordinal(first + place))) for place in range(number)]
    with both.instance(both.ours) as instance:

        def refused(*_events: object) -> None:
            raise AssertionError("an event was stored by itself")

        monkeypatch.setattr(instance.event_log_storage, "store_event", refused)
        report(instance, [[events]])
        assert len(instance.get_materialized_partitions(ASSETS[0])) == number
        assert len(instance.all_logs("run-0")) == number


def test_a_batch_that_sqlite_refuses_leaves_nothing_so_that_its_events_can_be_stored_one_by_one(
    sqlite: Sqlite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "8")
    events = [materialized(ASSETS[0], key) for key in KEYS]
    with sqlite.instance(sqlite.ours) as instance:
        storage = instance.event_log_storage
        store_asset_event = storage.store_asset_event

        def refused_once(event: dg.EventLogEntry, event_id: int) -> None:
            monkeypatch.setattr(storage, "store_asset_event", store_asset_event)
            raise OSError("the disk is full")

        monkeypatch.setattr(storage, "store_asset_event", refused_once)
        report(instance, [[events]])
        assert "the disk is full" in capsys.readouterr().err
        assert [entry.dagster_event for entry in instance.all_logs("run-0")] == events
        assert instance.get_materialized_partitions(ASSETS[0]) == set(KEYS)
        tables = sqlite.tables(instance)
        assert [len(tables[f"{file}.event_logs"]) for file in ("run-0", "index")] == [len(KEYS)] * 2


def test_a_home_goes_from_dagsters_storage_to_ours_and_back(
    sqlite: Sqlite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "8")
    home = sqlite.new()
    for number, storage in enumerate((sqlite.theirs, sqlite.ours, sqlite.theirs, sqlite.ours)):
        keys = KEYS[number : number + 2]
        with sqlite.instance(storage, home) as instance:
            report(instance, [[[materialized(ASSETS[0], key) for key in keys]]])
            assert instance.get_materialized_partitions(ASSETS[0]) == set(KEYS[: number + 2])


def test_the_folder_may_be_named_by_an_environment_variable(
    sqlite: Sqlite, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = sqlite.new()
    monkeypatch.setenv("HOME", str(home.parent))
    config = {"base_dir": "$SOME_HOME/history/runs"}
    for value in (str(home), f"~/{home.name}"):
        monkeypatch.setenv("SOME_HOME", value)
        storage = BatchedSqliteEventLogStorage.from_config_value(None, config)
        assert storage.path_for_shard("index") == str(home / "history" / "runs" / "index.db")
    monkeypatch.delenv("SOME_HOME")
    with pytest.raises(dg.DagsterInvariantViolationError, match="set the environment variable SOME_HOME"):
        BatchedSqliteEventLogStorage.from_config_value(None, config)


# Processes that are killed, and processes at once

CHILD = f"""
import os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
from whoop_assets.defs.event_log_storage import BatchedSqliteEventLogStorage
from dagster._core.storage.event_log import SqliteEventLogStorage
from {__name__} import ASSETS, entries

def kill_at(words, before):
    def look(connection, cursor, statement, *rest):
        if words in statement:
            os.kill(os.getpid(), signal.SIGKILL)
    event.listen(Engine, "before_cursor_execute" if before else "after_cursor_execute", look)

folder, run_id = sys.argv[1:3]
"""


def entries(run_id: str, keys: Sequence[str]) -> list[dg.EventLogEntry]:
    """Materializations of these partitions, as the storage gets them."""
    return [
        dg.EventLogEntry(
            error_info=None,
            level=10,
            user_message="",
            run_id=run_id,
            timestamp=NOW.timestamp(),
            dagster_event=materialized(ASSETS[0], key),
        )
        for key in keys
    ]


def child(program: str, folder: Path, run_id: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + textwrap.dedent(program), str(folder), run_id],
        env={**os.environ, "PYTHONPATH": python_path(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def partitions(folder: Path, file: str) -> list[str]:
    """The partitions whose materializations are in this file, in the order in which they were stored."""
    connection = sqlite3.connect(folder / f"{file}.db")
    try:
        return [row[0] for row in connection.execute("select partition from event_logs order by id")]
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("words", "before"),
    [
        ("INSERT INTO main.event_logs", True),
        ("INSERT INTO main.event_logs", False),
        ("UPDATE all_runs.asset_keys", False),
    ],
)
def test_a_process_that_is_killed_before_the_commit_leaves_nothing_of_its_batch(
    tmp_path: Path, words: str, before: bool
) -> None:
    storage = BatchedSqliteEventLogStorage(str(tmp_path))
    storage.store_event_batch(entries("run", KEYS[:2]))
    killed = child(
        f"""
        kill_at({words!r}, {before})
        BatchedSqliteEventLogStorage(folder).store_event_batch(entries(run_id, {KEYS[2:]!r}))
        """,
        tmp_path,
        "run",
    )
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert partitions(tmp_path, "index") == partitions(tmp_path, "run") == KEYS[:2]
    storage.store_event_batch(entries("run", KEYS[2:]))
    assert partitions(tmp_path, "index") == partitions(tmp_path, "run") == KEYS


def test_dagsters_own_storage_leaves_an_event_in_one_file_when_it_is_killed_between_the_two(
    tmp_path: Path,
) -> None:
    SqliteEventLogStorage(str(tmp_path))
    killed = child(
        f"""
        SqliteEventLogStorage.index_transaction = lambda self: os.kill(os.getpid(), signal.SIGKILL)
        SqliteEventLogStorage(folder).store_event_batch(entries(run_id, {KEYS!r}))
        """,
        tmp_path,
        "run",
    )
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    assert (partitions(tmp_path, "run"), partitions(tmp_path, "index")) == (KEYS[:1], [])


def test_a_process_that_is_killed_between_the_commits_of_the_two_files_leaves_the_batch_in_the_runs_log_alone(
    tmp_path: Path,
) -> None:
    """The state of Dagster's own class, and the way out of it is the same: the next run materializes the partitions."""
    storage = BatchedSqliteEventLogStorage(str(tmp_path))
    storage.store_event_batch(entries("run", KEYS[:1]))
    limit = 1_000_000
    index = sqlite3.connect(tmp_path / "index.db")
    try:
        # A write-ahead log of index.db that is longer than the child may write: its first write there ends it.
        index.execute("create table filler (data blob)")
        index.execute("insert into filler values (zeroblob(?))", (limit,))
        index.commit()
        killed = child(
            f"""
            import resource
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
            BatchedSqliteEventLogStorage(folder).store_event_batch(entries(run_id, {KEYS[1:]!r}))
            """,
            tmp_path,
            "run",
        )
        killed.communicate()
    finally:
        index.close()
    assert killed.returncode == -signal.SIGXFSZ
    assert (partitions(tmp_path, "run"), partitions(tmp_path, "index")) == (KEYS, KEYS[:1])
    storage.store_event_batch(entries("next", KEYS[1:]))
    assert storage.get_materialized_partitions(ASSETS[0]) == set(KEYS)


def test_a_process_that_is_killed_at_any_moment_leaves_whole_batches(tmp_path: Path) -> None:
    for number in range(4):
        folder = tmp_path / str(number)
        BatchedSqliteEventLogStorage(str(folder))
        killed = child(
            """
            storage = BatchedSqliteEventLogStorage(folder)
            for number in range(1000):
                storage.store_event_batch(entries(run_id, [f"{number}-{place}" for place in range(50)]))
                print(number, flush=True)
            """,
            folder,
            "run",
        )
        assert killed.stdout is not None
        for _ in range(number + 1):
            assert killed.stdout.readline()
        killed.kill()
        killed.communicate()
        in_run, in_index = partitions(folder, "run"), partitions(folder, "index")
        assert len(in_run) >= 50 * (number + 1)
        assert len(in_run) % 50 == 0
        assert in_index in (in_run, in_run[:-50])


def test_runs_a_reader_and_single_events_at_once_do_not_lock_each_other_out(tmp_path: Path) -> None:
    BatchedSqliteEventLogStorage(str(tmp_path))
    batches = """
        storage = BatchedSqliteEventLogStorage(folder)
        for number in range(15):
            storage.store_event_batch(entries(run_id, [f"{run_id}-{number}-{place}" for place in range(100)]))
        """
    singles = """
        storage = BatchedSqliteEventLogStorage(folder)
        for number in range(60):
            storage.store_event(entries(run_id, [f"{run_id}-{number}"])[0])
        """
    reader = """
        storage = BatchedSqliteEventLogStorage(folder)
        while "stop" not in os.listdir(folder):
            storage.get_materialized_partitions(ASSETS[0])
            storage.get_latest_materialization_events(ASSETS)
        """
    writers = [
        child(batches, tmp_path, "one"),
        child(batches, tmp_path, "two"),
        child(singles, tmp_path, "two"),
    ]
    reading = child(reader, tmp_path, "none")
    ended = [writer.communicate() for writer in writers]
    (tmp_path / "stop").touch()
    ended.append(reading.communicate())
    assert [error for _, error in ended] == [""] * 4
    assert len(partitions(tmp_path, "index")) == 2 * 1500 + 60
    assert len(partitions(tmp_path, "one")) == 1500
    assert len(partitions(tmp_path, "two")) == 1560
