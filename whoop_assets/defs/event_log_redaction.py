"""Removes a member from Dagster's storage, and the logs of old runs.

Dagster never deletes events. They contain charts, and messages and metadata that name members. Dagster has no
public API to change them, so this module changes the tables with SQL. It reads their columns from the
database itself.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    String,
    Table,
    and_,
    bindparam,
    column,
    delete,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.exc import SQLAlchemyError

CHARTS = "charts"
"""Label of the metadata that holds charts."""
REMOVED = "(removed)"
MIN_UNMISTAKABLE_ID = 10_000
"""A smaller number, or a negative one, is taken for a member's id only after the word "member" or in a list
of members."""
MEMBER_KEYS = {"member", "members", "user_id"}
"""Keys and labels of members' ids. Their numbers are ids, whatever their size."""
MAX_RUNS_PER_STATEMENT = 500

_KEPT_TYPES = [
    kind.value
    for kind in (
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.ASSET_OBSERVATION,
        dg.DagsterEventType.ASSET_FAILED_TO_MATERIALIZE,
        dg.DagsterEventType.ASSET_CHECK_EVALUATION,
        dg.DagsterEventType.FRESHNESS_STATE_CHANGE,
        dg.DagsterEventType.RUN_ENQUEUED,
        dg.DagsterEventType.RUN_STARTING,
        dg.DagsterEventType.RUN_START,
        dg.DagsterEventType.RUN_SUCCESS,
        dg.DagsterEventType.RUN_FAILURE,
        dg.DagsterEventType.RUN_CANCELING,
        dg.DagsterEventType.RUN_CANCELED,
        dg.DagsterEventType.RUN_RESUMED,
        dg.DagsterEventType.RUN_SUSPENDED,
    )
]
"""Events that show which partitions are materialized, what checks found, and when a run began and ended."""
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
UNFINISHED = [status for status in dg.DagsterRunStatus if status not in _FINISHED]
_LOG_SUFFIXES = (".err", ".out", ".partial")

_TABLES = {
    "event_logs",
    "asset_keys",
    "asset_event_tags",
    "asset_check_executions",
    "dynamic_partitions",
    "concurrency_limits",
    "concurrency_slots",
    "pending_steps",
    "runs",
    "run_tags",
    "snapshots",
    "bulk_actions",
    "backfill_tags",
    "kvs",
    "daemon_heartbeats",
    "instance_info",
    "jobs",
    "instigators",
    "job_ticks",
    "asset_daemon_asset_evaluations",
}
"""Dagster's tables. Other tables in the same database are never changed."""

_events = table("event_logs", column("id"), column("run_id"), column("event"), column("dagster_event_type"))

Connect = Callable[[], AbstractContextManager[Connection]]


@dataclass(slots=True)
class Redacted:
    """Number of changed values and log files. `databases` are the changed SQLite files."""

    values: int = 0
    log_files: int = 0
    databases: set[Path] = field(default_factory=set)
    unreached: list[str] = field(default_factory=list)
    """One sentence for each storage that could not be searched."""


@dataclass(slots=True)
class Purged:
    """How many runs lost events, and how many events; `databases` are the SQLite files that changed."""

    runs: int = 0
    events: int = 0
    databases: set[Path] = field(default_factory=set)


def redact_member(instance: dg.DagsterInstance, user_id: int) -> Redacted:
    """Remove each line that names the member, and each chart beside it.

    Covers the instance's storages and log files.
    """
    done = Redacted()
    redaction = _Redaction(user_id)
    for connect in _databases(instance, done):
        try:
            with connect() as connection:
                tables = MetaData()
                tables.reflect(connection, only=lambda name, _: name in _TABLES)
                changed = sum(_redact_table(connection, table, redaction) for table in tables.tables.values())
                if changed and (path := _sqlite_path(connection)):
                    done.databases.add(path)
        except SQLAlchemyError as error:
            # Its text holds the values of the statement: lines of the log.
            done.unreached.append(
                f"A database of Dagster could not be changed ({cause_of(error)}): end the processes that use"
                " it, then run this command again."
            )
            continue
        done.values += changed
    manager = instance.compute_log_manager
    local_path = getattr(manager, "get_captured_local_path", None)
    if local_path is not None:
        folder = Path(local_path(["any"], "err")).parent
        for path in filter(_is_log, sorted(folder.rglob("*"))):
            try:
                done.log_files += redaction.file(path)
            except OSError as error:
                done.unreached.append(
                    f"The log file {path} could not be changed ({error.strerror}): delete it."
                )
    elif type(manager).__name__ != "NoOpComputeLogManager":
        done.unreached.append(
            f"The logs of runs that {type(manager).__name__} keeps elsewhere were not searched: delete those"
            f" that name member {user_id} there."
        )
    return done


