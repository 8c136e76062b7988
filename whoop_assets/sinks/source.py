"""What sinks deliver: which tables there are, their columns, the rows of a day, and a mark that tells a day's states apart.

A mark is made of the number of a member's rows of the day and the sum of the times at which they last changed. A change
of a record renews its time, in a transaction that holds the member's lock: where the number stays, a row that is new or
new to the day came after all that it stands for, so the sum grows; nothing has to be noted down by whoever writes.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Date,
    Double,
    FromClause,
    Integer,
    Select,
    Table,
    Text,
    cast,
    extract,
    func,
    literal,
    select,
)

from whoop_assets.db.statements import batched
from whoop_assets.db.types import JsonText, UtcDateTime
from whoop_assets.records.tables import (
    FROM_SINGLE_READS,
    RECORD_KEYS,
    RECORD_TABLES,
    SNAPSHOT_TABLES,
    record_versions,
)
from whoop_assets.summaries.tables import daily_summary, trends, weekly_summary

_EPOCH = 1_600_000_000
"""Times are summed from then on (2020-09-13), in microseconds: some ten thousand rows of one member and day fit in 63 bits."""

_NOT_DELIVERED = {"synced_at", "deleted_at"}
"""A deleted record is not there; and a confirmation that changes nothing is to rewrite nothing."""

_OF_THE_WAREHOUSE = {"payload", "content_hash", "first_seen_at", "changed_at"}


@dataclass(frozen=True, slots=True)
class ExportColumn:
    """A column of a delivered table. `kind`: int, long, double, boolean, string, date or timestamptz (UTC)."""

    name: str
    kind: str
    comment: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """The state of a day: equal marks, equal rows."""

    mark: str
    rows: int


@dataclass(frozen=True)
class ExportTable:
    """A table as it is delivered. `stream` names what WHOOP calls the record; `key` tells its rows apart.

    `from_payload`: columns that the rows of the warehouse do not have, as only the payload says them.
    """

    name: str
    stream: str
    comment: str
    key: tuple[str, ...]
    columns: tuple[ExportColumn, ...]
    from_payload: tuple[ExportColumn, ...] = ()
    like: str = field(default="", repr=False)

    @cached_property
    def format(self) -> str:
        """What the rows' columns are; when a new version of this program has others, all days are behind."""
        return repr([(column.name, column.kind) for column in self.all_columns])

    @property
    def all_columns(self) -> tuple[ExportColumn, ...]:
        """The columns, in order."""
        return self.columns + self.from_payload


def _kind(column: "Column[Any]") -> str:
    for of, kind in (
        (UtcDateTime, "timestamptz"),
        (BigInteger, "long"),
        (Integer, "int"),
        (Double, "double"),
        (Boolean, "boolean"),
        (Date, "date"),
    ):
        if isinstance(column.type, of):
            return kind
    return "string"


def _column(column: "Column[Any]", *, required: bool = False) -> ExportColumn:
    return ExportColumn(column.name, _kind(column), column.comment or "", required)


def _current(name: str, stream: str, table: Table) -> ExportTable:
    key = tuple(column.name for column in table.primary_key.columns)
    columns = tuple(
        _column(column, required=column.name in {*key, "user_id", "day"})
        for column in table.c
        if column.name not in _NOT_DELIVERED
    )
    return ExportTable(name, stream, table.comment or "", key, columns)


def _single(name: str, stream: str, like: str, what: str) -> ExportTable:
    c, record = record_versions.c, RECORD_TABLES[stream]
    own = ("record_key", "content_hash", "user_id")
    columns = (
        *(_column(c[column], required=True) for column in own),
        _column(record.c.day, required=True),
        *(_column(c[column]) for column in ("endpoint", "requested_at", "payload")),
    )
    skipped = {*own, "day", *_OF_THE_WAREHOUSE, *_NOT_DELIVERED}
    if stream == "recoveries":
        skipped |= {"start_time", "end_time", "timezone_offset"}  # the calendar's, not the record's
    of_payload = tuple(_column(column) for column in record.c if column.name not in skipped)
    comment = f"Every content of {what} that was read from its own URL, GET {like.replace('%', '{id}')}."
    return ExportTable(name, stream, comment, ("record_key", "content_hash"), columns, of_payload, like)


