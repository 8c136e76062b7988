"""Reads the planner's facts with a fixed number of queries for all members.

Records of the last weeks are read through the index of member and day. For older days only the coverage
ledger is read, which grows with the number of loads and not of records.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from operator import attrgetter
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, true

from whoop_assets.db.types import UtcDateTime
from whoop_assets.members import store as stored
from whoop_assets.members.tables import members
from whoop_assets.planner.facts import (
    EVENT_WINDOW,
    MAX_REQUEST_AGE,
    RECENT,
    BudgetFacts,
    CoveredSpan,
    EventFacts,
    Facts,
    FailedEvent,
    FailedLoad,
    KnownCycle,
    KnownSleep,
    MemberFacts,
    StreamCoverage,
    UnreadSpan,
)
from whoop_assets.planner.fetch_tasks import BACKFILL
from whoop_assets.planner.forced import pending
from whoop_assets.planner.tables import asked_readings
from whoop_assets.records.day_assignment import offset_of
from whoop_assets.records.tables import (
    body_measurements,
    coverage,
    cycles,
    load_failures,
    profiles,
    recoveries,
    sleeps,
)
from whoop_assets.request_budget import stated_limits
from whoop_assets.request_budget.tables import request_grants
from whoop_assets.webhooks.inbox import OPEN, PARKED
from whoop_assets.webhooks.tables import webhook_events
from whoop_assets.whoop_api.streams import CYCLES

DAY_SECONDS = 86_400
FAILED_ATTEMPTS = 3
"""After so many failed attempts the day of an event is read."""

MAX_EVENTS = 2_000
WEBHOOK = "webhook"
_PENDING = "PENDING_SCORE"

Row = TypeVar("Row")
ByMember = dict[int, list[Row]]
_START = attrgetter("start")


def gather(
    connection: Connection, now: datetime, today: date, *, requests_per_day: int, only: int | None = None
) -> Facts:
    """Returns the facts of all connected members.

    Args:
        now: Time of the database clock.
        today: Today's partition.
        requests_per_day: Configured limit; a limit stated by WHOOP replaces it.
        only: Restricts the facts to this member, and the queries of many rows to the member's rows.
    """
    connected = stored.listed(connection, stored.CONNECTED)
    known = _cycles(connection, now, only)
    slept = _sleeps(connection, now, only)
    read = _coverage(connection, now, only)
    failed = _failures(connection)
    unsettled = _events(connection, now)
    heard = _last_events(connection, now, only)
    ends = _first_and_latest(connection, only)
    profile = _snapshots(connection, profiles, today)
    body = _snapshots(connection, body_measurements, today)
    asked = _asked(connection, now)
    forced = pending(connection)
    found = []
    for member in connected:
        key = member.user_id
        if only is not None and key != only:
            continue
        first, latest, offset = ends.get(key, (None, None, None))
        found.append(
            MemberFacts(
                user_id=key,
                scopes=member.scopes,
                connected_at=member.connected_at,
                offset=timedelta(0) if offset is None else offset_of(offset),
                first_cycle=first,
                latest_cycle=latest,
                cycles=tuple(sorted(known.get(key, ()), key=_START)),
                sleeps=tuple(sorted(slept.get(key, ()), key=_START)),
                read=read.get(key, {}),
                last_event_at=heard.get(key),
                failures=tuple(failed.get(key, ())),
                events=tuple(unsettled.get(key, ())),
                profile_read_at=profile.get(key),
                body_read=key in body,
                asked_at=asked.get(key),
                forced=forced.get(key),
            )
        )
    return Facts(
        now, tuple(found), _event_facts(connection, now), budget_facts(connection, now, requests_per_day)
    )


def _of(member: Any, only: int | None) -> ColumnElement[bool]:
    """Selects the rows of `only`, or of all members; `member` is the column with the member's id."""
    return true() if only is None else member == only


def _of_members(table: Any, since: date) -> Any:
    """Joins members with their rows since that day, through the index of member and day.

    Callers sort in Python: with ORDER BY, SQLite scans all rows of all members through another index.
    """
    return members.join(table, and_(table.c.user_id == members.c.user_id, table.c.day >= since))