def unfinished_runs(instance: dg.DagsterInstance) -> int:
    """Return the number of runs in flight, which can still write lines."""
    return instance.get_runs_count(dg.RunsFilter(statuses=UNFINISHED))


def purge_events(instance: dg.DagsterInstance, before: datetime) -> Purged:
    """Delete the log of the runs that ended before then: messages, steps, planned events and charts.

    Materializations, observations and check results stay, so that Dagster still knows which partitions there
    are.

    Raises:
        TypeError: The instance keeps its events in no SQL database.
    """
    storage: Any = instance.event_log_storage
    if not hasattr(storage, "index_connection"):
        raise TypeError(type(storage).__name__)
    done = Purged()
    ended = [
        record.dagster_run.run_id
        for record in instance.get_run_records(dg.RunsFilter(statuses=_FINISHED))
        if record.end_time is not None and record.end_time < before.timestamp()
    ]
    for start in range(0, len(ended), MAX_RUNS_PER_STATEMENT):
        run_ids = ended[start : start + MAX_RUNS_PER_STATEMENT]
        touched: set[str] = set()
        connects: list[Connect] = [storage.index_connection]
        if _has_file_per_run(storage):
            stored = set(storage.get_all_run_ids())
            connects += [partial(storage.run_connection, run_id) for run_id in run_ids if run_id in stored]
        for connect in connects:
            with connect() as connection:
                count = _purge(connection, run_ids, touched)
                if count and (path := _sqlite_path(connection)):
                    done.databases.add(path)
            done.events += count
        for run_id in run_ids:
            instance.compute_log_manager.delete_logs(prefix=[run_id])
        done.runs += len(touched)
    return done


def cause_of(error: SQLAlchemyError) -> str:
    """The type of the database's own error, without the values of the statement."""
    return type(getattr(error, "orig", None) or error).__name__


def without_charts(event: Any) -> Any:
    """The stored event as JSON, with the charts of its metadata taken out."""
    if isinstance(event, list):
        return [without_charts(item) for item in event]
    if not isinstance(event, dict):
        return event
    copy = {key: without_charts(item) for key, item in event.items()}
    if copy.get("label") == CHARTS and isinstance(copy.get("entry_data"), dict):
        copy["entry_data"] = {
            name: REMOVED if name == "md_str" else item for name, item in copy["entry_data"].items()
        }
    return copy


