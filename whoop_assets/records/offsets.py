"""Offsets from UTC that members have had, from their cycles."""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from whoop_assets.records.day_assignment import offset_of
from whoop_assets.records.tables import cycles

Observed = tuple[datetime, timedelta]
"""An instant, and the member's offset from UTC at that instant."""


def newest_offsets(connection: Connection, user_ids: Collection[int]) -> dict[int, timedelta]:
    """Return the offset of each member's newest cycle."""
    c = cycles.c
    alive = (c.user_id.in_(list(user_ids)), c.deleted_at.is_(None))
    newest = (
        select(c.user_id, func.max(c.start_time).label("start")).where(*alive).group_by(c.user_id).subquery()
    )
    query = select(c.user_id, c.timezone_offset).join(
        newest, (newest.c.user_id == c.user_id) & (newest.c.start == c.start_time)
    )
    return {user_id: offset_of(text) for user_id, text in connection.execute(query.where(*alive))}


def observed_offsets(connection: Connection, user_id: int, *, limit: int) -> list[Observed]:
    """Return start and offset of the member's newest cycles, newest first."""
    c = cycles.c
    query = select(c.start_time, c.timezone_offset).where(c.user_id == user_id, c.deleted_at.is_(None))
    rows = connection.execute(query.order_by(c.start_time.desc()).limit(limit))
    return [(start, offset_of(text)) for start, text in rows]
