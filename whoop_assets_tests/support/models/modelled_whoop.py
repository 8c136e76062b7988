"""Models WHOOP on a virtual clock: nights, workouts, webhooks and corrections of many members, without HTTP
or SQL.

The planner is real. The model covers:

- members, who sleep once a day, wake near their usual hour, and sync some minutes later
- the cost of a task: pages of 25 records, where each page but the first repeats one record
- the result of a task: the records that WHOOP has created by then
"""

import random
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from whoop_assets.planner import FetchTask, Plan, PlannerSettings, plan
from whoop_assets.planner.facts import (
    EVENT_WINDOW,
    RECENT,
    BudgetFacts,
    CoveredSpan,
    EventFacts,
    Facts,
    KnownCycle,
    KnownSleep,
    MemberFacts,
    StreamCoverage,
    UnreadSpan,
)
from whoop_assets.records.coverage import Span, subtract
from whoop_assets.whoop_api.scopes import SCOPES
from whoop_assets.whoop_api.streams import SNAPSHOT_STREAMS, STREAMS
from whoop_assets.whoop_day import utc_bounds

ONE_DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
EVENT_COST = {"sleeps": 2, "recoveries": 1, "workouts": 1}
"""Requests per webhook: the record by its URL, and for a sleep also the cycles that it moved."""


@dataclass(frozen=True)
class Night:
    """A day's first sleep, from `start` to `end`; WHOOP creates its records at `made_at`."""

    day: date
    start: datetime
    end: datetime
    made_at: datetime
    workouts: tuple[datetime, ...]


@dataclass
class ModelledMember:
    """A member's records at WHOOP, and the part of them that is stored."""

    user_id: int
    offset: timedelta
    connected_at: datetime
    nights: list[Night]
    read: dict[str, list[CoveredSpan]] = field(default_factory=dict)
    cycles: dict[date, bool] = field(default_factory=dict)
    """Days with a stored cycle, and whether the stored cycle is closed."""
    sleeps: set[date] = field(default_factory=set)
    recoveries: set[date] = field(default_factory=set)
    last_event_at: datetime | None = None
    profile_read_at: datetime | None = None
    taken_off: tuple[date, date] | None = None

    def __post_init__(self) -> None:
        self._starts = [night.start for night in self.nights]
        self._by_day = {night.day: index for index, night in enumerate(self.nights)}
        self._facts: MemberFacts | None = None
        self._facts_at: date | None = None

    def changed(self) -> None:
        self._facts = None

    def created_nights(self, now: datetime) -> list[Night]:
        """Returns the nights that WHOOP has created by now, oldest first."""
        return self.nights[: bisect_right(self.nights, now, key=lambda night: night.made_at)]

    def between(self, span: Span) -> list[Night]:
        """Returns the nights that start in the span, oldest first."""
        return self.nights[bisect_left(self._starts, span.start) : bisect_left(self._starts, span.end)]

    def night(self, day: date) -> Night | None:
        index = self._by_day.get(day)
        return None if index is None else self.nights[index]

    def following(self, day: date) -> Night | None:
        index = self._by_day[day] + 1
        return self.nights[index] if index < len(self.nights) else None

    def facts(self, now: datetime) -> MemberFacts:
        """Returns the facts that `gather` would read from a database."""
        if self._facts is not None and self._facts_at == now.date():
            return self._facts
        back = (now - RECENT).date()
        cycles, sleeps = [], []
        for day in sorted(day for day in self.cycles if day >= back):
            night, after = self.night(day), self.following(day)
            assert night is not None
            end = after.start if self.cycles[day] and after is not None else None
            cycles.append(KnownCycle(night.start, end, day, self.offset, False, night.made_at))
            if day in self.sleeps:
                scored = "SCORED" if day in self.recoveries else None
                sleeps.append(KnownSleep(night.start, night.end, day, "SCORED", scored, night.made_at))
        known = sorted(self.cycles)
        ends = [self.night(day) for day in (known[:1] + known[-1:])]
        today = now.date()
        self._facts_at = today
        self._facts = MemberFacts(
            user_id=self.user_id,
            scopes=frozenset(SCOPES),
            connected_at=self.connected_at,
            offset=self.offset,
            first_cycle=ends[0].start if ends and ends[0] else None,
            latest_cycle=ends[-1].start if ends and ends[-1] else None,
            cycles=tuple(cycles),
            sleeps=tuple(sleeps),
            read={stream: _stream_read(spans, stream, now) for stream, spans in self.read.items() if spans},
            last_event_at=self.last_event_at,
            profile_read_at=(
                self.profile_read_at
                if self.profile_read_at is not None and self.profile_read_at.date() == today
                else None
            ),
            body_read=self.profile_read_at is not None and self.profile_read_at.date() == today,
        )
        return self._facts