def _cycles(connection: Connection, now: datetime, only: int | None) -> "ByMember[KnownCycle]":
    c = cycles.c
    query = (
        select(c.user_id, c.start_time, c.end_time, c.day, c.timezone_offset, c.score_state, c.created_at)
        .select_from(_of_members(cycles, (now - RECENT).date()))
        .where(members.c.status == stored.CONNECTED, _of(members.c.user_id, only), c.deleted_at.is_(None))
    )
    found: ByMember[KnownCycle] = defaultdict(list)
    for user_id, start, end, day, offset, state, made_at in connection.execute(query):
        found[user_id].append(KnownCycle(start, end, day, offset_of(offset), state == _PENDING, made_at))
    return found


def _sleeps(connection: Connection, now: datetime, only: int | None) -> "ByMember[KnownSleep]":
    """Reads the main sleeps, as far back as the cycles."""
    s, r = sleeps.c, recoveries.c
    of_recovery = and_(r.sleep_id == s.id, r.deleted_at.is_(None))
    query = (
        select(s.user_id, s.start_time, s.end_time, s.day, s.score_state, r.score_state, s.created_at)
        .select_from(_of_members(sleeps, (now - RECENT).date()).outerjoin(recoveries, of_recovery))
        .where(
            members.c.status == stored.CONNECTED,
            _of(members.c.user_id, only),
            s.deleted_at.is_(None),
            s.nap.is_(False),
        )
    )
    found: ByMember[KnownSleep] = defaultdict(list)
    for user_id, start, end, *rest in connection.execute(query):
        if start is not None and end is not None:
            found[user_id].append(KnownSleep(start, end, *rest))
    return found


def _coverage(
    connection: Connection, now: datetime, only: int | None
) -> dict[int, dict[str, StreamCoverage]]:
    """Reads all spans of cycles, recent spans of the other streams, and the older unread spans."""
    c = coverage.c
    spans: dict[tuple[int, str], list[CoveredSpan]] = defaultdict(list)
    recent = select(c.user_id, c.stream, c.start_time, c.end_time, c.read_at).where(
        _of(c.user_id, only), or_(c.stream == CYCLES.name, c.end_time > now - RECENT)
    )
    for user_id, stream, start, end, read_at in connection.execute(recent):
        spans[user_id, stream].append(CoveredSpan(start, end, read_at))
    oldest: dict[tuple[int, str], datetime] = {}
    unread: dict[tuple[int, str], list[UnreadSpan]] = defaultdict(list)
    for user_id, stream, start, end_before in connection.execute(_edges(now, only)):
        if end_before is None:
            oldest[user_id, stream] = start
        else:
            unread[user_id, stream].append(UnreadSpan(end_before, start))
    found: dict[int, dict[str, StreamCoverage]] = defaultdict(dict)
    for key in spans.keys() | oldest.keys():
        ordered = sorted(spans.get(key, ()))
        between = [
            UnreadSpan(one.end, other.start) for one, other in pairwise(ordered) if one.end < other.start
        ]
        start = min(
            [one.start for one in ordered[:1]] + [oldest[key]] if key in oldest else [ordered[0].start]
        )
        found[key[0]][key[1]] = StreamCoverage(
            start, tuple(ordered), tuple(sorted({*between, *unread.get(key, ())}))
        )
    return found


def _edges(now: datetime, only: int | None) -> Select[Any]:
    """Selects older spans that do not begin where the one before ends, with the end of the one before.

    A span that begins in the older past may end later. An unread span between two such spans is found twice.
    """
    c = coverage.c
    before = func.lag(c.end_time, type_=UtcDateTime()).over(
        partition_by=(c.user_id, c.stream), order_by=c.start_time
    )
    rows = (
        select(c.user_id, c.stream, c.start_time, before.label("before"))
        .where(_of(c.user_id, only), c.stream != CYCLES.name, c.start_time < now - RECENT + timedelta(days=1))
        .subquery()
    )
    return select(rows).where(or_(rows.c.before.is_(None), rows.c.start_time > rows.c.before))


