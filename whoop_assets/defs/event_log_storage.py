"""An event log storage for SQLite that stores a batch of events in one transaction.

Dagster collects the events of a run's partitions into batches if `DAGSTER_EVENT_BATCH_SIZE` is set, but
`SqliteEventLogStorage.store_event_batch` of Dagster 1.13 stores each event alone: it opens two database files
and commits twice. A planned event and a materialization take 15 ms together; in batches they take 1.4 ms.
Tables and files stay Dagster's own, so an instance can change the class at any time.

Upstream issues: dagster-io/dagster 29282, 32242, 33785, 33831. Delete this module when Dagster stores batches
itself. The class for PostgreSQL is in `postgres_event_log_storage`, because importing dagster-postgres takes
0.15 s.
"""

import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import dagster as dg
from sqlalchemy import MetaData, select

from whoop_assets.defs.dagster_internals import (
    SqlEventLogStorage,
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Insert

    Events = Sequence[dg.EventLogEntry]
    Stored = tuple[dg.EventLogEntry, int]
    """An event and its id."""

BATCHED_EVENT_TYPES = {
    dg.DagsterEventType.ASSET_MATERIALIZATION,
    dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    dg.DagsterEventType.ASSET_OBSERVATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
}
"""The types that Dagster 1.13 collects into batches, except failures to materialize, which it stores only in
Dagster+."""

MAX_ROWS_PER_INSERT = 500
"""SQLite allows 32,766 parameters in a statement; a row has seven."""

_run_table = SqlEventLogStorageTable.to_metadata(MetaData(), schema="main")
"""The table of events in a run's own file, while `index.db` is attached to it."""


class BatchedEventLogStorage(SqlEventLogStorage):
    """Stores the events of a batch together. Base class of the storages for SQLite and PostgreSQL."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._batch = threading.local()
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]

    @contextmanager
    def index_connection(self) -> Iterator["Connection"]:
        """The connection of the batch that this thread is storing, else a new one."""
        connection = getattr(self._batch, "connection", None)
        if connection is not None:
            yield connection
        else:
            with super().index_connection() as connection:  # type: ignore[safe-super]  # the storage's own
                yield connection

    def store_event_batch(self, events: "Events") -> None:
        """Store the events of one run, with the result of `store_event` for each of them in turn.

        Raises:
            Exception: The database refused the batch. Dagster then stores its events one by one.
        """
        run_ids = {event.run_id for event in events}
        event_types = {event.get_dagster_event().event_type for event in events}
        if len(run_ids) != 1 or not event_types <= BATCHED_EVENT_TYPES:
            super().store_event_batch(events)
            return
        with self.batch_transaction(run_ids.pop()) as connection:
            self._batch.connection = connection
            try:
                self._store_batch(connection, events)
            finally:
                self._batch.connection = None

    def _store_batch(self, connection: "Connection", events: "Events") -> None:
        stored: list[Stored] = []
        for start in range(0, len(events), MAX_ROWS_PER_INSERT):
            chunk = events[start : start + MAX_ROWS_PER_INSERT]
            stored += zip(chunk, self.insert_events(connection, chunk), strict=True)
        assets: list[Stored] = []
        checks: list[Stored] = []
        for event, event_id in stored:
            planned_check = event.dagster_event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
            (checks if planned_check else assets).append((event, event_id))
        self.store_asset_event_tags([event for event, _ in assets], [event_id for _, event_id in assets])
        for event, event_id in _last_of_each_asset(assets):
            self.store_asset_event(event, event_id)
        for event, event_id in checks:
            self.store_asset_check_event(event, event_id)

    @contextmanager
    def batch_transaction(self, run_id: str) -> Iterator["Connection"]:
        """The transaction in which a batch of the run is stored."""
        with self.index_transaction() as connection:
            yield connection

    def insert_events(self, connection: "Connection", events: "Events") -> list[int]:
        """Insert the events in their order and return their ids.

        The database assigns ids in ascending order.
        """
        insert: Insert = self.prepare_insert_event_batch(events)
        return sorted(connection.execute(insert.returning(SqlEventLogStorageTable.c.id)).scalars())


class BatchedSqliteEventLogStorage(BatchedEventLogStorage, SqliteEventLogStorage):
    """Dagster's event log storage for SQLite, with real batches.

    Dagster keeps a run's events in a file of the run, and copies asset events into `index.db`, a file for all
    runs. Here one transaction writes a batch to both files. If it fails or its process is killed, neither
    file has any of the batch. There is one exception: SQLite commits the run's file just before `index.db`. A
    kill between the two leaves the batch only in the run's log, as Dagster's own class leaves an event. The
    assets then do not count as materialized.

    `base_dir` may name environment variables: with `$DAGSTER_HOME/history/runs` the home can be moved.
    """

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> Self:
        """Make the storage from its block in dagster.yaml.

        Raises:
            DagsterInvariantViolationError: An environment variable in `base_dir` is not set.
        """
        base_dir = os.path.expanduser(os.path.expandvars(config_value["base_dir"]))
        if missing := re.search(r"\$\{?(\w+)", base_dir):
            raise dg.DagsterInvariantViolationError(
                f"The event log's folder {base_dir} cannot be found: set the environment variable"
                f" {missing[1]}."
            )
        return cls(base_dir, inst_data)

    @contextmanager
    def batch_transaction(self, run_id: str) -> Iterator["Connection"]:
        """Open a transaction of the run's file with `index.db` attached.

        `index.db` holds all tables that have no schema here.
        """
        with self.run_connection(run_id) as connection:
            connection.exec_driver_sql("ATTACH DATABASE ? AS all_runs", (self.path_for_shard("index"),))
            yield connection.execution_options(schema_translate_map={None: "all_runs"})

    def insert_events(self, connection: "Connection", events: "Events") -> list[int]:
        """Insert the events into both files and return their ids in `index.db`."""
        ids = super().insert_events(connection, events)
        # SQLite copies the rows: to serialize an event a second time takes longer.
        columns = [column for column in SqlEventLogStorageTable.c if not column.primary_key]
        copied = select(*columns).where(SqlEventLogStorageTable.c.id.between(ids[0], ids[-1]))
        copy = _run_table.insert().from_select(columns, copied.order_by(SqlEventLogStorageTable.c.id))
        connection.execute(copy)
        return ids


def _last_of_each_asset(stored: "Iterable[Stored]") -> "Iterator[Stored]":
    """The last event of each asset and type: the earlier ones would be overwritten in the table of assets.

    Assets come in the order of their first events. Dagster sorts planned events by asset, so that two
    processes lock the rows of assets in one order.
    """
    last: dict[Any, dict[Any, Stored]] = {}
    for event, event_id in stored:
        of_asset = last.setdefault(event.get_dagster_event().asset_key, {})
        # Removed first, so that the types stay in the order of their last events.
        of_asset.pop(event.dagster_event_type, None)
        of_asset[event.dagster_event_type] = (event, event_id)
    for of_asset in last.values():
        yield from of_asset.values()
