"""Column lineage: the source columns from which a derived column's value is computed.

The lineage covers values, not choices: ids, times and `nap` also decide which cycle, sleep and recovery
belong to a day.
"""

from typing import Any

from sqlalchemy import Column, Table

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
