"""Bulk INSERT and upsert on both databases, and batches for statements with many keys."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Table, insert
from sqlalchemy.dialects import postgresql, sqlite

Item = TypeVar("Item")
Rows = Sequence[dict[str, Any]]

BATCH_SIZE = 500
"""Keys per statement. SQLite allows 32,766 parameters."""


def upsert(connection: Connection, table: Table) -> Any:
    """Return the dialect's INSERT, which has `on_conflict_do_update` and `on_conflict_do_nothing`."""
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(table)


def insert_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert the rows. All have the same columns."""
    if rows:
        connection.execute(insert(table), list(rows))


def insert_or_ignore(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert the rows with a new primary key, and ignore the others. All have the same columns."""
    if rows:
        connection.execute(upsert(connection, table).on_conflict_do_nothing(), list(rows))


def insert_or_replace(connection: Connection, table: Table, rows: Rows, *, keep: set[str]) -> None:
    """Insert the rows, or update the existing ones with the same primary key.

    Args:
        connection: The transaction.
        table: The table.
        rows: All have the same columns. Their primary keys are distinct.
        keep: Columns that an update leaves unchanged.
    """
    if not rows:
        return
    statement = upsert(connection, table)
    keys = [column.name for column in table.primary_key.columns]
    changes = {name: statement.excluded[name] for name in rows[0] if name not in keep and name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), list(rows))


def batched(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Split the items into batches of at most `BATCH_SIZE`."""
    for start in range(0, len(items), BATCH_SIZE):
        yield items[start : start + BATCH_SIZE]
