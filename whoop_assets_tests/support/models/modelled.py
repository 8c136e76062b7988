"""A modelled WHOOP on a virtual clock: nights, workouts, webhooks and re-scores of many members, without HTTP
or SQL.

Real is the planner. Modelled are the members (they sleep once a day, are up at their hour give or take one,
sync some minutes later), what a reading costs (pages of 25 records, of which each but the first repeats one),
and what it
finds: what WHOOP has made of the days asked for by then.
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
from whoop_assets.planner.fetch_tasks import RECORDS, SNAPSHOTS
from whoop_assets.records.coverage import Span, subtract
from whoop_assets.whoop_api.scopes import SCOPES
from whoop_assets.whoop_day import utc_bounds

ONE_DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
EVENT_COST = {"sleeps": 2, "recoveries": 1, "workouts": 1}
"""Requests for one webhook: the record's own URL, and for a sleep the cycles that it moved."""


@dataclass(frozen=True)
class Night:
    """The night a day begins with: asleep at `start`, awake at `end`, processed by WHOOP at `made_at`."""

    day: date
    start: datetime
    end: datetime
    made_at: datetime
    workouts: tuple[datetime, ...]


@dataclass
class ModelledMember:
    """What WHOOP has of a member, and what we have read of it."""

    user_id: int
    offset: timedelta
    connected_at: datetime
    nights: list[Night]
    read: dict[str, list[CoveredSpan]] = field(default_factory=dict)
    cycles: dict[date, bool] = field(default_factory=dict)
    """Known days, and whether we know that the cycle has closed."""
    sleeps: set[date] = field(default_factory=set)
    recoveries: set[date] = field(default_factory=set)
    last_event_at: datetime | None = None
    profile_read_at: datetime | None = None
    taken_off: tuple[date, date] | None = None

    def __post_init__(self) -> None:
        self._starts = [night.start for night in self.nights]
        self._by_day = {night.day: place for place, night in enumerate(self.nights)}
        self._facts: MemberFacts | None = None
        self._facts_at: date | None = None

    def changed(self) -> None:
        self._facts = None

    def made(self, now: datetime) -> list[Night]:
        """The nights that WHOOP has processed by now, oldest first."""
        return self.nights[: bisect_right(self.nights, now, key=lambda night: night.made_at)]

    def between(self, span: Span) -> list[Night]:
        """The nights that start in the span, oldest first."""
        return self.nights[bisect_left(self._starts, span.start) : bisect_left(self._starts, span.end)]

    def night(self, day: date) -> Night | None:
        place = self._by_day.get(day)
        return None if place is None else self.nights[place]

    def following(self, day: date) -> Night | None:
        place = self._by_day[day] + 1
        return self.nights[place] if place < len(self.nights) else None

    def facts(self, now: datetime) -> MemberFacts:
        """What the warehouse would say."""
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
    recent = tuple(one for one in spans if stream == "cycles" or one.end > now - RECENT)
    return StreamCoverage(spans[0].start, recent, holes)


Event = tuple[datetime, ModelledMember, str, date]


@dataclass
class Rescore:
    """A record that WHOOP scores anew at `at`, without telling; `found`: when and by which reading."""

    user_id: int
    stream: str
    day: date
    at: datetime
    found: tuple[datetime, FetchTask] | None = None


