"""Statements that are run over and over, before each request or with each piece of a load: made ready once a process.

SQLAlchemy's own way looks a statement up in its cache at every execution, builds a context, and wraps what comes back; for
statements as small as these that takes longer than the database does, and a hundred times as long when an engine sees one
for the first time. Here text and conversions are made once for each dialect, and the driver gets the text as it is.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Select
from sqlalchemy.sql.dml import UpdateBase

from whoop_assets.db.statements import DIALECTS
from whoop_assets.db.types import UtcDateTime

_Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Parameter:
    """One placeholder: the name of what is given for it, or None and the value that the statement itself holds.

    `lists`: the placeholder stands, in the text, for as many as there are values; it is what is to be replaced.
    """

    name: str | None
    value: Any
    convert: _Convert | None
    lists: str | None


@dataclass(frozen=True, slots=True)
class _Ready:
    """A statement as the driver takes it.

    `names`: of how many parameters a value is to be given. `results` say by place what makes a value of ours of the driver's;
    `row` makes a row with the columns' names.
    """

    text: str
    placeholder: str
    parameters: tuple[_Parameter, ...]
    names: int
    results: tuple[tuple[int, _Convert], ...]
    row: Callable[[Iterable[Any]], Any]

    def filled(self, given: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
        """The text and the values for these parameters."""
        text = self.text
        values: list[Any] = []
        if len(given) != self.names:
            raise TypeError(f"the statement has {self.names} parameters, and {len(given)} were given")
        for parameter in self.parameters:
            value = parameter.value if parameter.name is None else given[parameter.name]
            if parameter.lists is not None:
                if not value:
                    raise ValueError(f"{parameter.name} must not be empty")
                text = text.replace(parameter.lists, ", ".join([self.placeholder] * len(value)), 1)
                values += value if parameter.convert is None else map(parameter.convert, value)
            else:
                values.append(value if parameter.convert is None else parameter.convert(value))
        return text, tuple(values)


class Prepared:
    """One statement. Its parameters are named by `bindparam`; one that is `expanding` takes a list that is not empty."""

    def __init__(self, statement: "Select[Any] | UpdateBase") -> None:
        self._statement = statement

    def rows(self, connection: Connection, **given: Any) -> Sequence[Any]:
        """What the SELECT gives: tuples with the columns' names."""
        ready = self._ready(connection)
        rows = connection.exec_driver_sql(*ready.filled(given)).all()
        if not ready.results or not rows:
            return rows
        columns: list[Any] = list(zip(*rows, strict=True))
        for place, convert in ready.results:
            columns[place] = map(convert, columns[place])
        return list(map(ready.row, zip(*columns, strict=True)))

    def row(self, connection: Connection, **given: Any) -> Any | None:
        """The first of the rows; None if there is none."""
        rows = self.rows(connection, **given)
        return rows[0] if rows else None

    def run(self, connection: Connection, **given: Any) -> int:
        """Carry the change out; how many rows it concerned."""
        return connection.exec_driver_sql(*self._ready(connection).filled(given)).rowcount

    def _ready(self, connection: Connection) -> _Ready:
        return self._on_sqlite if connection.dialect.name == "sqlite" else self._on_postgresql

    @cached_property
    def _on_sqlite(self) -> _Ready:
        return self._made("sqlite", "?")

    @cached_property
    def _on_postgresql(self) -> _Ready:
        return self._made("postgresql", "%s")

    def _made(self, dialect_name: str, placeholder: str) -> _Ready:
        dialect = DIALECTS[dialect_name]
        statement: Any = self._statement
        compiled = statement.compile(dialect=dialect)
        parameters = []
        for name in compiled.positiontup:
            bind = compiled.binds[name]
            if not (bind.required or bind.unique):
                raise TypeError(f"the parameter {bind.key} has a value already: none could be given for it")
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
            lists = f"__[POSTCOMPILE_{name}]" if bind.expanding else None
            parameters.append(_Parameter(bind.key if bind.required else None, bind.value, convert, lists))
        results = []
        columns = statement.selected_columns if isinstance(statement, Select) else ()
        for place, column in enumerate(columns):
            # PostgreSQL's driver knows its types; only that a time is told in the session's zone has to be mended.
            if dialect_name == "sqlite" or isinstance(column.type, UtcDateTime):
                convert = column.type.dialect_impl(dialect).result_processor(dialect, None)
                if convert is not None:
                    results.append((place, convert))
        named = namedtuple("Row", [column.key for column in columns], rename=True)  # type: ignore[misc]
        names = len({parameter.name for parameter in parameters} - {None})
        return _Ready(str(compiled), placeholder, tuple(parameters), names, tuple(results), named._make)
