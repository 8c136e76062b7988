"""Read the records of daily summaries, and store the summaries."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import Connection, func, select

from whoop_assets.records.stale_days import STALE_TRENDS, STALE_WEEKS
from whoop_assets.records.tables import RECORD_TABLES, cycles
from whoop_assets.summaries import derived_rows
from whoop_assets.summaries.columns import READ_COLUMNS
from whoop_assets.summaries.tables import daily_summary

_SYNC_COLUMNS = {"last_recovery_synced_at"}


def records(
    connection: Connection, members: Collection[int], first: date, last: date
) -> dict[str, Sequence[Mapping[str, Any]]]:
    """Read the records of the members' days that are not deleted: stream -> rows with `READ_COLUMNS`."""
    result: dict[str, Sequence[Mapping[str, Any]]] = {}
    for stream, names in READ_COLUMNS.items():
        c = RECORD_TABLES[stream].c
        query = select(*(c[name] for name in names)).where(
            c.user_id.in_(list(members)), c.day.between(first, last), c.deleted_at.is_(None)
        )
        result[stream] = cast("Sequence[Mapping[str, Any]]", connection.execute(query).mappings().all())
    return result


def latest_cycles(connection: Connection, members: Collection[int]) -> dict[int, int]:
    """Return member -> id of the member's latest cycle."""
    alive = cycles.c.deleted_at.is_(None) & cycles.c.user_id.in_(list(members))
    newest = (
        select(cycles.c.user_id, func.max(cycles.c.start_time).label("start"))
        .where(alive)
        .group_by(cycles.c.user_id)
    ).subquery()
    query = (
        select(cycles.c.user_id, func.max(cycles.c.id))
        .join(newest, (newest.c.user_id == cycles.c.user_id) & (newest.c.start == cycles.c.start_time))
        .where(alive)
        .group_by(cycles.c.user_id)
    )
    return dict(connection.execute(query).all())


def replace(
    connection: Connection,
    members: Collection[int],
    first: date,
    last: date,
    rows: Sequence[dict[str, Any]],
    at: datetime,
) -> int:
    """Replace the members' summaries of first..last by the rows.

    Marks trends and weeks of changed days as stale.

    An unchanged row keeps its `built_at`. A new `last_recovery_synced_at` alone is not a change.

    Returns:
        The number of rows that are new, deleted or changed.
    """
    where = (daily_summary.c.user_id.in_(list(members)), daily_summary.c.day.between(first, last))
    replaced = derived_rows.replace(connection, daily_summary, where, rows, at, minor_columns=_SYNC_COLUMNS)
    STALE_TRENDS.mark_all(connection, ((user_id, day) for user_id, day in replaced.changed), at)
    STALE_WEEKS.mark_all(connection, ((user_id, monday(day)) for user_id, day in replaced.changed), at)
    return len(replaced.changed)


def monday(day: date) -> date:
    """Return the Monday of the day's ISO week."""
    return day - timedelta(days=day.weekday())


def newest_rows(connection: Connection, count: int) -> list[dict[str, Any]]:
    """Return the newest daily rows of all members, newest day first."""
    query = (
        select(daily_summary)
        .order_by(daily_summary.c.day.desc(), daily_summary.c.user_id.desc())
        .limit(count)
    )
    return [dict(row) for row in connection.execute(query).mappings()]
