"""Counts how far a member's daily summaries come from imported exports."""

from sqlalchemy import Connection, and_, func, select

from whoop_assets.app_export.tables import IMPORTED_TABLES
from whoop_assets.summaries.daily.exported import FROM_BOTH, FROM_EXPORT
from whoop_assets.summaries.tables import daily_summary


def filling(connection: Connection, user_id: int, kind: str) -> int:
    """Returns the number of imported rows of the kind whose values are in a daily summary."""
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
    """Returns the number of the member's days that contain values from exports."""
    d = daily_summary.c
    query = select(func.count()).where(d.user_id == user_id, d.source.in_((FROM_EXPORT, FROM_BOTH)))
    return connection.scalar(query) or 0
