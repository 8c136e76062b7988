"""Statements that are spelled per dialect but mean the same, and look-ups of many keys at once."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Key = TypeVar("Key")

KEYS_PER_LOOKUP = 500
"""SQLite allows 32,766 parameters in a statement; a few hundred keys are as fast and stay far below."""


def upsert(connection: Connection, table: Table) -> Any:
    """An INSERT that can say what to do on a conflict: both dialects spell it alike, in different modules."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def insert_or_ignore(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert the rows whose primary key is not there yet."""
    if rows:
        connection.execute(upsert(connection, table).on_conflict_do_nothing(), list(rows))


def insert_or_replace(
    connection: Connection, table: Table, rows: Sequence[dict[str, Any]], *, keep: set[str]
) -> None:
    """Insert the rows; where the primary key is there already, set every given column but those to keep."""
    if not rows:
        return
    statement = upsert(connection, table)
    keys = [column.name for column in table.primary_key.columns]
    changes = {name: statement.excluded[name] for name in rows[0] if name not in keep and name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), list(rows))


def in_lots(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    """The keys, a lookup's worth at a time."""
    for start in range(0, len(keys), KEYS_PER_LOOKUP):
        yield keys[start : start + KEYS_PER_LOOKUP]
