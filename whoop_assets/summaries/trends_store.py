"""Read the daily rows of trends and weeks, and store trends and weeks."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, func, select

from whoop_assets.summaries import derived_rows
from whoop_assets.summaries.tables import daily_summary, trends, weekly_summary


def daily_rows(
    connection: Connection, members: Collection[int], first: date, last: date, columns: Iterable[str]
) -> pd.DataFrame:
    """Read these columns of the members' daily rows of first..last, by member and day."""
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


def replace_trends(
    connection: Connection,
    members: Collection[int],
    first: date,
    last: date,
    rows: Sequence[dict[str, Any]],
    at: datetime,
) -> int:
    """Replace the members' trends of first..last by the rows; return the number of changed rows."""
    where = (trends.c.user_id.in_(list(members)), trends.c.day.between(first, last))
    return derived_rows.replace(connection, trends, where, rows, at).written


def replace_weeks(
    connection: Connection,
    members: Collection[int],
    first: date,
    last: date,
    rows: Sequence[dict[str, Any]],
    at: datetime,
) -> int:
    """Replace the members' weekly summaries of first..last Monday by the rows.

    Returns the number of changed rows.
    """
    c = weekly_summary.c
    where = (c.user_id.in_(list(members)), c.week_start.between(first, last))
    return derived_rows.replace(connection, weekly_summary, where, rows, at).written


def trend_counts(
    connection: Connection, members: Collection[int], first: date, last: date
) -> dict[date, int]:
    """Return day -> number of the members' rows of trends."""
    c = trends.c
    query = select(c.day, func.count()).where(c.user_id.in_(list(members)), c.day.between(first, last))
    return dict(connection.execute(query.group_by(c.day)).all())


def week_counts(connection: Connection, members: Collection[int], first: date, last: date) -> dict[date, int]:
    """Return Monday -> number of the members' weekly summaries."""
    c = weekly_summary.c
    query = select(c.week_start, func.count()).where(
        c.user_id.in_(list(members)), c.week_start.between(first, last)
    )
    return dict(connection.execute(query.group_by(c.week_start)).all())
