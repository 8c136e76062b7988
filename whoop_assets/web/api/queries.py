"""Queries of the daily API: pages of daily rows that a reader may read, and the freshness of recoveries.

Every query for a reader joins `reader_members`, so it returns only rows of members whom the reader may read.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, ScalarSelect, Select, and_, func, or_, select

from whoop_assets.app_export.tables import imported_cycles
from whoop_assets.db.statements import upsert
from whoop_assets.db.types import UtcDateTime
from whoop_assets.members import store as stored
from whoop_assets.members.tables import members, reader_members
from whoop_assets.planner.tables import asked_readings
from whoop_assets.records.day_assignment import offset_of
from whoop_assets.records.tables import coverage, cycles, recoveries
from whoop_assets.summaries.tables import daily_summary
from whoop_assets.whoop_api.streams import CYCLES, RECOVERIES
from whoop_assets.whoop_day import local_date

MIN_ASK_INTERVAL = timedelta(minutes=5)
"""Opening today requests a reading of the member at most this often."""

LOOKED_BACK = timedelta(days=14)
"""Changes of recoveries are looked up this far back: all observed restatements are within it."""

STALE_WITHOUT, STALE_WITH = timedelta(minutes=5), timedelta(hours=3)
"""Age of the last request after which today's recovery is stale: without a stored recovery, and with one."""


NAMES = tuple(column.name for column in daily_summary.columns)
_PLACE = {name: place for place, name in enumerate(NAMES)}
_STAMPS = ("user_id", "day", "built_at", "last_recovery_synced_at")

Row = Sequence[Any]
Place = tuple[date, int]
"""Position of a page's last row: its day and member."""


@dataclass(frozen=True, slots=True)
class Question:
    """The rows of a page: days first..last, of one member or of all members of the reader, by day and member.

    `after` is the position of the previous page's last row, so rows that are added or deleted between two
    pages shift no other row. `limit` is the maximum number of rows.
    """

    reader_id: int
    first: date
    last: date
    limit: int
    member: int | None = None
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class RowPage:
    """Rows with the values of NAMES in that order, and whether more rows follow."""

    rows: list[Row]
    more: bool

    @property
    def end(self) -> Place | None:
        """Position of the last row; None if this is the last page."""
        if not self.more:
            return None
        return self.rows[-1][_PLACE["day"]], self.rows[-1][_PLACE["user_id"]]

    @property
    def stamp(self) -> str:
        """A hash that changes when the page changes."""
        return _stamp(([row[_PLACE[name]] for name in _STAMPS] for row in self.rows), self.more)


def page(connection: Connection, asked: Question) -> RowPage:
    return RowPage(*_read(connection, asked, NAMES))


def stamp(connection: Connection, asked: Question) -> str:
    """Return the page's current stamp from four columns, without reading the whole page."""
    return _stamp(*_read(connection, asked, _STAMPS))


def _read(connection: Connection, asked: Question, names: Iterable[str]) -> tuple[list[Row], bool]:
    """Read these columns of the page's rows, and whether more rows follow."""
    keys = _keys(asked).subquery()
    query = (
        select(*(daily_summary.columns[name] for name in names))
        .join(keys, and_(daily_summary.c.user_id == keys.c.user_id, daily_summary.c.day == keys.c.day))
        .order_by(daily_summary.c.day, daily_summary.c.user_id)
    )
    rows: list[Row] = list(connection.execute(query).all())
    return rows[: asked.limit], len(rows) > asked.limit


def _stamp(rows: Iterable[Row], more: bool) -> str:
    """Hash the key and the times of change of each row.

    A change of a row renews `built_at`; a confirmation renews only the time of confirmation. A count with a
    maximum is not enough, because a transaction can commit after another one that began later.
    """
    digest = hashlib.sha256(repr((NAMES, more)).encode())
    for row in rows:
        digest.update(repr(tuple(row)).encode())
    return digest.hexdigest()[:32]


def _keys(asked: Question) -> Select[Any]:
    """Select the keys of the page's rows and of one more, from the index of the primary key alone."""
    c, allowed = daily_summary.c, reader_members.c
    query = (
        select(c.user_id, c.day)
        .join(reader_members, allowed.user_id == c.user_id)
        .where(allowed.reader_id == asked.reader_id, c.day.between(asked.first, asked.last))
        .order_by(c.day, c.user_id)
        .limit(asked.limit + 1)
    )
    if asked.member is not None:
        query = query.where(allowed.user_id == asked.member)
    if asked.after is not None:
        day, user_id = asked.after
        query = query.where(or_(c.day > day, and_(c.day == day, c.user_id > user_id)))
    return query


@dataclass(frozen=True, slots=True)
class RecoveryStatus:
    """How fresh a member's stored recovery is at a moment, without a request to WHOOP.

    `schemas.RecoveryStatusRow` describes the values. A time is None if it is not known.
    """

    at: datetime
    connected: bool
    user_id: int
    today: date
    today_exists: bool
    recovery_exists: bool
    recovery_changed_at: datetime | None
    recovery_looked_at: datetime | None
    reading_asked_at: datetime | None

    @property
    def is_stale(self) -> bool:
        after = STALE_WITH if self.recovery_exists else STALE_WITHOUT
        return self.recovery_looked_at is None or self.at - self.recovery_looked_at >= after

    @property
    def worth_asking(self) -> bool:
        """Whether opening the day should request a reading: stale and not requested lately."""
        asked_at = self.reading_asked_at
        lately = asked_at is not None and self.at - asked_at < MIN_ASK_INTERVAL
        return self.connected and self.is_stale and not lately


