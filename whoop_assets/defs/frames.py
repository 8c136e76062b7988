"""Reads a range of days of a table into a pandas data frame."""

from collections.abc import Collection
from datetime import date

import pandas as pd
from sqlalchemy import Connection, select

from whoop_assets.db.types import ColumnKind, column_kind
from whoop_assets.errors import UnknownTable
from whoop_assets.sinks.source import PLAIN

_DTYPES = {
    ColumnKind.TIME: "datetime64[us, UTC]",
    ColumnKind.DATE: "datetime64[us]",
    ColumnKind.BOOLEAN: "boolean",
    ColumnKind.DOUBLE: "float64",
    ColumnKind.INTEGER: "Int64",
    ColumnKind.BIG_INTEGER: "Int64",
    ColumnKind.JSON: "object",
    ColumnKind.TEXT: "str",
}
"""pandas' usual types, for users. `summaries.frames` has others, which compute faster with few rows."""


def read_frame(
    connection: Connection, table_name: str, first: date, last: date, user_ids: Collection[int]
) -> pd.DataFrame:
    """Return the members' rows from the first to the last day, ordered by primary key.

    Deleted records are left out. NULL is NaN, NaT or NA; it is never 0.

    Args:
        connection: An open transaction.
        table_name: A table of records or summaries.
        first: First day, or the first Monday of `weekly_summary`.
        last: Last day, included.
        user_ids: WHOOP user ids.

    Raises:
        UnknownTable: The table does not exist or has no days.
    """
    if table_name not in PLAIN:
        raise UnknownTable(f"There is no table {table_name} of days or weeks: use one of {', '.join(PLAIN)}.")
    table, day = PLAIN[table_name]
    query = (
        select(table)
        .where(table.c[day].between(first, last), table.c.user_id.in_(list(user_ids)))
        .order_by(*table.primary_key.columns)
    )
    if "deleted_at" in table.c:
        query = query.where(table.c.deleted_at.is_(None))
    rows = [tuple(row) for row in connection.execute(query)]
    frame = pd.DataFrame(rows, columns=[column.name for column in table.c], dtype=object)
    return frame.astype({column.name: _DTYPES[column_kind(column)] for column in table.c})
