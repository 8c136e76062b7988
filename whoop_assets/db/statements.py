"""Statements that are spelled per dialect but mean the same, rows in bulk, and look-ups of many keys at once.

Rows go past SQLAlchemy's own way of executing a statement many times, which costs more per row than the database
does: the INSERT is compiled once for each set of columns, the values of a column are converted together by the
column's own type, and the driver gets tuples.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg2
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.types import TypeEngine

from whoop_assets.db.types import UtcDateTime, utc_texts

Item = TypeVar("Item")
Rows = Sequence[dict[str, Any]]

AT_ONCE = 500
"""SQLite allows 32,766 parameters in a statement; a few hundred keys, or rows, are as fast and stay far below."""

# Of PostgreSQL's the placeholders are asked for by place, not by name.
DIALECTS = {"sqlite": pysqlite.dialect(), "postgresql": psycopg2.dialect(paramstyle="format")}  # type: ignore[no-untyped-call]


def upsert(connection: Connection, table: Table) -> Any:
    """An INSERT that can say what to do on a conflict: both dialects spell it alike, in different modules."""
    return _insert_into(table, connection.dialect.name)


def insert_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert the rows, which all have the same columns."""
    _insert(connection, table, rows, conflict="fail")


def insert_or_ignore(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert the rows whose primary key is not there yet."""
    _insert(connection, table, rows, conflict="ignore")


def insert_or_replace(connection: Connection, table: Table, rows: Rows, *, keep: set[str]) -> None:
    """Insert the rows; where the primary key is there already, set every given column but those to keep.

    No two of the rows may have the same key.
    """
    _insert(connection, table, rows, conflict="replace", keep=frozenset(keep))


def in_lots(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """The keys, or rows, a statement's worth at a time."""
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]


@dataclass(frozen=True, slots=True)
class _Insertion:
    """An INSERT of one row as the driver takes it.

    `columns` are in the order of its placeholders, and `placeholders` is their list as it stands in `text`;
    `conversions` say by place what makes a column of the driver's values of one of ours, where the type needs it.
    """

    text: str
    placeholders: str
    columns: tuple[str, ...]
    conversions: tuple[tuple[int, Callable[[Sequence[Any]], Iterable[Any]]], ...]

    def tuples(self, rows: Rows) -> list[tuple[Any, ...]]:
        """The rows as the driver takes them."""
        by_column: list[Any] = list(zip(*map(itemgetter(*self.columns), rows), strict=True))
        for place, convert in self.conversions:
            by_column[place] = convert(by_column[place])
        return list(zip(*by_column, strict=True))

    def repeated(self, times: int) -> str:
        """The same INSERT for several rows."""
        return self.text.replace(self.placeholders, ", ".join([self.placeholders] * times), 1)


def _insert(
    connection: Connection, table: Table, rows: Rows, *, conflict: str, keep: frozenset[str] = frozenset()
) -> None:
    if not rows:
        return
    dialect = connection.dialect.name
    insertion = _insertion(dialect, table, tuple(rows[0]), conflict, keep)
    if dialect == "sqlite":
        connection.exec_driver_sql(insertion.text, insertion.tuples(rows))
        return
    # psycopg2 would send one statement per row, and wait for each.
    for lot in in_lots(rows):
        values = tuple(chain.from_iterable(insertion.tuples(lot)))
        connection.exec_driver_sql(insertion.repeated(len(lot)), values)


@lru_cache(maxsize=128)
def _insertion(
    dialect_name: str, table: Table, given: tuple[str, ...], conflict: str, keep: frozenset[str]
) -> _Insertion:
    statement = _insert_into(table, dialect_name).inline()  # nobody asks for the keys that the database makes
    if conflict == "ignore":
        statement = statement.on_conflict_do_nothing()
    elif conflict == "replace":
        keys = [column.name for column in table.primary_key.columns]
        changes = {name: statement.excluded[name] for name in given if name not in keep and name not in keys}
        statement = statement.on_conflict_do_update(index_elements=keys, set_=changes)
    dialect = DIALECTS[dialect_name]
    compiled = statement.compile(dialect=dialect, column_keys=given)
    columns = tuple(compiled.positiontup)
    placeholder = "?" if dialect_name == "sqlite" else "%s"
    converted = ((place, _conversion(table.c[name].type, dialect)) for place, name in enumerate(columns))
    return _Insertion(
        text=str(compiled),
        placeholders=f"({', '.join([placeholder] * len(columns))})",
        columns=columns,
        conversions=tuple((place, convert) for place, convert in converted if convert is not None),
    )


def _conversion(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Sequence[Any]], Iterable[Any]] | None:
    if isinstance(kind, UtcDateTime) and dialect.name == "sqlite":
        return utc_texts
    convert = kind.dialect_impl(dialect).bind_processor(dialect)
    return None if convert is None else partial(map, convert)


def _insert_into(table: Table, dialect_name: str) -> Any:
    return sqlite.insert(table) if dialect_name == "sqlite" else postgresql.insert(table)
