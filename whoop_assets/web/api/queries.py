"""What the daily API reads: pages of daily rows within what a reader may see, and how fresh today's recovery is.

Every query goes through `reader_members`: there is no way to a row of somebody whom the reader may not read.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    func,
    or_,
    select,
)

from whoop_assets.app_export.tables import imported_cycles
from whoop_assets.db.statements import upsert
from whoop_assets.db.types import UtcDateTime
from whoop_assets.members import store as stored
from whoop_assets.members.tables import members, reader_members
from whoop_assets.planner.tables import asked_readings
from whoop_assets.records.day_assignment import offset_of
from whoop_assets.records.tables import coverage, cycles, recoveries
from whoop_assets.summaries.tables import daily_summary
from whoop_assets.whoop_day import local_date

AT_MOST_EVERY = timedelta(minutes=5)
"""Opening today's day asks for a reading of the member at most so often."""

LOOKED_BACK = timedelta(days=14)
"""So far back a change of a recovery is looked for: all restatements that have been seen lie within."""

STALE_WITHOUT, STALE_WITH = timedelta(minutes=5), timedelta(hours=3)
"""So long after it was last looked for today's recovery is stale: while it is not here, and once it is."""


NAMES = tuple(column.name for column in daily_summary.columns)
_PLACE = {name: place for place, name in enumerate(NAMES)}
_STAMPS = tuple(_PLACE[name] for name in ("user_id", "day", "built_at", "last_recovery_synced_at"))

Row = Sequence[Any]
Place = tuple[date, int]
"""Where a page ends: the day and the member of its last row."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which rows: the days first..last, both included, of one member or of all that the reader may read.

    At most `limit` of them, in the order of day and member, behind the place where the page before ended. That place is
    what the rows themselves are ordered by: rows that come or go meanwhile shift nothing.
    """

    reader_id: int
    first: date
    last: date
    limit: int
    member: int | None = None
    after: Place | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows with the values of NAMES, in that order, and whether there are more behind them."""

    rows: list[Row]
    more: bool

    @property
    def end(self) -> Place | None:
        """Where the next page begins; None when there is none."""
        if not self.more:
            return None
        return self.rows[-1][_PLACE["day"]], self.rows[-1][_PLACE["user_id"]]

    @property
    def stamp(self) -> str:
        """A hash that differs when the page does."""
        return _stamp(([row[place] for place in _STAMPS] for row in self.rows), self.more)


def page(connection: Connection, asked: Question) -> Page:
    """A page of rows."""
    keys = _keys(asked).subquery()
    query = (
        select(daily_summary)
        .join(keys, and_(daily_summary.c.user_id == keys.c.user_id, daily_summary.c.day == keys.c.day))
        .order_by(daily_summary.c.day, daily_summary.c.user_id)
    )
    rows: list[Row] = list(connection.execute(query).all())
    return Page(rows[: asked.limit], len(rows) > asked.limit)


def stamp(connection: Connection, asked: Question) -> str:
    """The stamp that the page has now, without reading the page."""
    keys = _keys(asked).subquery()
    query = (
        select(*(daily_summary.columns[NAMES[place]] for place in _STAMPS))
        .join(keys, and_(daily_summary.c.user_id == keys.c.user_id, daily_summary.c.day == keys.c.day))
        .order_by(daily_summary.c.day, daily_summary.c.user_id)
    )
    rows = connection.execute(query).all()
    return _stamp(rows[: asked.limit], len(rows) > asked.limit)


def _stamp(rows: Iterable[Sequence[Any]], more: bool) -> str:
    """Of each row its key, and when it last changed: a row that changes gets a new `built_at`, or a new time of
    confirmation, which alone does not renew `built_at`. A count and a maximum would not do: a transaction may commit
    after another that began later.
    """
    digest = hashlib.sha256(repr((NAMES, more)).encode())
    for row in rows:
        digest.update(repr(tuple(row)).encode())
    return digest.hexdigest()[:32]


def _keys(asked: Question) -> Select[Any]:
    """The keys of the page's rows, and of one more: the index of the primary key holds all that this takes."""
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
    """How fresh a member's recovery is: an advice, from what is stored alone.

    `today`: the member's local date. `today_exists`: it has a daily row; `recovery_exists`: one with a recovery.
    `changed_at`: when a recovery of the last two weeks last changed; `looked_at`: when WHOOP was last asked for what today's
    would be in; `asked_at`: when a reader last asked for a reading. None: never, as far as is known.
    """

    user_id: int
    connected: bool
    today: date
    today_exists: bool
    recovery_exists: bool
    changed_at: datetime | None
    looked_at: datetime | None
    asked_at: datetime | None

    def stale(self, now: datetime) -> bool:
        """Whether today's recovery should be looked for again before it is believed to be the last word."""
        after = STALE_WITH if self.recovery_exists else STALE_WITHOUT
        return self.looked_at is None or now - self.looked_at >= after

    def worth_asking(self, now: datetime) -> bool:
        """Whether opening it should ask for a reading: it is stale, and nobody has asked for a few minutes."""
        lately = self.asked_at is not None and now - self.asked_at < AT_MOST_EVERY
        return self.connected and self.stale(now) and not lately


