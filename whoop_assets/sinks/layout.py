"""Decides the columns of a delivered table and their values. Pure functions.

Columns of the database come first. A field that WHOOP added is in the payload only, and becomes a column with
the narrowest kind for its values. A column's kind changes only from int to long, which every Iceberg reader
supports. A value of another kind goes into an extra column named after its kind (`score_new_double`), with a
note. `payload` contains all fields.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from whoop_assets.sinks.source import ExportColumn, ExportTable
from whoop_assets.sinks.values import DoesNotFitError, column_name, fitted, kind_of, leaves
from whoop_assets.whoop_api.streams import ALL_STREAMS, STREAMS

MAX_ADDED_COLUMNS = 200
"""Objects with data as names (dates, ids) would add a column for each name."""

Path = tuple[str, ...]


@dataclass(slots=True)
class Layout:
    """Columns to add, columns to widen to long, and the values by column.

    `notes` explain values without a plain column. They contain names of fields, and no values.
    """

    added: list[ExportColumn] = field(default_factory=list)
    widened: list[str] = field(default_factory=list)
    columns: dict[str, list[Any]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def lay_out(table: ExportTable, there: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> Layout:
    """Returns the layout of these rows. `there` contains the existing columns and their kinds."""
    layout = Layout()
    payloads = [json.loads(row["payload"]) for row in rows]
    own = {column.name for column in table.all_columns}
    for column in table.columns:
        _place(layout, there, column, [row[column.name] for row in rows])
    if table.from_payload:
        read = [_values(table.stream, payload) for payload in payloads]
        for column in table.from_payload:
            _place(layout, there, column, [values.get(column.name) for values in read])
    fields = {"user_id": "user_id", **ALL_STREAMS[table.stream].columns}
    paths = frozenset(tuple(path.split(".")) for name, path in fields.items() if name in own)
    found: dict[Path, dict[int, Any]] = {}
    for place, payload in enumerate(payloads):
        for path, value in leaves(payload, paths):
            found.setdefault(path, {})[place] = value
    room = MAX_ADDED_COLUMNS - len(there.keys() - own)
    for path, values in sorted(found.items()):
        name = column_name(path)
        if name is None or name in layout.columns:
            why = "its name is no column name" if name is None else f"the column {name} exists"
            layout.notes.append(f"The field {_shown(path)} is in the payload only: {why}.")
            continue
        if name not in there and room <= 0:
            layout.notes.append(
                f"The field {_shown(path)} is in the payload only: the table has {MAX_ADDED_COLUMNS}"
                " columns for fields that WHOOP added."
            )
            continue
        room -= name not in there
        comment = f"{'.'.join(path)}: a field that WHOOP added, unknown to this version of whoop-assets"
        kind = there.get(name) or kind_of(values.values())
        column = ExportColumn(name, kind, comment)
        _place(layout, there, column, [values.get(place) for place in range(len(rows))])
    return layout


def _values(stream: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Returns column -> value of a payload. Empty if the payload is invalid."""
    try:
        record = STREAMS[stream].model.model_validate(payload)
    except ValidationError:
        return {}
    return STREAMS[stream].values(record)


def _place(layout: Layout, there: Mapping[str, str], column: ExportColumn, values: Sequence[Any]) -> None:
    """Puts the values into the column, and those of another kind into an extra column."""
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
    aside = ExportColumn(f"{name}_{other}", other, f"values of {name} that are not {kind}")
    if aside.name in layout.columns:
        layout.notes.append(
            f"Values of the {kind} column {name} that are not {kind} ({len(beside)}) are in the payload only,"
            f" because the column {aside.name} exists."
        )
        return
    layout.notes.append(
        f"Values of the {kind} column {name} that are not {kind} ({len(beside)}) are in {aside.name}."
    )
    _place(layout, there, aside, [beside.get(place) for place in range(len(values))])


def _shown(path: Path) -> str:
    return ".".join(path).encode("ascii", "replace").decode()[:80]
