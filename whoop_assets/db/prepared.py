"""Statements with named parameters, executed by SQLAlchemy.

Temporary: callers are moving to `connection.execute`.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Executable


class Prepared:
    """One statement with `bindparam` parameters."""

    def __init__(self, statement: Executable) -> None:
        self._statement = statement

    def rows(self, connection: Connection, **given: Any) -> Sequence[Any]:
        """Return all rows."""
        return connection.execute(self._statement, given).all()

    def row(self, connection: Connection, **given: Any) -> Any | None:
        """Return the first row; None if there is none."""
        return connection.execute(self._statement, given).first()

    def run(self, connection: Connection, **given: Any) -> int:
        """Execute the change. Returns the number of rows."""
        return connection.execute(self._statement, given).rowcount
