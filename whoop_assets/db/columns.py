"""Constructors of columns that carry a comment with their unit, the metadata of all tables, and lineage.

Lineage covers values, not choices: ids, times and `nap` also decide which cycle, sleep and recovery belong to
a day.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Double, Integer, MetaData, Table

from whoop_assets.db.types import ColumnKind, column_kind

metadata = MetaData()
"""Import it from `whoop_assets.schema`, which imports every table."""

Source = tuple[str, str]
"""A table and one of its columns."""
_KEY = "sources"


def column(name: str, kind: Any, comment: str, **options: Any) -> "Column[Any]":
    """Return a column of the given SQLAlchemy type."""
    return Column(name, kind, comment=comment, **options)


def key(name: str, kind: Any, comment: str) -> "Column[Any]":
    """Return a column of the primary key."""
    return Column(name, kind, primary_key=True, autoincrement=False, comment=comment)


def measure(name: str, comment: str) -> "Column[Any]":
    """Return a column for a measured value (double precision)."""
    return Column(name, Double, comment=comment)


def count(name: str, comment: str) -> "Column[Any]":
    """Return a column for a whole number."""
    return Column(name, Integer, comment=comment)


def milliseconds(name: str, comment: str) -> "Column[Any]":
    """Return a column for a duration in milliseconds."""
    return Column(name, BigInteger, comment=f"{comment}, milliseconds")


def derived(column: "Column[Any]", *sources: str) -> "Column[Any]":
    """Store the sources of a column in its metadata.

    Args:
        column: A column of a derived table.
        sources: Names like `cycles.strain`, or `cycles.start_time timezone_offset` for several columns of a
            table.
    """
    found: list[Source] = []
    for source in sources:
        table, _, names = source.partition(".")
        found += [(table, name) for name in names.split()]
    column.info[_KEY] = tuple(found)
    return column


def sources_of(table: Table) -> dict[str, tuple[Source, ...]]:
    """Return name -> sources of the columns that have sources."""
    return {column.name: column.info[_KEY] for column in table.columns if _KEY in column.info}


def kinds_of(table: Table) -> dict[str, ColumnKind]:
    """Return name -> kind of the columns except `built_at`."""
    return {column.name: column_kind(column) for column in table.columns if column.name != "built_at"}
