"""The content that sinks deliver: tables, columns, the rows of a day and a checksum of each day.

A checksum contains the number of each member's rows of the day, and the sum of the times at which they last
changed. Every change of a record sets a later time under the member's lock. If the number stays the same, the
sum grows. Writers therefore need not record that a day changed.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    cast,
    extract,
    func,
    literal,
    select,
)

from whoop_assets.db.statements import batched
from whoop_assets.db.types import ColumnKind, column_kind
from whoop_assets.records.tables import RECORD_KEYS, RECORD_TABLES, SNAPSHOT_TABLES, record_versions
from whoop_assets.summaries.tables import daily_summary, trends, weekly_summary
from whoop_assets.whoop_api.streams import CYCLES, RECOVERIES, SLEEPS, STREAMS, Stream

_EPOCH = 1_600_000_000
"""Times are summed in microseconds since 2020-09-13, so that ten thousand rows of a member and day fit into
63 bits.
"""

_NOT_DELIVERED = {"synced_at", "deleted_at"}
"""Deleted records are not delivered, and a load without changes must not rewrite a day."""

_INTERNAL = {"payload", "content_hash", "first_seen_at", "changed_at"}

_STREAM_TABLES = {**RECORD_TABLES, **SNAPSHOT_TABLES}


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column of a delivered table.

    `kind` is int, long, double, boolean, string, date or timestamptz (UTC).
    """

    name: str
    kind: str
    comment: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Checksum:
    """The state of a day: equal checksums mean equal rows."""

    mark: str
    rows: int


@dataclass(frozen=True)
class ExportTable:
    """A delivered table.

    Attributes:
        stream: Stream of the records.
        key: Columns that identify a row.
        columns: Columns of the database.
        from_payload: Columns whose values are in the payload only.
        versions: Whether the rows are all contents of the records, and not only the current one.
        main_sleeps: Whether naps are left out.
    """

    name: str
    stream: str
    comment: str
    key: tuple[str, ...]
    columns: tuple[ExportColumn, ...]
    from_payload: tuple[ExportColumn, ...] = ()
    versions: bool = False
    main_sleeps: bool = False

    @cached_property
    def format(self) -> str:
        """Columns and their kinds. If a new version of this program changes them, all days are stale."""
        return repr([(column.name, column.kind) for column in self.all_columns])

    @property
    def all_columns(self) -> tuple[ExportColumn, ...]:
        """All columns, in order."""
        return self.columns + self.from_payload


_KINDS = {
    ColumnKind.TIME: "timestamptz",
    ColumnKind.BIG_INTEGER: "long",
    ColumnKind.INTEGER: "int",
    ColumnKind.DOUBLE: "double",
    ColumnKind.BOOLEAN: "boolean",
    ColumnKind.DATE: "date",
    ColumnKind.JSON: "string",
    ColumnKind.TEXT: "string",
}


def _column(column: "Column[Any]", *, required: bool = False) -> ExportColumn:
    return ExportColumn(column.name, _KINDS[column_kind(column)], column.comment or "", required)


def _current(name: str, stream: str, table: Table) -> ExportTable:
    key = tuple(column.name for column in table.primary_key.columns)
    columns = tuple(
        _column(column, required=column.name in {*key, "user_id", "day"})
        for column in table.c
        if column.name not in _NOT_DELIVERED
    )
    return ExportTable(name, stream, table.comment or "", key, columns)


def _versions(name: str, stream: str, endpoint: str, *, main_sleeps: bool = False) -> ExportTable:
    """Describes a table of all contents of a stream's records, for one of WHOOP's single-record endpoints."""
    c, record = record_versions.c, RECORD_TABLES[stream]
    own = ("record_key", "content_hash", "user_id")
    columns = (
        *(_column(c[column], required=True) for column in own),
        _column(record.c.day, required=True),
        *(_column(c[column]) for column in ("endpoint", "requested_at", "payload")),
    )
    skipped = {*own, "day", *_INTERNAL, *_NOT_DELIVERED}
    if stream == RECOVERIES.name:
        skipped |= {"start_time", "end_time", "timezone_offset"}  # derived from the cycle
    from_payload = tuple(_column(column) for column in record.c if column.name not in skipped)
    comment = (
        f"Every content of the records of GET {endpoint}; `endpoint` names the endpoint that returned it."
    )
    key = ("record_key", "content_hash")
    return ExportTable(name, stream, comment, key, columns, from_payload, True, main_sleeps)


def _versions_name(stream: Stream) -> str:
    """Return `sleep_by_id` for `/v2/activity/sleep/{id}`, and `recovery_for_cycle` for a recovery."""
    word = stream.path.rpartition("/")[2]
    return f"{word}_by_id" if stream.key == "id" else f"{word}_for_cycle"


