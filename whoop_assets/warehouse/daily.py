"""Reading the records that daily summaries are made of, and keeping the summaries."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, bindparam, delete, func, select, update

from whoop_assets.warehouse.statements import insert_rows
from whoop_assets.warehouse.tables import RECORD_TABLES, cycles, daily_summary

_HEAVY = {"payload", "content_hash", "first_seen_at", "deleted_at"}
_FOLLOWS_SYNC = {"last_recovery_synced_at"}


def frames(
    connection: Connection, members: Collection[int], first: date, last: date
) -> dict[str, pd.DataFrame]:
    """The existing records of these members' days, both ends included: one frame per stream."""
    result = {}
    for stream, table in RECORD_TABLES.items():
        columns = [column for column in table.c if column.name not in _HEAVY]
        query = select(*columns).where(
            table.c.user_id.in_(list(members)), table.c.day.between(first, last), table.c.deleted_at.is_(None)
        )
        rows = connection.execute(query).all()
        # dtype=object keeps what the database said: integers with gaps would turn into floats, dates into times.
        result[stream] = pd.DataFrame(rows, columns=[column.name for column in columns], dtype=object)
    return result


def latest_cycles(connection: Connection, members: Collection[int]) -> dict[int, int]:
    """The id of each member's latest cycle."""
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
    """Make the summaries of these members' days exactly these rows; returns how many rows changed.

    A row that says the same as before keeps its `built_at`.
    """
    where = (daily_summary.c.user_id.in_(list(members)), daily_summary.c.day.between(first, last))
    names = [column.name for column in daily_summary.c if column.name != "built_at"]
    old = {
        (row["user_id"], row["day"]): row
        for row in connection.execute(select(daily_summary).where(*where)).mappings()
    }
    new_rows, changed_rows = [], []
    seen = set()
    for row in rows:
        key = (row["user_id"], row["day"])
        seen.add(key)
        before = old.get(key)
        if before is None:
            new_rows.append(row | {"built_at": at})
            continue
        differing = {name for name in names if before[name] != row[name]}
        if differing:
            built_at = before["built_at"] if differing <= _FOLLOWS_SYNC else at
            changed_rows.append({f"new_{name}": row[name] for name in names} | {"new_built_at": built_at})
    gone = [{"of": user_id, "on": day} for user_id, day in old.keys() - seen]
    this_row = (daily_summary.c.user_id == bindparam("of"), daily_summary.c.day == bindparam("on"))
    if gone:
        connection.execute(delete(daily_summary).where(*this_row), gone)
    insert_rows(connection, daily_summary, new_rows)
    if changed_rows:
        values: dict[str, Any] = {
            name: bindparam(f"new_{name}") for name in [*names, "built_at"] if name not in ("user_id", "day")
        }
        statement = (
            update(daily_summary)
            .where(
                daily_summary.c.user_id == bindparam("new_user_id"),
                daily_summary.c.day == bindparam("new_day"),
            )
            .values(values)
        )
        connection.execute(statement, changed_rows)
    return len(gone) + len(new_rows) + len(changed_rows)


def newest_rows(connection: Connection, count: int) -> list[dict[str, Any]]:
    """The newest daily rows over all members: the newest day first, by member id within a day."""
    query = (
        select(daily_summary)
        .order_by(daily_summary.c.day.desc(), daily_summary.c.user_id.desc())
        .limit(count)
    )
    return [dict(row) for row in connection.execute(query).mappings()]