def _first_and_latest(connection: Connection, only: int | None) -> dict[int, tuple[datetime, datetime, str]]:
    """Reads the starts of each member's first and latest cycle, and the latest one's offset."""
    # One lookup per member at the ends of the index. An aggregate would scan all cycles.
    one = cycles.alias()
    mine = select(one.c.start_time, one.c.id).where(
        one.c.user_id == members.c.user_id, one.c.deleted_at.is_(None)
    )
    first = mine.order_by(one.c.start_time).limit(1).with_only_columns(one.c.start_time)
    latest = mine.order_by(one.c.start_time.desc()).limit(1).with_only_columns(one.c.id)
    is_latest = cycles.c.id == latest.correlate(members).scalar_subquery()
    query = (
        select(
            members.c.user_id,
            first.correlate(members).scalar_subquery(),
            cycles.c.start_time,
            cycles.c.timezone_offset,
        )
        .select_from(members.join(cycles, is_latest))
        .where(_of(members.c.user_id, only))
    )
    return {
        user_id: (oldest, newest, offset) for user_id, oldest, newest, offset in connection.execute(query)
    }


def _failures(connection: Connection) -> "ByMember[FailedLoad]":
    c = load_failures.c
    query = select(
        c.user_id, c.stream, c.first_day, c.last_day, c.transient, c.first_failed_at, c.last_failed_at
    )
    found: ByMember[FailedLoad] = defaultdict(list)
    for user_id, *rest in connection.execute(query.order_by(c.user_id, c.stream, c.last_failed_at)):
        found[user_id].append(FailedLoad(*rest))
    return found


def _events(connection: Connection, now: datetime) -> "ByMember[FailedEvent]":
    c = webhook_events.c
    query = (
        select(c.user_id, c.stream, c.day, c.open_since)
        .where(
            c.state.in_((OPEN, PARKED)),
            c.received_at > now - RECENT,
            c.stream.is_not(None),
            or_(c.state == PARKED, c.attempts >= FAILED_ATTEMPTS),
        )
        .order_by(c.received_at.desc(), c.trace_id)
        .limit(MAX_EVENTS)
    )
    found: ByMember[FailedEvent] = defaultdict(list)
    for user_id, *rest in connection.execute(query):
        found[user_id].append(FailedEvent(*rest))
    return found


def _last_events(connection: Connection, now: datetime, only: int | None) -> dict[int, datetime]:
    c = webhook_events.c
    query = (
        select(c.user_id, func.max(c.received_at))
        .where(_of(c.user_id, only), c.received_at > now - EVENT_WINDOW)
        .group_by(c.user_id)
    )
    return dict(connection.execute(query).all())


def _event_facts(connection: Connection, now: datetime) -> EventFacts:
    received_at = webhook_events.c.received_at
    query = select(func.count(), func.min(received_at), func.max(received_at))
    return EventFacts(*connection.execute(query.where(received_at > now - EVENT_WINDOW)).one())


def _snapshots(connection: Connection, table: Any, today: date) -> dict[int, datetime]:
    query = select(table.c.user_id, table.c.synced_at).where(table.c.day == today)
    return dict(connection.execute(query).all())


def _asked(connection: Connection, now: datetime) -> dict[int, datetime]:
    c = asked_readings.c
    return dict(
        connection.execute(select(c.user_id, c.asked_at).where(c.asked_at > now - MAX_REQUEST_AGE)).all()
    )


def budget_facts(connection: Connection, now: datetime, configured: int) -> BudgetFacts:
    """Returns the use of the daily budget. A limit stated by WHOOP replaces the configured one."""
    c = request_grants.c
    since = now - timedelta(seconds=DAY_SECONDS)
    of_lanes = [func.count().filter(c.lane == lane) for lane in (WEBHOOK, BACKFILL)]
    used, oldest, webhooks, backfills = connection.execute(
        select(func.count(), func.min(c.granted_at), *of_lanes).where(c.granted_at > since)
    ).one()
    limit = stated_limits.read_limits(connection).get(DAY_SECONDS, configured)
    # WHOOP states a smaller rest if another program uses the same app.
    for window, left, *_ in stated_limits.read_allowances(connection, now):
        if window == DAY_SECONDS:
            used = max(used, limit - left)
    closed_until = stated_limits.read_gate(connection, now).not_before
    return BudgetFacts(limit, used, oldest, closed_until, webhooks, backfills)
