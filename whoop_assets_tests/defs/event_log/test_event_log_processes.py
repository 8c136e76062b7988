"""Killed and concurrent processes that store events in SQLite: the content of the two database files."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from whoop_assets.defs.event_log_storage import BatchedSqliteEventLogStorage
from whoop_assets_tests.defs.event_log.events import ASSETS, KEYS, materialized
from whoop_assets_tests.support.fixed_time import NOW, python_path

pytestmark = pytest.mark.slow

CHILD = f"""
import os, signal, sys
from pathlib import Path
from sqlalchemy import Engine, event
from whoop_assets.defs.event_log_storage import BatchedSqliteEventLogStorage
from dagster._core.storage.event_log import SqliteEventLogStorage
from {__name__} import ASSETS, entries

def kill_at_statement(words, before):
    def compare(connection, cursor, statement, *rest):
        if words in statement:
            os.kill(os.getpid(), signal.SIGKILL)
    event.listen(Engine, "before_cursor_execute" if before else "after_cursor_execute", compare)

folder, run_id = sys.argv[1:3]
"""


def entries(run_id: str, keys: Sequence[str]) -> list[dg.EventLogEntry]:
    """Returns materialization events of these partitions."""
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


def start_process(program: str, folder: Path, run_id: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + textwrap.dedent(program), str(folder), run_id],
        env={**os.environ, "PYTHONPATH": python_path(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def partitions(folder: Path, file: str) -> list[str]:
    """Returns the partitions of the materializations in a database file, in the order of storage."""
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
def test_a_process_killed_before_the_commit_stores_nothing_of_its_batch(
    tmp_path: Path, words: str, before: bool
) -> None:
    storage = BatchedSqliteEventLogStorage(str(tmp_path))
    storage.store_event_batch(entries("run", KEYS[:2]))
    killed = start_process(
        f"""
        kill_at_statement({words!r}, {before})
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


def test_dagsters_storage_killed_between_the_two_files_leaves_an_event_in_one(
    tmp_path: Path,
) -> None:
    SqliteEventLogStorage(str(tmp_path))
    killed = start_process(
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


def test_a_process_killed_between_the_two_commits_leaves_the_batch_in_the_runs_file_only(
    tmp_path: Path,
) -> None:
    """Dagster's storage can leave the same state. The next run materializes the partitions again."""
    storage = BatchedSqliteEventLogStorage(str(tmp_path))
    storage.store_event_batch(entries("run", KEYS[:1]))
    limit = 1_000_000
    index = sqlite3.connect(tmp_path / "index.db")
    try:
        # The write-ahead log of index.db exceeds the child's file size limit: its first write there kills it.
        index.execute("create table filler (data blob)")
        index.execute("insert into filler values (zeroblob(?))", (limit,))
        index.commit()
        killed = start_process(
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


def test_a_process_killed_at_any_time_leaves_complete_batches(tmp_path: Path) -> None:
    for number in range(4):
        folder = tmp_path / str(number)
        BatchedSqliteEventLogStorage(str(folder))
        killed = start_process(
            """
            storage = BatchedSqliteEventLogStorage(folder)
            for number in range(1000):
                storage.store_event_batch(entries(run_id, [f"{number}-{index}" for index in range(50)]))
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


def test_concurrent_runs_and_readers_cause_no_lock_errors(tmp_path: Path) -> None:
    BatchedSqliteEventLogStorage(str(tmp_path))
    batches = """
        storage = BatchedSqliteEventLogStorage(folder)
        for number in range(15):
            storage.store_event_batch(entries(run_id, [f"{run_id}-{number}-{index}" for index in range(100)]))
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
        start_process(batches, tmp_path, "one"),
        start_process(batches, tmp_path, "two"),
        start_process(singles, tmp_path, "two"),
    ]
    reader_process = start_process(reader, tmp_path, "none")
    outputs = [writer.communicate() for writer in writers]
    (tmp_path / "stop").touch()
    outputs.append(reader_process.communicate())
    assert [error for _, error in outputs] == [""] * 4
    assert len(partitions(tmp_path, "index")) == 2 * 1500 + 60
    assert len(partitions(tmp_path, "one")) == 1500
    assert len(partitions(tmp_path, "two")) == 1560
