"""Column types that mean the same on SQLite and on PostgreSQL."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

Id = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit integer; SQLite only numbers rows by itself when the column is called INTEGER, which there has 64 bits."""


class _UtcText(UserDefinedType[datetime]):
    """SQLite's way: `YYYY-MM-DD HH:MM:SS.ffffff` in UTC, which sorts by time.

    What SQLAlchemy's own type writes, but a record has seven times, and many of them are those of its neighbours.
    """

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "DATETIME"

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], str | None]:
        def to_text(value: datetime | None) -> str | None:
            if value is None:
                return None
            return _utc_text(value if value.tzinfo is UTC else _aware(value))

        return to_text

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[str | None], datetime | None]:
        def from_text(value: str | None) -> datetime | None:
            return None if value is None else instant(value)

        return from_text


def utc_texts(column: Sequence[datetime | None]) -> list[str | None]:
    """What SQLite stores of a column of times. Rows that are stored together share most of theirs: each is written once."""
    distinct = set(column)
    # Times of another zone can be equal and yet, when its clocks go back, an hour apart.
    if any(value is not None and value.tzinfo is not UTC for value in distinct):
        return [None if value is None else _utc_text(_aware(value)) for value in column]
    texts = {value: None if value is None else _utc_text(value) for value in distinct}
    return [texts[value] for value in column]


class _Timestamptz(TypeDecorator[datetime]):
    """PostgreSQL's way: `timestamptz`, which comes back in the session's zone and is turned to UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _aware(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else instant(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant, aware and in UTC in Python; a time without a zone cannot be stored."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(_UtcText() if dialect.name == "sqlite" else _Timestamptz())


def instant(driver_value: str | datetime) -> datetime:
    """The instant of a time as the driver gives it, for who reads it past its type: text, or an aware time."""
    if isinstance(driver_value, str):
        return datetime.fromisoformat(driver_value + "+00:00")
    return driver_value.astimezone(UTC)


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("A time without a zone cannot be stored.")
    return value.astimezone(UTC)


@lru_cache(maxsize=4096)
def _utc_text(value: datetime) -> str:
    # Only for times in UTC: those of another zone can be equal and yet, when its clocks go back, an hour apart.
    return value.isoformat(" ", "microseconds").removesuffix("+00:00")


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
