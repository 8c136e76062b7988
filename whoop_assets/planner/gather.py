"""Gathering what the planner looks at: a fixed number of queries for all members together, nothing written.

Only what a rule can act on is fetched. Records are looked for within the last weeks, by the index of member and day;
of the older past the ledger of coverage alone is read, which grows with the number of readings, not of records.
"""

from collections import defaultdict
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, and_, func, or_, select

from whoop_assets.db.types import UtcDateTime
from whoop_assets.members import store as stored
from whoop_assets.members.tables import members
from whoop_assets.planner.facts import (
    ASKED_FOR,
    EVENTS,
    RECENT,
    SHORT_SILENCE,
    BudgetFacts,
    EventFacts,
    Facts,
    FailedLoad,
    Hole,
    KnownCycle,
    KnownSleep,
    MemberFacts,
    Read,
    StreamRead,
    UnsettledEvent,
)
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
from whoop_assets.request_budget.tables import (
    request_allowances,
    request_gate,
    request_grants,
    request_limits,
)
from whoop_assets.webhooks.row_locks import OPEN, PARKED
from whoop_assets.webhooks.tables import webhook_events

DAY_SECONDS = 86_400
FAILED_ATTEMPTS = 3
"""An event whose loading has failed so often is looked for by reading its day; before that it is left to its attempts."""

MOST_EVENTS = 2_000
CYCLES = "cycles"
WEBHOOK, BACKFILL = "webhook", "backfill"
_PENDING = "PENDING_SCORE"

Row = TypeVar("Row")
ByMember = dict[int, list[Row]]


def gather(
    connection: Connection, now: datetime, today: date, *, requests_per_day: int, only: int | None = None
) -> Facts:
    """The facts of every connected member, or of one; `today` is today's partition.

    `requests_per_day` is the configured limit, which WHOOP's own word replaces.
    """
    who = stored.listed(connection, stored.CONNECTED)
    known = _cycles(connection, now)
    slept = _sleeps(connection, now)
    read = _coverage(connection, now)
    failed = _failures(connection)
    unsettled = _events(connection, now)
    heard = _last_events(connection, now)
    ends = _first_and_latest(connection)
    profile = _snapshots(connection, profiles, today)
    body = _snapshots(connection, body_measurements, today)
    asked = _asked(connection, now)
    forced = pending(connection)
    found = []
    for member in who:
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
                cycles=tuple(sorted(known.get(key, ()))),
                sleeps=tuple(sorted(slept.get(key, ()))),
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
        now, tuple(found), _silences(connection, now), budget_facts(connection, now, requests_per_day)
    )


def _of_members(table: Any, since: date) -> Any:
    """The join by which each member's newest rows are found through the index of member and day.

    What comes of it is put in order in Python: asked for an order, SQLite goes through everybody's whole past by the index
    that has it.
    """
    return members.join(table, and_(table.c.user_id == members.c.user_id, table.c.day >= since))


def _cycles(connection: Connection, now: datetime) -> "ByMember[KnownCycle]":
    c = cycles.c
    query = (
        select(c.user_id, c.start_time, c.end_time, c.day, c.timezone_offset, c.score_state, c.created_at)
        .select_from(_of_members(cycles, (now - RECENT).date()))
        .where(members.c.status == stored.CONNECTED, c.deleted_at.is_(None))
    )
    found: ByMember[KnownCycle] = defaultdict(list)
    for user_id, start, end, day, offset, state, made_at in connection.execute(query):
        found[user_id].append(KnownCycle(start, end, day, offset_of(offset), state == _PENDING, made_at))
    return found


def _sleeps(connection: Connection, now: datetime) -> "ByMember[KnownSleep]":
    """The main sleeps of the last weeks, as far back as the cycles: a cycle of which none is given has none."""
    s, r = sleeps.c, recoveries.c
    of_recovery = and_(r.sleep_id == s.id, r.deleted_at.is_(None))
    query = (
        select(s.user_id, s.start_time, s.end_time, s.day, s.score_state, r.score_state, s.created_at)
        .select_from(_of_members(sleeps, (now - RECENT).date()).outerjoin(recoveries, of_recovery))
        .where(
            members.c.status == stored.CONNECTED,
            s.deleted_at.is_(None),
            s.nap.is_(False),
        )
    )
    found: ByMember[KnownSleep] = defaultdict(list)
    for user_id, start, end, *rest in connection.execute(query):
        if start is not None and end is not None:
            found[user_id].append(KnownSleep(start, end, *rest))
    return found


