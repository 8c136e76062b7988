"""Read the daily rows of trends and weeks, and store trends and weeks."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Connection, func, select

from whoop_assets.db.database import Database
from whoop_assets.summaries import derived_rows
from whoop_assets.summaries.tables import daily_summary, trends

if TYPE_CHECKING:
    import pandas as pd


def daily_rows(
    connection: Connection, members: Collection[int], first: date, last: date, columns: Iterable[str]
) -> "pd.DataFrame":
    """Read these columns of the members' daily rows of first..last, by member and day."""
    # Imported here, because most processes never need pandas, which takes a third of a second to load.
    import pandas as pd

    wanted = [daily_summary.c[name] for name in columns]
    query = (
        select(*wanted)
        .where(daily_summary.c.user_id.in_(list(members)), daily_summary.c.day.between(first, last))
        .order_by(daily_summary.c.user_id, daily_summary.c.day)
    )
    # dtype=object keeps the values as they are: pandas would turn integers with gaps into floats.
    return pd.DataFrame(
        connection.execute(query).all(), columns=[column.name for column in wanted], dtype=object
    )


def latest_day(connection: Connection, members: Collection[int]) -> date | None:
    """Return the latest day on which any of the members has a daily row or a row of trends."""
    found = []
    for c in (daily_summary.c, trends.c):
        found.append(connection.scalar(select(func.max(c.day)).where(c.user_id.in_(list(members)))))
    return max((day for day in found if day is not None), default=None)


def replace_rows(
    connection: Connection,
    day: Column[date],
    members: Collection[int],
    first: date,
    last: date,
    rows: Sequence[dict[str, Any]],
    at: datetime,
) -> int:
    """Replace the members' rows of first..last in the table of this day column.

    Returns:
        The number of changed rows.
    """
    where = (day.table.c.user_id.in_(list(members)), day.between(first, last))
    return derived_rows.replace(connection, day.table, where, rows, at).written


def row_counts(
    database: Database, day: Column[date], members: Collection[int], first: date, last: date
) -> dict[date, int]:
    """Return day -> number of the members' rows in the table of this day column."""
    where = (day.table.c.user_id.in_(list(members)), day.between(first, last))
    with database.read() as connection:
        return dict(connection.execute(select(day, func.count()).where(*where).group_by(day)).all())
