"""Read what daily summaries, trends and weeks are computed from, and store the rows that differ."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, func, select

from whoop_assets import derived_versions
from whoop_assets.app_export.tables import IMPORTED_TABLES
from whoop_assets.db.database import Database
from whoop_assets.db.statements import add_rows, delete_rows, insert_or_replace
from whoop_assets.records.stale_days import STALE_TRENDS, STALE_WEEKS
from whoop_assets.records.tables import RECORD_TABLES, cycles
from whoop_assets.summaries.daily.exported import FROM_BOTH, FROM_EXPORT
from whoop_assets.summaries.tables import READ_COLUMNS, daily_summary, trends

if TYPE_CHECKING:
    import pandas as pd

_SYNC_COLUMNS = {"last_recovery_synced_at"}

Key = tuple[Any, ...]
"""Values of a primary key."""


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


def replace_daily_rows(
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
    replaced = replace(connection, daily_summary, where, rows, at, minor_columns=_SYNC_COLUMNS)
    STALE_TRENDS.mark_all(connection, ((user_id, day) for user_id, day in replaced.changed), at)
    STALE_WEEKS.mark_all(connection, ((user_id, monday(day)) for user_id, day in replaced.changed), at)
    return len(replaced.changed)


def monday(day: date) -> date:
    """Return the Monday of the day's ISO week."""
    return day - timedelta(days=day.weekday())


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
    return replace(connection, day.table, where, rows, at).written


@dataclass(slots=True)
class Replaced:
    """Keys of rows that are new, deleted or changed, and the number of rows with minor updates only."""

    changed: list[Key] = field(default_factory=list)
    minor_updates: int = 0

    @property
    def written(self) -> int:
        """Number of rows that were inserted, updated or deleted."""
        return len(self.changed) + self.minor_updates


def replace(
    connection: Connection,
    table: Table,
    where: Sequence[ColumnElement[bool]],
    rows: Sequence[dict[str, Any]],
    at: datetime,
    *,
    minor_columns: Collection[str] = (),
) -> Replaced:
    """Replace the rows of a derived table that match `where`, and write only those that differ.

    A row that does not change keeps its `built_at`.

    Args:
        connection: A connection in a write transaction.
        table: The derived table.
        where: Conditions that select the rows to replace.
        rows: The new rows, with all columns but `built_at`.
        at: The new `built_at` of changed rows.
        minor_columns: Columns whose changes are written but do not count as a change.

    Raises:
        SchemaMismatch: A database upgrade changed the version of a derived table in the meantime.
    """
    derived_versions.require_current(connection)
    keys = [column.name for column in table.primary_key.columns]
    names = [column.name for column in table.c if column.name != "built_at"]
    places = [names.index(name) for name in keys]
    stored = {}
    for *kept, built_at in connection.execute(
        select(*(table.c[name] for name in names), table.c.built_at).where(*where)
    ):
        stored[tuple(kept[place] for place in places)] = kept, built_at
    result = Replaced()
    new_rows, changed_rows = [], []
    seen = set()
    for row in rows:
        key = tuple(row[name] for name in keys)
        seen.add(key)
        if key not in stored:
            new_rows.append(row | {"built_at": at})
            result.changed.append(key)
            continue
        before, built_at = stored[key]
        now = [row[name] for name in names]
        if now == before:
            continue
        differing = {name for name, old, new in zip(names, before, now, strict=True) if old != new}
        if differing <= set(minor_columns):
            result.minor_updates += 1
        else:
            result.changed.append(key)
            built_at = at
        changed_rows.append(row | {"built_at": built_at})
    gone = stored.keys() - seen
    result.changed += gone
    delete_rows(connection, table, gone)
    add_rows(connection, table, new_rows)
    insert_or_replace(connection, table, changed_rows, keep=set())
    return result


def filling(connection: Connection, user_id: int, kind: str) -> int:
    """Return the number of imported rows of the kind whose values are in a daily summary."""
    c, d = IMPORTED_TABLES[kind].c, daily_summary.c
    # An export contains neither ids nor zone 0.
    only_from_api = {"cycles": d.cycle_id, "sleeps": d.sleep_id, "workouts": d.zone_zero_milli}[kind]
    filled = (d.source == FROM_EXPORT) | (d.source == FROM_BOTH) & only_from_api.is_(None)
    query = (
        select(func.count())
        .select_from(IMPORTED_TABLES[kind].join(daily_summary, and_(d.user_id == c.user_id, d.day == c.day)))
        .where(c.user_id == user_id, filled, c.matched_id.is_(None))
    )
    return connection.scalar(query) or 0


def filled_days(connection: Connection, user_id: int) -> int:
    """Return the number of the member's days that contain values from exports."""
    d = daily_summary.c
    query = select(func.count()).where(d.user_id == user_id, d.source.in_((FROM_EXPORT, FROM_BOTH)))
    return connection.scalar(query) or 0


def newest_rows(connection: Connection, count: int) -> list[dict[str, Any]]:
    """Return the newest daily rows of all members, newest day first."""
    query = (
        select(daily_summary)
        .order_by(daily_summary.c.day.desc(), daily_summary.c.user_id.desc())
        .limit(count)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def row_counts(
    database: Database, day: Column[date], members: Collection[int], first: date, last: date
) -> dict[date, int]:
    """Return day -> number of the members' rows in the table of this day column."""
    where = (day.table.c.user_id.in_(list(members)), day.between(first, last))
    with database.read() as connection:
        return dict(connection.execute(select(day, func.count()).where(*where).group_by(day)).all())