def recovery_status(
    connection: Connection, reader_id: int | None, now: datetime, member: int | None = None
) -> list[RecoveryStatus]:
    """Of one member, or of all that the reader may read, by id; a number of queries that does not grow with them."""
    who = connection.execute(_members_of(reader_id, member)).all()
    offsets = {user_id: offset for user_id, _, offset, *_ in who}
    today = {
        user_id: local_date(now, timedelta(0) if offset is None else offset_of(offset))
        for user_id, offset in offsets.items()
    }
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
    for user_id, status, _, asked_at, recoveries_read_at, cycles_read_at in who:
        here = (user_id, today[user_id])
        changed_at, synced_at = confirmed.get(user_id, (None, None))
        looks = [recoveries_read_at, synced_at]
        if here not in has_recovery:
            # Cycle, sleep and recovery are made together: where there is no cycle yet there is no recovery.
            looks.append(cycles_read_at)
        found.append(
            RecoveryStatus(
                user_id,
                status == stored.CONNECTED,
                today[user_id],
                here in has_recovery,
                has_recovery.get(here, False),
                changed_at,
                max((at for at in looks if at is not None), default=None),
                asked_at,
            )
        )
    return found


def opened_today(connection: Connection, asked: Question, now: datetime) -> list[RecoveryStatus]:
    """Of those members whose today is among the asked days; a page behind today's opens it no more."""
    today, one_day = now.date(), timedelta(days=1)
    # Asked may be all days that a date can say.
    if not (today - one_day <= asked.last and today + one_day >= asked.first):
        return []  # it is nobody's today, wherever they are
    return [
        one
        for one in recovery_status(connection, asked.reader_id, now, asked.member)
        if asked.first <= one.today <= asked.last
        and (asked.after is None or asked.after < (one.today, one.user_id))
    ]


def ask(connection: Connection, user_ids: Iterable[int], at: datetime) -> list[int]:
    """Ask for a reading of these members' last days; of whom nobody had asked for `AT_MOST_EVERY`."""
    asked = []
    for user_id in sorted(user_ids):
        if not stored.exists(connection, user_id):
            continue  # erased meanwhile: nothing of theirs comes back
        statement = upsert(connection, asked_readings).values(user_id=user_id, asked_at=at)
        statement = statement.on_conflict_do_update(
            index_elements=["user_id"],
            set_={"asked_at": at},
            where=asked_readings.c.asked_at <= at - AT_MOST_EVERY,
        )
        if connection.execute(statement).rowcount == 1:
            asked.append(user_id)
    return asked


def _visible(column: Any, reader_id: int | None, member: int | None) -> ColumnElement[bool]:
    """Restrict to the members that the reader may read, and to one member if given.

    Without a reader, `member` is the one who is signed in.
    """
    if reader_id is None:
        return cast("ColumnElement[bool]", column == member)
    c = reader_members.c
    allowed = select(c.user_id).where(c.reader_id == reader_id)
    if member is not None:
        allowed = allowed.where(c.user_id == member)
    return cast("ColumnElement[bool]", column.in_(allowed))


def _members_of(reader_id: int | None, member: int | None) -> Select[Any]:
    # Looked up per member at the end of an index: an aggregate would go through everybody's whole past.
    def offset(of: Table, *where: ColumnElement[bool]) -> Any:
        return (
            select(of.c.timezone_offset)
            .where(of.c.user_id == members.c.user_id, *where)
            .order_by(of.c.start_time.desc())
            .limit(1)
            .correlate(members)
            .scalar_subquery()
        )

    def frontier(stream: str) -> Any:
        return (
            select(coverage.c.read_at)
            .where(coverage.c.user_id == members.c.user_id, coverage.c.stream == stream)
            .order_by(coverage.c.start_time.desc())
            .limit(1)
            .correlate(members)
            .scalar_subquery()
        )

    query = (
        select(
            members.c.user_id,
            members.c.status,
            func.coalesce(offset(cycles, cycles.c.deleted_at.is_(None)), offset(imported_cycles)),
            asked_readings.c.asked_at,
            frontier("recoveries"),
            frontier("cycles"),
        )
        .outerjoin(asked_readings, asked_readings.c.user_id == members.c.user_id)
        .order_by(members.c.user_id)
    )
    return query.where(_visible(members.c.user_id, reader_id, member))


def _days_of(reader_id: int | None, member: int | None, today: date) -> Select[Any]:
    # A member's local date is at most a day from that of UTC.
    c, one_day = daily_summary.c, timedelta(days=1)
    # Of an export's day no reading is known, of one that is not scored no value.
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