def recovery_status(
    connection: Connection, reader_id: int | None, now: datetime, member: int | None = None
) -> list[RecoveryStatus]:
    """Return the status of one member, or of all that the reader may read, by id.

    The number of queries does not grow with the members.
    """
    since = now.date() - LOOKED_BACK
    has_recovery = {
        (user_id, day): bool(recovery)
        for user_id, day, recovery in connection.execute(_days_of(reader_id, member, now.date()))
    }
    confirmed = {
        user_id: (changed_at, synced_at)
        for user_id, changed_at, synced_at in connection.execute(_recoveries_of(reader_id, member, since))
    }
    found = []
    for user_id, status, offset, asked_at, recoveries_read_at, cycles_read_at in connection.execute(
        _members_of(reader_id, member)
    ):
        today = local_date(now, timedelta(0) if offset is None else offset_of(offset))
        here = (user_id, today)
        changed_at, synced_at = confirmed.get(user_id, (None, None))
        looks = [recoveries_read_at, synced_at]
        if here not in has_recovery:
            # WHOOP makes cycle, sleep and recovery together: without a cycle there is no recovery.
            looks.append(cycles_read_at)
        found.append(
            RecoveryStatus(
                now,
                status == stored.CONNECTED,
                user_id,
                today,
                here in has_recovery,
                has_recovery.get(here, False),
                changed_at,
                max((at for at in looks if at is not None), default=None),
                asked_at,
            )
        )
    return found


def opened_today(connection: Connection, asked: Question, now: datetime) -> list[RecoveryStatus]:
    """Return the status of members whose local date is a requested day and not before the page."""
    today, one_day = now.date(), timedelta(days=1)
    # The requested days can be all dates from year 1 to 9999.
    if not (today - one_day <= asked.last and today + one_day >= asked.first):
        return []  # these days are today in no time zone
    return [
        one
        for one in recovery_status(connection, asked.reader_id, now, asked.member)
        if asked.first <= one.today <= asked.last
        and (asked.after is None or asked.after < (one.today, one.user_id))
    ]


def ask(connection: Connection, user_ids: Iterable[int], at: datetime) -> None:
    """Request a reading of these members' last days, at most once in `MIN_ASK_INTERVAL`."""
    for user_id in sorted(user_ids):
        if not stored.exists(connection, user_id):
            continue  # the member was erased meanwhile
        statement = upsert(connection, asked_readings).values(user_id=user_id, asked_at=at)
        statement = statement.on_conflict_do_update(
            index_elements=["user_id"],
            set_={"asked_at": at},
            where=asked_readings.c.asked_at <= at - MIN_ASK_INTERVAL,
        )
        connection.execute(statement)


def _visible(column: Column[Any], reader_id: int | None, member: int | None) -> ColumnElement[bool]:
    """Restrict to the members that the reader may read, and to one member if given.

    Without a reader, `member` is the signed-in member.
    """
    if reader_id is None:
        return column == member
    c = reader_members.c
    allowed = select(c.user_id).where(c.reader_id == reader_id)
    if member is not None:
        allowed = allowed.where(c.user_id == member)
    return column.in_(allowed)


def _members_of(reader_id: int | None, member: int | None) -> Select[Any]:
    # One look-up per member at the end of an index. An aggregate would read all rows of all members.
    def newest(column: Column[Any], *where: ColumnElement[bool]) -> ScalarSelect[Any]:
        c = column.table.c
        return (
            select(column)
            .where(c.user_id == members.c.user_id, *where)
            .order_by(c.start_time.desc())
            .limit(1)
            .correlate(members)
            .scalar_subquery()
        )

    offset = func.coalesce(
        newest(cycles.c.timezone_offset, cycles.c.deleted_at.is_(None)),
        newest(imported_cycles.c.timezone_offset),
    )
    query = (
        select(
            members.c.user_id,
            members.c.status,
            offset,
            asked_readings.c.asked_at,
            newest(coverage.c.read_at, coverage.c.stream == RECOVERIES.name),
            newest(coverage.c.read_at, coverage.c.stream == CYCLES.name),
        )
        .outerjoin(asked_readings, asked_readings.c.user_id == members.c.user_id)
        .order_by(members.c.user_id)
    )
    return query.where(_visible(members.c.user_id, reader_id, member))


def _days_of(reader_id: int | None, member: int | None, today: date) -> Select[Any]:
    # A member's local date differs from UTC's by at most a day.
    c, one_day = daily_summary.c, timedelta(days=1)
    # A day from an export has no time of reading, and an unscored recovery has no value.
    recovery = or_(c.last_recovery_synced_at.is_not(None), c.recovery_score.is_not(None))
    query = select(c.user_id, c.day, recovery).where(c.day.between(today - one_day, today + one_day))
    return query.where(_visible(c.user_id, reader_id, member))


def _recoveries_of(reader_id: int | None, member: int | None, since: date) -> Select[Any]:
    c = recoveries.c
    query = (
        select(
            c.user_id, func.max(c.changed_at, type_=UtcDateTime()), func.max(c.synced_at, type_=UtcDateTime())
        )
        .where(c.day >= since, c.deleted_at.is_(None))
        .group_by(c.user_id)
    )
    return query.where(_visible(c.user_id, reader_id, member))