class _Redaction:
    """Recognizes a member's id in stored text."""

    def __init__(self, user_id: int) -> None:
        self._user_id = user_id
        digits = re.escape(str(user_id))
        listed = r"\b[Mm]embers? (?:-?\d+, )*"
        before = r"(?<![\w-])(?<!\w\.)" if user_id >= MIN_UNMISTAKABLE_ID else listed
        self._pattern = re.compile(rf"{before}{digits}(?!\w|\.\d|-\w)")

    @property
    def like(self) -> str:
        """SQL pattern of all values that can contain the id."""
        return f"%{self._user_id}%"

    def text(self, text: str) -> str:
        """Return the text without the member.

        JSON keeps its structure; other text loses each line that names the member.
        """
        if str(self._user_id) not in text:
            return text
        if text[:1] in ("{", "["):
            try:
                before = json.loads(text)
            except ValueError:
                pass
            else:
                after = self._json(before)
                return text if after == before else json.dumps(without_charts(after))
        return "\n".join(REMOVED if self._pattern.search(line) else line for line in text.split("\n"))

    def file(self, path: Path) -> bool:
        """Redact a log file; returns whether it named the member."""
        before = path.read_text(errors="replace")
        after = self.text(before)
        if after != before:
            path.write_text(after)
        return after != before

    def _json(self, value: Any) -> Any:
        """Return a copy of the JSON value that does not name the member.

        Ids become 0, and a table's row loses its texts.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self._json(item) for item in value]
        if not isinstance(value, dict):
            return value
        if value.get("__class__") == "TableRecord" and self._is_row_of_member(value.get("data")):
            return value | {"data": {name: self._blank(cell) for name, cell in value["data"].items()}}
        copy = {
            key: self._ids(item) if key in MEMBER_KEYS else self._json(item) for key, item in value.items()
        }
        if copy.get("label") in MEMBER_KEYS:
            copy["entry_data"] = self._ids(copy.get("entry_data"))
        return copy

    def _ids(self, value: Any) -> Any:
        """Redact the value of a key or label in MEMBER_KEYS: an id, a list of ids, or metadata with an id."""
        if self._is_id(value):
            return 0
        if isinstance(value, list):
            return [self._ids(item) for item in value]
        if isinstance(value, dict) and self._is_id(value.get("value")):
            return value | {"value": 0}
        return self._json(value)

    def _is_id(self, value: Any) -> bool:
        return type(value) is int and value == self._user_id

    def _is_row_of_member(self, row: Any) -> bool:
        return isinstance(row, dict) and any(
            self._is_id(cell) or (isinstance(cell, str) and self.text(cell) != cell) for cell in row.values()
        )

    def _blank(self, cell: Any) -> Any:
        if self._is_id(cell):
            return 0
        return REMOVED if isinstance(cell, str) else cell


def _databases(instance: dg.DagsterInstance, done: Redacted) -> Iterator[Connect]:
    """Yield a way to connect to each database of the instance. The connections commit when they close."""
    events: Any = instance.event_log_storage
    runs: Any = instance.run_storage
    ticks: Any = instance.schedule_storage
    for content, storage, method in (
        ("events", events, "index_connection"),
        ("runs", runs, "connect"),
        ("ticks", ticks, "connect"),
    ):
        connect = getattr(storage, method, None)
        if connect is not None:
            yield connect
        elif storage is not None:
            done.unreached.append(
                f"Dagster's {content} are in {type(storage).__name__}, which this command cannot search:"
                f" delete them there."
            )
    if _has_file_per_run(events):
        for run_id in events.get_all_run_ids():
            yield partial(events.run_connection, run_id)


def _has_file_per_run(storage: Any) -> bool:
    return hasattr(storage, "path_for_shard")


def _redact_table(connection: Connection, table: Table, redaction: _Redaction) -> int:
    columns = [column for column in table.c if isinstance(column.type, String) and not column.primary_key]
    key = table.c.get("id")
    if key is None or not columns:
        return 0
    changed = 0
    for text_column in columns:
        changed += _redact_column(connection, table, key, text_column, redaction)
    return changed


def _redact_column(
    connection: Connection, table: Table, key: "Column[Any]", column: "Column[Any]", redaction: _Redaction
) -> int:
    found = connection.execute(select(key, column).where(column.like(redaction.like))).all()
    values = [
        {"row_id": row_id, "redacted": redacted}
        for row_id, value in found
        if (redacted := redaction.text(value)) != value
    ]
    if values:
        statement = (
            update(table).where(key == bindparam("row_id")).values({column.name: bindparam("redacted")})
        )
        connection.execute(statement, values)
    return len(values)


def _purge(connection: Connection, run_ids: Collection[str], touched: set[str]) -> int:
    c = _events.c
    unneeded = and_(
        c.run_id.in_(list(run_ids)),
        or_(c.dagster_event_type.is_(None), c.dagster_event_type.not_in(_KEPT_TYPES)),
    )
    touched.update(connection.scalars(select(c.run_id).where(unneeded).distinct()))
    deleted = connection.execute(delete(_events).where(unneeded)).rowcount
    charted = connection.execute(
        select(c.id, c.run_id, c.event).where(c.run_id.in_(list(run_ids)), c.event.like(f'%"{CHARTS}"%'))
    ).all()
    removed = 0
    for event_id, run_id, event in charted:
        before = json.loads(event)
        after = without_charts(before)
        if after != before:
            connection.execute(update(_events).where(c.id == event_id).values(event=json.dumps(after)))
            touched.add(run_id)
            removed += 1
    return deleted + removed


def _sqlite_path(connection: Connection) -> Path | None:
    database = connection.engine.url.database
    return Path(database) if connection.dialect.name == "sqlite" and database else None


def _is_log(path: Path) -> bool:
    return path.suffix in _LOG_SUFFIXES and path.is_file()
