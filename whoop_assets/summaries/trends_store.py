"""Reading the daily rows that trends and weeks are made of, and keeping trends and weeks."""

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
    """These columns of the members' daily rows, both ends included, by member and day."""
    wanted = [daily_summary.c[name] for name in columns]
    query = (
        select(*wanted)
        .where(daily_summary.c.user_id.in_(list(members)), daily_summary.c.day.between(first, last))
        .order_by(daily_summary.c.user_id, daily_summary.c.day)
    )
    # dtype=object keeps what the database said, as for the records.
    return pd.DataFrame(
        connection.execute(query).all(), columns=[column.name for column in wanted], dtype=object
    )


def latest_day(connection: Connection, members: Collection[int]) -> date | None:
    """The latest day with a daily row, or a row of trends, of any of these members; None without one."""
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
    """Make the trends of these members' days exactly these rows; returns how many rows changed."""
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
    """Make the weekly summaries of these members' weeks, first..last Monday, exactly these rows; returns how many changed."""
    c = weekly_summary.c
    where = (c.user_id.in_(list(members)), c.week_start.between(first, last))
    return derived_rows.replace(connection, weekly_summary, where, rows, at).written


def trend_counts(
    connection: Connection, members: Collection[int], first: date, last: date
) -> dict[date, int]:
    """How many rows of trends each day has that has any, over these members."""
    c = trends.c
    query = select(c.day, func.count()).where(c.user_id.in_(list(members)), c.day.between(first, last))
    return dict(connection.execute(query.group_by(c.day)).all())


def week_counts(connection: Connection, members: Collection[int], first: date, last: date) -> dict[date, int]:
    """How many weekly summaries each week has that has any, by its Monday, over these members."""
    c = weekly_summary.c
    query = select(c.week_start, func.count()).where(
        c.user_id.in_(list(members)), c.week_start.between(first, last)
    )
    return dict(connection.execute(query.group_by(c.week_start)).all())
