"""Dagster's SQLite event log at its cheapest while one run of this process writes to it.

Dagster opens and closes its files for every event, and that is most of what a backfill's days cost:

- The last to close a file in WAL mode writes the log back into the database, syncs both and deletes the log. As long as
  somebody else has the file open, a commit is all there is.
- A commit syncs the log, unless `synchronous` is NORMAL. Then a power cut can cost the events of the last moment, never
  the database; a process that is killed costs nothing.

Together they take a run of 120 days of empty assets from 30 s to 12 s or less, the slower the disk the more.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dagster as dg


@contextmanager
def cheap_events(instance: "dg.DagsterInstance", run_id: str) -> Iterator[None]:
    """Hold the event log's files open, from the run's first event to the end of the block, and spare the syncs."""
    from dagster._core.storage.event_log import SqliteEventLogStorage
    from sqlalchemy import Engine, event

    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        yield
        return
    held: list[sqlite3.Connection] = []

    def hold(_entry: "dg.EventLogEntry") -> None:
        if not held:
            held.extend(_opened(Path(storage.path_for_shard(shard))) for shard in ("index", run_id))

    instance.add_event_listener(run_id, hold)
    event.listen(Engine, "connect", _spare_syncs)
    try:
        yield
    finally:
        event.remove(Engine, "connect", _spare_syncs)
        for connection in held:
            connection.close()


def _opened(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, check_same_thread=False)
    connection.execute("select count(*) from sqlite_master").fetchone()  # it is opened by the first reading
    return connection


def _spare_syncs(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=NORMAL")
