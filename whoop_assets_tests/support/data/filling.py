"""Rows for every table of a database with any schema version, from types and names of its columns."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Date,
    DateTime,
    Double,
    Integer,
    MetaData,
    Table,
    Text,
    insert,
    inspect,
    text,
)
from sqlalchemy.types import Float, Numeric, String

from whoop_assets.db.types import JsonText
from whoop_assets.schema import VERSION_TABLE
from whoop_assets.schema import metadata as newest

DAY = date(2026, 3, 2)
MOMENT = datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC)


def tables_of(connection: Connection) -> dict[str, Table]:
    """The warehouse's tables as the database has them now."""
    found = MetaData()
    found.reflect(connection)
    return {
        table.name: table
        for table in found.sorted_tables
        if table.name != VERSION_TABLE and table.name in newest.tables
    }


def fill(connection: Connection, tables: dict[str, Table], *, rows: int = 3, first: int = 1) -> None:
    """Insert rows into each table. Every column has a value, except nullable ones in the first row."""
    for table in tables.values():
        required = [column for column in table.columns if not column.nullable]
        connection.execute(insert(table), {c.name: _value(connection, c, first) for c in required})
        others = [
            {column.name: _value(connection, column, number) for column in table.columns}
            for number in range(first + 1, first + rows)
        ]
        if others:
            connection.execute(insert(table), others)


def contents(connection: Connection, tables: dict[str, Table]) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of the tables as the driver returns them, with only the given columns."""
    found = {}
    for table in tables.values():
        quoted = ", ".join(
            connection.dialect.identifier_preparer.quote(column.name) for column in table.columns
        )
        rows = connection.execute(text(f"select {quoted} from {table.name}"))  # noqa: S608 - names of our tables
        found[table.name] = sorted((tuple(row) for row in rows), key=repr)
    return found


def columns(connection: Connection) -> dict[str, set[str]]:
    """The names of each table's columns."""
    inspector = inspect(connection)
    return {
        name: {column["name"] for column in inspector.get_columns(name)}
        for name in inspector.get_table_names()
        if name in newest.tables
    }


def holds_json(column: Any) -> bool:
    """Return whether the column holds JSON, by the newest schema: SQLite knows only text."""
    table = newest.tables[column.table.name]
    return column.name in table.c and isinstance(table.c[column.name].type, JsonText)


def _value(connection: Connection, column: Any, number: int) -> Any:
    kind = column.type
    if isinstance(kind, Boolean):
        return number % 2 == 0
    if isinstance(kind, DateTime):
        moment = MOMENT + timedelta(days=number, microseconds=number)
        return moment.replace(tzinfo=None) if connection.dialect.name == "sqlite" else moment
    if isinstance(kind, Date):
        return DAY + timedelta(days=number)
    if isinstance(kind, Double | Float | Numeric):
        return number / 7
    if isinstance(kind, Integer):
        return number
    if isinstance(kind, JSON) or holds_json(column):
        document = f'{{"id": {number}, "b": 1e2,  "a": "\\u0000\\u00e9 \\ud83d\\ude00"}}'
        return json.loads(document) if isinstance(kind, JSON) else document
    if isinstance(kind, String | Text):
        return f"{column.name}{number}"[: kind.length or 100]
    raise AssertionError(f"no value for {column}: {kind!r}")
