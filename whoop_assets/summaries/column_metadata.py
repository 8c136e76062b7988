"""Kinds and lineage of columns, from the definitions of the tables.

Lineage covers values, not choices: ids, times and `nap` also decide which cycle, sleep and recovery belong to
a day.
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Column, Table

from whoop_assets.db.types import ColumnKind, column_kind


def kinds_of(table: Table, names: Iterable[str] = ()) -> dict[str, ColumnKind]:
    """Return name -> kind of the columns, by default of all except `built_at`."""
    chosen = tuple(names) or [column.name for column in table.columns if column.name != "built_at"]
    return {name: column_kind(table.c[name]) for name in chosen}


Source = tuple[str, str]
"""A table and one of its columns."""

_KEY = "sources"


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