def _coverage(connection: Connection, now: datetime) -> dict[int, dict[str, StreamRead]]:
    """Everything of cycles and of the last weeks; of the older past of the other streams only where it has holes."""
    c = coverage.c
    spans: dict[tuple[int, str], list[Read]] = defaultdict(list)
    recent = select(c.user_id, c.stream, c.start_time, c.end_time, c.read_at).where(
        or_(c.stream == CYCLES, c.end_time > now - RECENT)
    )
    for user_id, stream, start, end, read_at in connection.execute(recent):
        spans[user_id, stream].append(Read(start, end, read_at))
    oldest: dict[tuple[int, str], datetime] = {}
    holes: dict[tuple[int, str], list[Hole]] = defaultdict(list)
    for user_id, stream, start, end_before in connection.execute(_edges(now)):
        if end_before is None:
            oldest[user_id, stream] = start
        else:
            holes[user_id, stream].append(Hole(end_before, start))
    found: dict[int, dict[str, StreamRead]] = defaultdict(dict)
    for key in spans.keys() | oldest.keys():
        ordered = sorted(spans.get(key, ()))
        between = [Hole(one.end, other.start) for one, other in pairwise(ordered) if one.end < other.start]
        start = min(
            [one.start for one in ordered[:1]] + [oldest[key]] if key in oldest else [ordered[0].start]
        )
        found[key[0]][key[1]] = StreamRead(
            start, tuple(ordered), tuple(sorted({*between, *holes.get(key, ())}))
        )
    return found


def _edges(now: datetime) -> Select[Any]:
    """Of the spans that begin in the older past: those that do not begin where another ends, with the end before them.

    A span that begins there may end later; of two that both do, the hole between them is found twice.
    """
    c = coverage.c
    before = func.lag(c.end_time, type_=UtcDateTime()).over(
        partition_by=(c.user_id, c.stream), order_by=c.start_time
    )
    rows = (
        select(c.user_id, c.stream, c.start_time, before.label("before"))
        .where(c.stream != CYCLES, c.start_time < now - RECENT + timedelta(days=1))
        .subquery()
    )
    return select(rows).where(or_(rows.c.before.is_(None), rows.c.start_time > rows.c.before))


def _first_and_latest(connection: Connection) -> dict[int, tuple[datetime, datetime, str]]:
    """Of each member with cycles: the starts of the first and the latest, and the latest one's offset."""
    # Looked up per member at the ends of the index: an aggregate would go through every cycle of everybody.
    one = cycles.alias()
    mine = select(one.c.start_time, one.c.id).where(
        one.c.user_id == members.c.user_id, one.c.deleted_at.is_(None)
    )
    first = mine.order_by(one.c.start_time).limit(1).with_only_columns(one.c.start_time)
    latest = mine.order_by(one.c.start_time.desc()).limit(1).with_only_columns(one.c.id)
    is_latest = cycles.c.id == latest.correlate(members).scalar_subquery()
    query = select(
        members.c.user_id,
        first.correlate(members).scalar_subquery(),
        cycles.c.start_time,
        cycles.c.timezone_offset,
    ).select_from(members.join(cycles, is_latest))
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


def _events(connection: Connection, now: datetime) -> "ByMember[UnsettledEvent]":
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
        .limit(MOST_EVENTS)
    )
    found: ByMember[UnsettledEvent] = defaultdict(list)
    for user_id, *rest in connection.execute(query):
        found[user_id].append(UnsettledEvent(*rest))
    return found


def _last_events(connection: Connection, now: datetime) -> dict[int, datetime]:
    c = webhook_events.c
    query = select(c.user_id, func.max(c.received_at)).where(c.received_at > now - EVENTS).group_by(c.user_id)
    return dict(connection.execute(query).all())


def _silences(connection: Connection, now: datetime) -> EventFacts:
    """The times at which no event of anybody came for a while.

    The distances between events are taken here, not in SQL, which has no way of subtracting times that both databases
    know.
    """
    c = webhook_events.c
    query = select(c.received_at).where(c.received_at > now - EVENTS).order_by(c.received_at)
    count, first, last = 0, None, None
    silences = []
    for moment in connection.scalars(query):
        if last is not None and moment - last >= SHORT_SILENCE:
            silences.append(Hole(last, moment))
        count, first, last = count + 1, first or moment, moment
    return EventFacts(count, first, last, tuple(silences))


def _snapshots(connection: Connection, table: Any, today: date) -> dict[int, datetime]:
    query = select(table.c.user_id, table.c.synced_at).where(table.c.day == today)
    return dict(connection.execute(query).all())


def _asked(connection: Connection, now: datetime) -> dict[int, datetime]:
    c = asked_readings.c
    return dict(connection.execute(select(c.user_id, c.asked_at).where(c.asked_at > now - ASKED_FOR)).all())


def budget_facts(connection: Connection, now: datetime, configured: int) -> BudgetFacts:
    """What the planner is told of the budget; `configured`: the limit of a day, which WHOOP's own word replaces."""
    c, g = request_grants.c, request_gate.c
    since = now - timedelta(seconds=DAY_SECONDS)
    of_lanes = [func.count().filter(c.lane == lane) for lane in (WEBHOOK, BACKFILL)]
    used, oldest, webhooks, backfills = connection.execute(
        select(func.count(), func.min(c.granted_at), *of_lanes).where(c.granted_at > since)
    ).one()
    stated = connection.scalar(
        select(request_limits.c.requests).where(request_limits.c.window_seconds == DAY_SECONDS)
    )
    closed = connection.scalar(select(g.not_before).where(g.not_before > now))
    limit = configured if stated is None else stated
    a = request_allowances.c
    # Where WHOOP says that less is left than we count, somebody else uses the same app.
    left = connection.scalar(select(a.remaining).where(a.window_seconds == DAY_SECONDS, a.until > now))
    if left is not None:
        used = max(used, limit - left)
    return BudgetFacts(limit, used, oldest, closed, webhooks, backfills)
