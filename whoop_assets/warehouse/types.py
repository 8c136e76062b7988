"""Column types that mean the same on SQLite and on PostgreSQL."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator, UserDefinedType

Id = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit integer; SQLite only numbers rows by itself when the column is called INTEGER, which there has 64 bits."""


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: `timestamptz` on PostgreSQL, UTC text that sorts by time on SQLite; aware and UTC in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A time without a zone cannot be stored.")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class JsonText(UserDefinedType[str]):
    """A JSON document, given as text that was serialized once: `json` on PostgreSQL, text on SQLite.

    The loader serializes a record to compute its hash; handing the same text on saves doing so again per column.
    Not `jsonb`: that refuses documents that JSON allows, and a payload is kept whatever is in it.
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "TEXT"


@compiles(JsonText, "postgresql")
def _json(*_: Any, **__: Any) -> str:
    return "JSON"
