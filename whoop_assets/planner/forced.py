"""Readings that a member forced: months are read again, whatever was read before."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, and_, func, select

from whoop_assets.db.statements import upsert
from whoop_assets.members import store as member_store
from whoop_assets.planner.facts import ForcedReading
from whoop_assets.planner.tables import forced_readings
from whoop_assets.records.tables import coverage

FORCED_DAYS = timedelta(days=182)
MIN_FORCE_INTERVAL = timedelta(hours=1)
"""A member who requests it again earlier changes nothing."""

_EDGE = timedelta(days=2)
"""A reading of days begins with the first day's cycle, which can start this much later in UTC."""


class ForcedProgress(NamedTuple):
    """A forced reading and its progress, 0 to 1."""

    asked_at: datetime
    share: float


def force(connection: Connection, user_id: int, at: datetime, first_partition: date) -> bool:
    """Request the last months of a member again; return False if that was requested a short time ago.

    Args:
        at: The database's time.
        first_partition: No earlier day is read.
    """
    if not member_store.exists(connection, user_id):
        return False
    first = max((at - FORCED_DAYS).date(), first_partition)
    statement = upsert(connection, forced_readings).values(user_id=user_id, asked_at=at, first_day=first)
    statement = statement.on_conflict_do_update(
        index_elements=["user_id"],
        set_={"asked_at": at, "first_day": first},
        where=forced_readings.c.asked_at <= at - MIN_FORCE_INTERVAL,
    )
    return bool(connection.execute(statement).rowcount == 1)


def pending(connection: Connection) -> Mapping[int, ForcedReading]:
    """Return the forced readings that are not complete, by member."""
    streams: dict[int, set[str]] = defaultdict(set)
    asked: dict[int, tuple[datetime, date]] = {}
    f, c = forced_readings.c, coverage.c
    query = (
        select(f.user_id, f.asked_at, f.first_day, c.stream, func.max(c.end_time, type_=c.end_time.type))
        .join(coverage, and_(c.user_id == f.user_id, c.read_at < f.asked_at))
        .group_by(f.user_id, f.asked_at, f.first_day, c.stream)
    )
    for user_id, asked_at, first_day, stream, end in connection.execute(query):
        if end > _start(first_day):
            streams[user_id].add(stream)
            asked[user_id] = (asked_at, first_day)
    return {
        user_id: ForcedReading(*asked[user_id], tuple(sorted(found))) for user_id, found in streams.items()
    }


def progress(connection: Connection, user_id: int, streams: Collection[str]) -> ForcedProgress | None:
    """Return the member's last forced reading and its progress; None if the member never requested one.

    Args:
        streams: The streams that the member's scopes permit to read; the others are not read again.
    """
    f, c = forced_readings.c, coverage.c
    row = connection.execute(select(f.asked_at, f.first_day).where(f.user_id == user_id)).first()
    if row is None:
        return None
    start = _start(row.first_day)
    done = total = timedelta(0)
    spans = select(c.start_time, c.end_time, c.read_at).where(
        c.user_id == user_id, c.stream.in_(streams), c.end_time > start
    )
    for span_start, span_end, read_at in connection.execute(spans):
        length = span_end - max(span_start, start)
        total += length
        done += length if read_at >= row.asked_at else timedelta(0)
    return ForcedProgress(row.asked_at, done / total if total else 0.0)


def _start(first_day: date) -> datetime:
    return datetime(first_day.year, first_day.month, first_day.day, tzinfo=UTC) + _EDGE
