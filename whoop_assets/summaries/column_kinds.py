"""The kinds of values that columns hold, from their SQL types."""

from collections.abc import Iterable
from datetime import date
from typing import Any, Literal

from sqlalchemy import Column, Table

from whoop_assets.db.types import UtcDateTime

ColumnKind = Literal["integer", "number", "flag", "text", "time", "date"]
"""`number` is a double, `time` an instant in UTC."""

_KINDS: dict[type, ColumnKind] = {
    int: "integer",
    float: "number",
    bool: "flag",
    str: "text",
    date: "date",
}


def kind_of(column: "Column[Any]") -> ColumnKind:
    """Return the kind of values that the column holds."""
    return "time" if isinstance(column.type, UtcDateTime) else _KINDS[column.type.python_type]


def kinds_of(table: Table, names: Iterable[str] = ()) -> dict[str, ColumnKind]:
    """Return name -> kind of the columns, by default of all except `built_at`."""
    chosen = tuple(names) or [column.name for column in table.columns if column.name != "built_at"]
    return {name: kind_of(table.c[name]) for name in chosen}
