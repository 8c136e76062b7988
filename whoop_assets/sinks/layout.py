"""Which columns a table gets, and what stands in them: pure.

The warehouse's columns come first, as they are. A field that WHOOP added since stands in the payload alone; it becomes a
column of its own, of the narrowest kind that its values fit. A column never changes its kind but from int to long, which
every reader of Iceberg follows; a value that does not fit the column stands in another one beside it, named after its
kind (`score_new`, `score_new_double`), and that is said. Nothing is lost either way: `payload` has it all.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from whoop_assets.sinks import fields
from whoop_assets.sinks.source import ExportColumn, ExportTable
from whoop_assets.sinks.values import DoesNotFitError, column_name, fitted, kind_of, leaves

MOST_ADDED = 200
"""An object whose names are data (dates, ids) would make a column of each."""

Path = tuple[str, ...]


@dataclass(slots=True)
class Layout:
    """Columns to add to what is there, columns to make long, and all values, a list per column.

    `notes` are sentences on what could not be laid out plainly; they quote names of fields, never values.
    """

    added: list[ExportColumn] = field(default_factory=list)
    widened: list[str] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def lay_out(table: ExportTable, there: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> Layout:
    """Lay out these rows of the table, of which `there` says the columns that it has already, and their kinds."""
    layout = Layout()
    payloads = [json.loads(row["payload"]) for row in rows]
    own = {column.name for column in table.all_columns}
    for column in table.columns:
        _place(layout, there, column, [row[column.name] for row in rows])
    if table.from_payload:
        read = [fields.read(table.stream, payload) for payload in payloads]
        for column in table.from_payload:
            _place(layout, there, column, [values.get(column.name) for values in read])
    paths = frozenset(path for path, name in fields.known(table.stream).items() if name in own)
    found: dict[Path, dict[int, Any]] = {}
    for place, payload in enumerate(payloads):
        for path, value in leaves(payload, paths):
            found.setdefault(path, {})[place] = value
    room = MOST_ADDED - len(there.keys() - own)
    for path, values in sorted(found.items()):
        name = column_name(path)
        if name is None or name in layout.columns:
            why = "its name cannot be a column's" if name is None else f"a column {name} is there already"
            layout.notes.append(f"The field {_shown(path)} is in the payload alone: {why}.")
            continue
        if name not in there and room <= 0:
            layout.notes.append(
                f"The field {_shown(path)} is in the payload alone: the table has {MOST_ADDED} columns of fields that"
                " WHOOP added."
            )
            continue
        room -= name not in there
        comment = f"{'.'.join(path)}: a field that WHOOP added; not known to this version of whoop-assets"
        kind = there.get(name) or kind_of(values.values())
        column = ExportColumn(name, kind, comment)
        _place(layout, there, column, [values.get(place) for place in range(len(rows))])
    return layout


def _place(layout: Layout, there: Mapping[str, str], column: ExportColumn, values: Sequence[Any]) -> None:
    """Put the values into the column; those that do not fit into one beside it."""
    name, kind = column.name, there.get(column.name, column.kind)
    if name not in there:
        layout.added.append(column)
    elif (kind, column.kind) == ("int", "long"):
        layout.widened.append(name)
        kind = "long"
    placed: list[Any] = []
    beside: dict[int, Any] = {}
    for place, value in enumerate(values):
        try:
            placed.append(fitted(value, kind))
        except DoesNotFitError:
            placed.append(None)
            beside[place] = value
    layout.columns[name] = placed
    if not beside:
        return
    other = kind_of(beside.values())
    aside = ExportColumn(f"{name}_{other}", other, f"values of {name} that are no {kind}")
    if aside.name in layout.columns:
        layout.notes.append(
            f"Column {name} is {kind}, and {len(beside)} of its values are not: they are in the payload alone, as a column"
            f" {aside.name} is there already."
        )
        return
    layout.notes.append(
        f"Column {name} is {kind}, and {len(beside)} of its values are not: they stand in {aside.name}."
    )
    _place(layout, there, aside, [beside.get(place) for place in range(len(values))])


def _shown(path: Path) -> str:
    return ".".join(path).encode("ascii", "replace").decode()[:80]
