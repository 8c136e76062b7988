"""Rows that are computed from others: made exactly what was computed, with as few writes as that takes."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, select

from whoop_assets import derived_versions
from whoop_assets.db.bulk_insert import add_rows
from whoop_assets.db.statements import insert_or_replace

Key = tuple[Any, ...]


@dataclass(slots=True)
class Replaced:
    """The keys of the rows that are new, gone, or say something else now, and how many were written for less."""

    changed: list[Key] = field(default_factory=list)
    touched: int = 0

    @property
    def written(self) -> int:
        """How many rows were inserted, updated or deleted."""
        return len(self.changed) + self.touched


def replace(
    connection: Connection,
    table: Table,
    where: Sequence[ColumnElement[bool]],
    rows: Sequence[dict[str, Any]],
    at: datetime,
    *,
    follows: Collection[str] = (),
) -> Replaced:
    """Make the table's rows in this region exactly these; they have all its columns but `built_at`.

    A row that says the same as before keeps its `built_at`, and so does one that differs in what merely `follows`.
    Raises SchemaMismatch if an upgrade of the database has changed the version of a derived table meanwhile.
    """
    derived_versions.require_current(connection)
    keys = [column.name for column in table.primary_key.columns]
    names = [column.name for column in table.c if column.name != "built_at"]
    places = [names.index(name) for name in keys]
    old = {}
    for *kept, built_at in connection.execute(
        select(*(table.c[name] for name in names), table.c.built_at).where(*where)
    ):
        old[tuple(kept[place] for place in places)] = kept, built_at
    result = Replaced()
    new_rows, changed_rows = [], []
    seen = set()
    for row in rows:
        key = tuple(row[name] for name in keys)
        seen.add(key)
        if key not in old:
            new_rows.append(row | {"built_at": at})
            result.changed.append(key)
            continue
        before, built_at = old[key]
        now = [row[name] for name in names]
        if now == before:
            continue
        differing = {name for name, one, other in zip(names, before, now, strict=True) if one != other}
        if differing <= set(follows):
            result.touched += 1
        else:
            result.changed.append(key)
            built_at = at
        changed_rows.append(row | {"built_at": built_at})
    gone = old.keys() - seen
    result.changed += gone
    if gone:
        this_row = [table.c[name] == bindparam(f"of_{name}") for name in keys]
        values = [{f"of_{name}": value for name, value in zip(keys, key, strict=True)} for key in gone]
        connection.execute(delete(table).where(*this_row), values)
    add_rows(connection, table, new_rows)
    insert_or_replace(connection, table, changed_rows, keep=set())
    return result