def _stream_read(spans: list[CoveredSpan], stream: str, now: datetime) -> StreamCoverage:
    holes = tuple(
        UnreadSpan(before.end, after.start) for before, after in pairwise(spans) if after.start > before.end
    )
    recent = tuple(span for span in spans if stream == "cycles" or span.end > now - RECENT)
    return StreamCoverage(spans[0].start, recent, holes)


Event = tuple[datetime, ModelledMember, str, date]


@dataclass
class Rescore:
    """A record that WHOOP scores again at `at` without an event; `found`: when and by which task."""

    user_id: int
    stream: str
    day: date
    at: datetime
    found: tuple[datetime, FetchTask] | None = None


class ModelledWhoop:
    """Members, a clock, webhooks and sent requests."""

    def __init__(
        self,
        *,
        members: int,
        now: datetime,
        days: int,
        ahead: int = 100,
        seed: int = 1,
        webhooks: bool = False,
        per_day: int = 10_000,
        rules: PlannerSettings | None = None,
        zones: tuple[int, ...] = (-8, -5, 0, 1, 10),
    ) -> None:
        """Creates members with `days` of history and `ahead` days of future; nothing is stored yet."""
        self.now, self.webhooks, self.per_day = now, webhooks, per_day
        self.rules = rules or PlannerSettings((now - days * ONE_DAY).date(), now.date())
        self.members = [
            _member(1000 + number, timedelta(hours=zones[number % len(zones)]), now, days, ahead, seed)
            for number in range(members)
        ]
        self.by_id = {member.user_id: member for member in self.members}
        self.sent: list[datetime] = []
        self.by_reason: dict[str, int] = {}
        self.executed: list[tuple[datetime, FetchTask, int]] = []
        self.received: list[datetime] = []
        self.rescores: list[Rescore] = []
        self.dead = Span(now, now)
        """Webhooks of this span are lost."""
        self._events = sorted(
            (event for member in self.members for event in _announcements(member)), key=lambda event: event[0]
        )
        self._next = bisect_right([event[0] for event in self._events], now)
        if webhooks:
            # Webhooks have worked for two weeks, and all announced changes are stored.
            for at, member, _stream, _day in self._events[: self._next]:
                if at > now - EVENT_WINDOW:
                    self.received.append(at)
                    member.last_event_at = at

    def import_everything(self) -> None:
        """Stores all records, as after an import that has just ended."""
        for member in self.members:
            start = member.nights[0].start - ONE_DAY
            for stream in STREAMS:
                member.read[stream] = [CoveredSpan(start, self.now, self.now)]
            for night in member.created_nights(self.now):
                self._store(member, night.day, tuple(STREAMS))
            member.profile_read_at = self.now

    def spread_read_times(self) -> None:
        """Sets different read times for each 90 days of the past, as after a long time of rereading."""
        dice = random.Random("spread")
        for member in self.members:
            spans, end = [CoveredSpan(self.now - 31 * ONE_DAY, self.now, self.now)], self.now - 31 * ONE_DAY
            while end > member.nights[0].start - ONE_DAY:
                start = end - 90 * ONE_DAY
                interval = min(365 * ONE_DAY, max(14 * ONE_DAY, (self.now - end) / 3))
                spans.append(CoveredSpan(start, end, self.now - interval * dice.random()))
                end = start
            for stream in STREAMS:
                member.read[stream] = sorted(spans)
            member.changed()

    @property
    def next_event_at(self) -> datetime | None:
        return self._events[self._next][0] if self.webhooks and self._next < len(self._events) else None

    def events_within(self, span: Span) -> list[Event]:
        """Returns the webhooks of a span: time, member, stream and day."""
        return [event for event in self._events if span.start <= event[0] < span.end]

    def advance(self, to: datetime) -> None:
        """Advances the clock. Webhooks arrive, and the records that they announce are stored at once."""
        self.move_calendar(to)
        while self._next < len(self._events) and self._events[self._next][0] <= to:
            at, member, stream, day = self._events[self._next]
            self._next += 1
            if not self.webhooks or self.dead.start <= at < self.dead.end:
                continue
            self.received.append(at)
            member.last_event_at = at
            member.changed()
            self._send(EVENT_COST[stream], "webhooks")
            if stream != "workouts":
                self._store(member, day, ("cycles", stream))

    def move_calendar(self, to: datetime) -> None:
        """Sets the clock, and the last partition to that day in the easternmost zone."""
        self.now = to
        last = (to + 14 * timedelta(hours=1)).date()
        self.rules = replace(self.rules, last_day=max(self.rules.last_day, last))

    def facts(self) -> Facts:
        """Returns the facts that `gather` would read from a database."""
        since = self.now - EVENT_WINDOW
        received = self.received[bisect_right(self.received, since) :]
        first_at, last_at = (received[0], received[-1]) if received else (None, None)
        events = EventFacts(len(received), first_at, last_at)
        members = tuple(member.facts(self.now) for member in self.members)
        return Facts(self.now, members, events, self.budget_facts())

    def budget_facts(self) -> BudgetFacts:
        """Returns the daily limit and the requests of the last 24 hours."""
        recent = self.sent[bisect_right(self.sent, self.now - ONE_DAY) :]
        return BudgetFacts(self.per_day, len(recent), recent[0] if recent else None)

    def plan(self) -> Plan:
        return plan(self.facts(), self.rules)

    def run(self, until: datetime, *, step: timedelta = MINUTE) -> None:
        """Executes due tasks and advances the clock to the next task or webhook, until `until`."""
        while self.now < until:
            plan = self.plan()
            for task in plan.due:
                self.carry_out(task)
            upcoming = [at for at in (plan.next_at, self.next_event_at) if at is not None]
            next_time = min([self.now + step] if plan.due else (upcoming or [until]))
            self.advance(min(until, max(next_time, self.now + step)))

    def carry_out(self, task: FetchTask) -> int:
        """Stores what a load would store; returns the number of requests."""
        cost = sum(self.read_stream(task, stream) for stream in task.streams)
        self.done(task, cost)
        return cost

    def done(self, task: FetchTask, cost: int) -> None:
        """Records the task and the corrections that it found."""
        self.executed.append((self.now, task, cost))
        for rescore in self.rescores:
            if (
                rescore.found is None
                and (rescore.user_id, True) == (task.user_id, rescore.stream in task.streams)
                and task.first <= rescore.day <= task.last
                and rescore.at <= self.now
            ):
                rescore.found = (self.now, task)

    def read_stream(self, task: FetchTask, stream: str) -> int:
        """Sends the requests for a stream of a task and stores the result; returns their number."""
        member = self.by_id[task.user_id]
        member.changed()
        if stream in SNAPSHOT_STREAMS:
            self._send(1, task.reason.value)
            member.profile_read_at = self.now
            return 1
        return self._read(member, stream, task)

    def _read(self, member: ModelledMember, stream: str, task: FetchTask) -> int:
        cost = 0
        if stream != "cycles" and "cycles" not in task.streams:
            frontier = member.read.get("cycles", [])[-1:]
            if not frontier or frontier[0].read_at < task.since:
                cost += self._read(member, "cycles", task)
        span = self._span(member, stream, task)
        read_before = [
            Span(known.start, known.end)
            for known in member.read.get(stream, [])
            if known.read_at >= task.since
        ]
        parts = subtract(span, read_before)
        if not parts:
            return cost
        nights = self._nights(member, span)
        records = len(nights) if stream != "workouts" else sum(len(night.workouts) for night in nights)
        pages = max(len(parts), -(-records // 24))
        at = self.now
        self._send(pages, task.reason.value)
        covered = member.read.setdefault(stream, [])
        kept = [
            CoveredSpan(rest.start, rest.end, known.read_at)
            for known in covered
            for rest in subtract(Span(known.start, known.end), parts)
        ]
        member.read[stream] = sorted([*kept, *(CoveredSpan(part.start, part.end, at) for part in parts)])
        for night in nights:
            self._store(member, night.day, (stream,))
        return cost + pages

    def _nights(self, member: ModelledMember, span: Span) -> list[Night]:
        """Returns the nights of the span that WHOOP has created."""
        return [night for night in member.between(span) if night.made_at <= self.now]

    def _span(self, member: ModelledMember, stream: str, task: FetchTask) -> Span:
        start, end = utc_bounds(task.first, task.last)
        if stream != "cycles":
            first, after = member.night(task.first), member.night(task.last + ONE_DAY)
            start = first.start if first is not None else start + 12 * timedelta(hours=1)
            end = after.start if after is not None and after.day in member.cycles else self.now
        return Span(start, min(end, self.now))

    def _store(self, member: ModelledMember, day: date, streams: tuple[str, ...]) -> None:
        member.changed()
        if "cycles" in streams:
            after = member.following(day)
            member.cycles[day] = after is not None and after.made_at <= self.now
            before = day - ONE_DAY
            if before in member.cycles:
                member.cycles[before] = True
        if "sleeps" in streams:
            member.sleeps.add(day)
        if "recoveries" in streams:
            member.recoveries.add(day)

    def _send(self, requests: int, why: str) -> None:
        self.sent += [self.now] * requests
        self.by_reason[why] = self.by_reason.get(why, 0) + requests


def _member(
    user_id: int, offset: timedelta, now: datetime, days: int, ahead: int, seed: int
) -> ModelledMember:
    dice = random.Random(f"{seed}:{user_id}")
    first = (now - days * ONE_DAY).date()
    habit = dice.gauss(7.25, 0.7)
    nights = []
    for n in range(days + ahead):
        day = first + n * ONE_DAY
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) - offset
        weekend = 0.8 if day.weekday() >= 5 else 0.0
        end = midnight + timedelta(hours=habit + weekend + dice.gauss(0, 0.7))
        start = end - timedelta(hours=min(10.0, max(5.0, dice.gauss(7.7, 0.8))))
        delay = 9 if dice.random() < 0.5 else min(600.0, 9 + dice.expovariate(1 / 35))
        workouts = tuple(end + timedelta(hours=dice.uniform(1, 13)) for _ in range(dice.choice((0, 1, 1, 2))))
        nights.append(Night(day, start, end, end + timedelta(minutes=delay), tuple(sorted(workouts))))
    return ModelledMember(user_id, offset, now - days * ONE_DAY, nights)


def _announcements(member: ModelledMember) -> list[Event]:
    """Returns the member's webhooks, sent some seconds after each change; every third sleep changes twice."""
    found = []
    for number, night in enumerate(member.nights):
        for stream, seconds in (("sleeps", 5), ("recoveries", 8)):
            found.append((night.made_at + timedelta(seconds=seconds), member, stream, night.day))
        if number % 3 == 0:
            found.append((night.made_at + timedelta(hours=1), member, "sleeps", night.day))
        for workout in night.workouts:
            found.append((workout + timedelta(hours=1, minutes=5), member, "workouts", night.day))
    return found
