"""Column types with the same meaning on SQLite and PostgreSQL, and their kinds of values."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Dialect,
    Double,
    Integer,
    Text,
    cast,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator, UserDefinedType

Id = BigInteger().with_variant(Integer(), "sqlite")
"""A generated 64-bit row number. SQLite generates numbers only for columns of type INTEGER, which has 64 bits
there."""


class UtcDateTime(TypeDecorator[datetime]):
    """A time with time zone. Python gets and gives aware values; results are in UTC.

    SQLite stores `YYYY-MM-DD HH:MM:SS.ffffff` in UTC, which sorts by time. PostgreSQL stores `timestamptz`.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A time without a zone cannot be stored.")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        # SQLite returns naive values; PostgreSQL returns the session's time zone.
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class JsonText(UserDefinedType[str]):
    """A JSON document as text: `json` on PostgreSQL, text on SQLite.

    The loader serializes a record once, to compute its hash, and stores the same text. `jsonb` is not usable,
    because it rejects documents that JSON allows.
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "TEXT"

    def column_expression(self, colexpr: ColumnElement[Any]) -> ColumnElement[str]:
        """Select the stored text. PostgreSQL's driver would parse a column of type `json`."""
        return cast(colexpr, Text)


@compiles(JsonText, "postgresql")
def _json(*_: Any, **__: Any) -> str:
    return "JSON"


class ColumnKind(StrEnum):
    """The kinds of values in our tables."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    BIG_INTEGER = "big_integer"
    DOUBLE = "double"
    DATE = "date"
    TIME = "time"
    JSON = "json"
    TEXT = "text"


# A subclass comes before its base class: BigInteger is an Integer, and SQLAlchemy's Double is a Float.
_KINDS: tuple[tuple[type, ColumnKind], ...] = (
    (Boolean, ColumnKind.BOOLEAN),
    (BigInteger, ColumnKind.BIG_INTEGER),
    (Integer, ColumnKind.INTEGER),
    (Double, ColumnKind.DOUBLE),
    (Date, ColumnKind.DATE),
    (UtcDateTime, ColumnKind.TIME),
    (JsonText, ColumnKind.JSON),
)


def column_kind(column: "Column[Any]") -> ColumnKind:
    """Return the kind of values that the column holds.

    Sinks, API and summaries derive their own types from it.
    """
    return next((kind for type_, kind in _KINDS if isinstance(column.type, type_)), ColumnKind.TEXT)