TABLES: Mapping[str, ExportTable] = {
    table.name: table
    for table in (
        _current("profile", "profile", SNAPSHOT_TABLES["profile"]),
        _current("body_measurement", "body_measurement", SNAPSHOT_TABLES["body_measurement"]),
        _current("cycles", "cycles", RECORD_TABLES["cycles"]),
        _current("recovery", "recoveries", RECORD_TABLES["recoveries"]),
        _current("sleep", "sleeps", RECORD_TABLES["sleeps"]),
        _current("workout", "workouts", RECORD_TABLES["workouts"]),
        _single("cycle_by_id", "cycles", "/v2/cycle/%", "a cycle"),
        _single("recovery_for_cycle", "recoveries", "/v2/cycle/%/recovery", "a cycle's recovery"),
        _single("sleep_for_cycle", "sleeps", "/v2/cycle/%/sleep", "a cycle's sleep"),
        _single("sleep_by_id", "sleeps", "/v2/activity/sleep/%", "a sleep"),
        _single("workout_by_id", "workouts", "/v2/activity/workout/%", "a workout"),
    )
}
"""Each stream, and each read of a single record, by the names that services which deliver WHOOP's data give them."""

PLAIN: Mapping[str, tuple[Table, str]] = {
    **{table.name: (table, "day") for table in RECORD_TABLES.values()},
    **{table.name: (table, "day") for table in SNAPSHOT_TABLES.values()},
    "daily_summary": (daily_summary, "day"),
    "trends": (trends, "day"),
    "weekly_summary": (weekly_summary, "week_start"),
}
"""Tables of the warehouse that hold members' data by day, and which column is the day."""


def marks(
    connection: Connection, table: ExportTable, days: Collection[date] | None = None
) -> dict[date, Mark]:
    """The mark of each day that has rows, or of those of these days that have."""
    source, day, changed = _source(table)
    user_id = (record_versions if table.like else source).c.user_id
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
        on: Mark(
            hashlib.sha256(repr((table.format, members)).encode()).hexdigest(),
            sum(count for _, count, _ in members),
        )
        for on, members in found.items()
    }


def rows(connection: Connection, table: ExportTable, days: Collection[date]) -> list[dict[str, Any]]:
    """The rows of these days, by day and key, with `columns` and `payload`; what is deleted is not among them."""
    source, day, _ = _source(table)
    of = record_versions if table.like else source
    named = [
        day.label("day") if column.name == "day" else _as_text(of.c[column.name]) for column in table.columns
    ]
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
    """All columns of one of the PLAIN tables."""
    return tuple(_column(column) for column in PLAIN[name][0].c)


def plain_days(connection: Connection, name: str) -> list[date]:
    """The days on which the table has rows, in order."""
    table, day = PLAIN[name]
    return list(
        connection.scalars(select(table.c[day]).where(*_alive(table)).distinct().order_by(table.c[day]))
    )


def plain_rows(connection: Connection, name: str, on: date) -> list[dict[str, Any]]:
    """The rows of one day, by key; what is deleted is not among them."""
    table, day = PLAIN[name]
    query = select(*map(_as_text, table.c)).where(table.c[day] == on, *_alive(table))
    query = query.order_by(*table.primary_key.columns)
    return [dict(row) for row in connection.execute(query).mappings()]


def _source(table: ExportTable) -> "tuple[FromClause, ColumnElement[Any], ColumnElement[Any]]":
    """Where the rows are, their day, and the time that is renewed when they change."""
    if not table.like:
        source = SNAPSHOT_TABLES.get(table.stream, RECORD_TABLES.get(table.stream))
        assert source is not None
        return source, source.c.day, source.c.changed_at
    record, c = RECORD_TABLES[table.stream], record_versions.c
    key: ColumnElement[Any] = c.record_key
    if table.stream == "cycles":
        key = cast(key, BigInteger)
    joined = record_versions.join(record, record.c[RECORD_KEYS[table.stream]] == key)
    return joined, record.c.day, c.requested_at


def _existing(table: ExportTable) -> "list[ColumnElement[bool]]":
    if not table.like:
        source = SNAPSHOT_TABLES.get(table.stream, RECORD_TABLES.get(table.stream))
        assert source is not None
        return _alive(source)
    c = record_versions.c
    # The first in the words of the partial index, so that it is used.
    return [FROM_SINGLE_READS, c.stream == table.stream, c.endpoint.like(table.like)]  # type: ignore[list-item]


def _alive(table: Table) -> "list[ColumnElement[bool]]":
    return [table.c.deleted_at.is_(None)] if "deleted_at" in table.c else []


def _as_text(column: "ColumnElement[Any]") -> "ColumnElement[Any]":
    """The column; a JSON document as its text, which PostgreSQL's driver would parse."""
    if isinstance(column.type, JsonText):
        return cast(column, Text).label(str(column.key))
    return column


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