TABLES: Mapping[str, ExportTable] = {
    table.name: table
    for table in (
        *(_current(name, name, table) for name, table in SNAPSHOT_TABLES.items()),
        *(_current(stream.event or name, name, RECORD_TABLES[name]) for name, stream in STREAMS.items()),
        *(_versions(_versions_name(stream), stream.name, stream.record_path) for stream in STREAMS.values()),
        _versions("sleep_for_cycle", SLEEPS.name, "/v2/cycle/{id}/sleep", main_sleeps=True),
    )
}
"""Each stream and each single-record endpoint, with the table names that connectors for WHOOP commonly use.
"""

PLAIN: Mapping[str, tuple[Table, str]] = {
    **{table.name: (table, "day") for table in _STREAM_TABLES.values()},
    "daily_summary": (daily_summary, "day"),
    "trends": (trends, "day"),
    "weekly_summary": (weekly_summary, "week_start"),
}
"""Tables with members' data by day, and their day column."""


def marks(
    connection: Connection, table: ExportTable, days: Collection[date] | None = None
) -> dict[date, Checksum]:
    """Returns the checksum of each day with rows, or of those among `days`."""
    source, day, changed = _source(table)
    user_id = (record_versions if table.versions else source).c.user_id
    query = (
        select(day, user_id, func.count(), func.sum(_micros(connection, changed)))
        .select_from(source)
        .where(*_existing(table))
        .group_by(day, user_id)
        .order_by(day, user_id)
    )
    found: dict[date, list[tuple[int, int, int]]] = {}
    for limited in _limited(query, day, days):
        for on, member, count, total in connection.execute(limited):
            found.setdefault(on, []).append((member, count, int(total)))
    return {
        on: Checksum(
            hashlib.sha256(repr((table.format, members)).encode()).hexdigest(),
            sum(count for _, count, _ in members),
        )
        for on, members in found.items()
    }


def rows(connection: Connection, table: ExportTable, days: Collection[date]) -> list[dict[str, Any]]:
    """Returns the rows of these days by day and key, without deleted records."""
    source, day, _ = _source(table)
    of = record_versions if table.versions else source
    named = [day.label("day") if column.name == "day" else of.c[column.name] for column in table.columns]
    query = (
        select(*named)
        .select_from(source)
        .where(*_existing(table))
        .order_by(day, *(of.c[key] for key in table.key))
    )
    return [
        dict(row)
        for limited in _limited(query, day, sorted(days))
        for row in connection.execute(limited).mappings()
    ]


def plain_columns(name: str) -> tuple[ExportColumn, ...]:
    """Returns all columns of a table in `PLAIN`."""
    return tuple(_column(column) for column in PLAIN[name][0].c)


def plain_days(connection: Connection, name: str) -> list[date]:
    """Returns the days with rows, in order."""
    table, day = PLAIN[name]
    return list(
        connection.scalars(select(table.c[day]).where(*_alive(table)).distinct().order_by(table.c[day]))
    )


def plain_rows(connection: Connection, name: str, on: date) -> list[dict[str, Any]]:
    """Returns the rows of one day by key, without deleted records."""
    table, day = PLAIN[name]
    query = select(table).where(table.c[day] == on, *_alive(table))
    query = query.order_by(*table.primary_key.columns)
    return [dict(row) for row in connection.execute(query).mappings()]


def _source(table: ExportTable) -> "tuple[FromClause, ColumnElement[Any], ColumnElement[Any]]":
    """Returns the source of the rows, their day, and the time that grows when they change."""
    if not table.versions:
        source = _STREAM_TABLES[table.stream]
        return source, source.c.day, source.c.changed_at
    record, c = RECORD_TABLES[table.stream], record_versions.c
    key: ColumnElement[Any] = c.record_key
    if table.stream == CYCLES.name:
        key = cast(key, BigInteger)
    joined = record_versions.join(record, record.c[RECORD_KEYS[table.stream]] == key)
    return joined, record.c.day, c.requested_at


def _existing(table: ExportTable) -> "list[ColumnElement[bool]]":
    if not table.versions:
        return _alive(_STREAM_TABLES[table.stream])
    found = [record_versions.c.stream == table.stream]
    return [*found, RECORD_TABLES[SLEEPS.name].c.nap.is_(False)] if table.main_sleeps else found


def _alive(table: Table) -> "list[ColumnElement[bool]]":
    return [table.c.deleted_at.is_(None)] if "deleted_at" in table.c else []


def _limited(
    query: "Select[Any]", day: "ColumnElement[Any]", days: Collection[date] | None
) -> "Iterator[Select[Any]]":
    if days is None:
        yield query
        return
    for lot in batched(list(days)):
        yield query.where(day.in_(lot))


def _micros(connection: Connection, time: "ColumnElement[Any]") -> "ColumnElement[int]":
    """Microseconds since _EPOCH, a whole number on either database."""
    if connection.dialect.name == "sqlite":
        seconds = cast(func.strftime("%s", time), BigInteger) - literal(_EPOCH)
        return seconds * 1_000_000 + cast(func.substr(time, 21, 6), BigInteger)
    return cast((extract("epoch", time) - _EPOCH) * 1_000_000, BigInteger)
