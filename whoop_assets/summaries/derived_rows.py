"""Replace the rows of a derived table by computed ones, writing only rows that differ."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, select

from whoop_assets import derived_versions
from whoop_assets.db.statements import add_rows, insert_or_replace

Key = tuple[Any, ...]


@dataclass(slots=True)
class Replaced:
    """Keys of rows that are new, deleted or changed, and the number of rows with minor updates only."""

    changed: list[Key] = field(default_factory=list)
    minor_updates: int = 0

    @property
    def written(self) -> int:
        """Number of rows that were inserted, updated or deleted."""
        return len(self.changed) + self.minor_updates


def replace(
    connection: Connection,
    table: Table,
    where: Sequence[ColumnElement[bool]],
    rows: Sequence[dict[str, Any]],
    at: datetime,
    *,
    minor_columns: Collection[str] = (),
) -> Replaced:
    """Replace the rows that match `where`. A row that does not change keeps its `built_at`.

    Args:
        connection: A connection in a write transaction.
        table: The derived table.
        where: Conditions that select the rows to replace.
        rows: The new rows, with all columns but `built_at`.
        at: The new `built_at` of changed rows.
        minor_columns: Columns whose changes are written but do not count as a change.

    Raises:
        SchemaMismatch: A database upgrade changed the version of a derived table in the meantime.
    """
    derived_versions.require_current(connection)
    keys = [column.name for column in table.primary_key.columns]
    names = [column.name for column in table.c if column.name != "built_at"]
    places = [names.index(name) for name in keys]
    stored = {}
    for *kept, built_at in connection.execute(
        select(*(table.c[name] for name in names), table.c.built_at).where(*where)
    ):
        stored[tuple(kept[place] for place in places)] = kept, built_at
    result = Replaced()
    new_rows, changed_rows = [], []
    seen = set()
    for row in rows:
        key = tuple(row[name] for name in keys)
        seen.add(key)
        if key not in stored:
            new_rows.append(row | {"built_at": at})
            result.changed.append(key)
            continue
        before, built_at = stored[key]
        now = [row[name] for name in names]
        if now == before:
            continue
        differing = {name for name, old, new in zip(names, before, now, strict=True) if old != new}
        if differing <= set(minor_columns):
            result.minor_updates += 1
        else:
            result.changed.append(key)
            built_at = at
        changed_rows.append(row | {"built_at": built_at})
    gone = stored.keys() - seen
    result.changed += gone
    if gone:
        is_row = [table.c[name] == bindparam(f"key_{name}") for name in keys]
        values = [{f"key_{name}": value for name, value in zip(keys, key, strict=True)} for key in gone]
        connection.execute(delete(table).where(*is_row), values)
    add_rows(connection, table, new_rows)
    insert_or_replace(connection, table, changed_rows, keep=set())
    return result