class ModelledWhoop:
    """Members, a clock, webhooks, and the requests that were sent."""

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
        """`days` of history, `ahead` of future; everything up to now has been read a moment ago."""
        self.now, self.webhooks, self.per_day = now, webhooks, per_day
        self.rules = rules or PlannerSettings((now - days * ONE_DAY).date(), now.date())
        self.members = [
            _member(1000 + place, timedelta(hours=zones[place % len(zones)]), now, days, ahead, seed)
            for place in range(members)
        ]
        self.by_id = {member.user_id: member for member in self.members}
        self.sent: list[datetime] = []
        self.by_reason: dict[str, int] = {}
        self.readings: list[tuple[datetime, FetchTask, int]] = []
        self.received: list[datetime] = []
        self.rescores: list[Rescore] = []
        self.dead = Span(now, now)
        """While webhooks get lost."""
        self._events = sorted(
            (event for member in self.members for event in _announcements(member)), key=lambda event: event[0]
        )
        self._next = bisect_right([event[0] for event in self._events], now)
        if webhooks:
            # They have worked for two weeks, and everything they announced is here.
            for at, member, _stream, _day in self._events[: self._next]:
                if at > now - EVENT_WINDOW:
                    self.received.append(at)
                    member.last_event_at = at

    def know_everything(self) -> None:
        """As after an import: all of it was read just now."""
        for member in self.members:
            start = member.nights[0].start - ONE_DAY
            for stream in RECORDS:
                member.read[stream] = [CoveredSpan(start, self.now, self.now)]
            for night in member.made(self.now):
                self._learn(member, night.day, RECORDS)
            member.profile_read_at = self.now

    def spread(self) -> None:
        """As after some time of running: the past was not read in one go, but 90 days at a time, over their
        intervals.
        """
        dice = random.Random("spread")
        for member in self.members:
            parts, end = [CoveredSpan(self.now - 31 * ONE_DAY, self.now, self.now)], self.now - 31 * ONE_DAY
            while end > member.nights[0].start - ONE_DAY:
                start = end - 90 * ONE_DAY
                interval = min(365 * ONE_DAY, max(14 * ONE_DAY, (self.now - end) / 3))
                parts.append(CoveredSpan(start, end, self.now - interval * dice.random()))
                end = start
            for stream in RECORDS:
                member.read[stream] = sorted(parts)
            member.changed()

    @property
    def next_event_at(self) -> datetime | None:
        return self._events[self._next][0] if self.webhooks and self._next < len(self._events) else None

    def events_within(self, span: Span) -> list[Event]:
        """The webhooks of that time: when, whose, of which stream and day."""
        return [event for event in self._events if span.start <= event[0] < span.end]

    def advance(self, to: datetime) -> None:
        """Let time pass: webhooks come, and what they announce is loaded at once."""
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
                self._learn(member, day, ("cycles", stream))

    def move_calendar(self, to: datetime) -> None:
        """It is then, and the partitions go on until that day in the easternmost zone."""
        self.now = to
        last = (to + 14 * timedelta(hours=1)).date()
        self.rules = replace(self.rules, last_day=max(self.rules.last_day, last))

    def facts(self) -> Facts:
        """What the warehouse would say of everybody."""
        since = self.now - EVENT_WINDOW
        heard = self.received[bisect_right(self.received, since) :]
        first_at, last_at = (heard[0], heard[-1]) if heard else (None, None)
        events = EventFacts(len(heard), first_at, last_at)
        members = tuple(member.facts(self.now) for member in self.members)
        return Facts(self.now, members, events, self.budget_facts())

    def budget_facts(self) -> BudgetFacts:
        """What was sent in the last day."""
        recent = self.sent[bisect_right(self.sent, self.now - ONE_DAY) :]
        return BudgetFacts(self.per_day, len(recent), recent[0] if recent else None)

    def plan(self) -> Plan:
        return plan(self.facts(), self.rules)

    def run(self, until: datetime, *, step: timedelta = MINUTE) -> None:
        """Live until then: what is due is read, then the clock moves on to what comes next."""
        while self.now < until:
            made = self.plan()
            for reading in made.due:
                self.carry_out(reading)
            upcoming = [at for at in (made.next_at, self.next_event_at) if at is not None]
            to = min([self.now + step] if made.due else (upcoming or [until]))
            self.advance(min(until, max(to, self.now + step)))

    def carry_out(self, reading: FetchTask) -> int:
        """Do what a load would; the requests that it costs."""
        cost = sum(self.read_stream(reading, stream) for stream in reading.streams)
        self.done(reading, cost)
        return cost

    def done(self, reading: FetchTask, cost: int) -> None:
        """Note the reading, and the re-scores that it has found."""
        self.readings.append((self.now, reading, cost))
        for rescore in self.rescores:
            if (
                rescore.found is None
                and (rescore.user_id, True) == (reading.user_id, rescore.stream in reading.streams)
                and reading.first <= rescore.day <= reading.last
                and rescore.at <= self.now
            ):
                rescore.found = (self.now, reading)

    def read_stream(self, reading: FetchTask, stream: str) -> int:
        """Send the requests that the stream needs, and know then what they have found; how many they were."""
        member = self.by_id[reading.user_id]
        member.changed()
        if stream in SNAPSHOTS:
            self._send(1, reading.reason.value)
            member.profile_read_at = self.now
            return 1
        return self._read(member, stream, reading)

    def _read(self, member: ModelledMember, stream: str, reading: FetchTask) -> int:
        cost = 0
        if stream != "cycles" and "cycles" not in reading.streams:
            frontier = member.read.get("cycles", [])[-1:]
            if not frontier or frontier[0].read_at < reading.since:
                cost += self._read(member, "cycles", reading)
        span = self._span(member, stream, reading)
        fresh = [
            Span(one.start, one.end) for one in member.read.get(stream, []) if one.read_at >= reading.since
        ]
        parts = subtract(span, fresh)
        if not parts:
            return cost
        nights = self._nights(member, span)
        records = len(nights) if stream != "workouts" else sum(len(night.workouts) for night in nights)
        pages = max(len(parts), -(-records // 24))
        at = self.now
        self._send(pages, reading.reason.value)
        covered = member.read.setdefault(stream, [])
        kept = [
            CoveredSpan(rest.start, rest.end, one.read_at)
            for one in covered
            for rest in subtract(Span(one.start, one.end), parts)
        ]
        member.read[stream] = sorted([*kept, *(CoveredSpan(part.start, part.end, at) for part in parts)])
        for night in nights:
            self._learn(member, night.day, (stream,))
        return cost + pages

    def _nights(self, member: ModelledMember, span: Span) -> list[Night]:
        """Those of the span that WHOOP has processed."""
        return [night for night in member.between(span) if night.made_at <= self.now]

    def _span(self, member: ModelledMember, stream: str, reading: FetchTask) -> Span:
        start, end = utc_bounds(reading.first, reading.last)
        if stream != "cycles":
            first, after = member.night(reading.first), member.night(reading.last + ONE_DAY)
            start = first.start if first is not None else start + 12 * timedelta(hours=1)
            end = after.start if after is not None and after.day in member.cycles else self.now
        return Span(start, min(end, self.now))

    def _learn(self, member: ModelledMember, day: date, streams: tuple[str, ...]) -> None:
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
    """The webhooks that WHOOP sends for the member: some seconds after the change; every third sleep changes
    twice.
    """
    found = []
    for place, night in enumerate(member.nights):
        for stream, seconds in (("sleeps", 5), ("recoveries", 8)):
            found.append((night.made_at + timedelta(seconds=seconds), member, stream, night.day))
        if place % 3 == 0:
            found.append((night.made_at + timedelta(hours=1), member, "sleeps", night.day))
        for workout in night.workouts:
            found.append((workout + timedelta(hours=1, minutes=5), member, "workouts", night.day))
    return found
