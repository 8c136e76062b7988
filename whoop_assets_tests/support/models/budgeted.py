"""The modelled WHOOP with the real request budget: runs in slots, each request let through by
`RequestBudget`, lanes and all.

Real are the planner, what the sensor of readings makes of its plan, the slots by lane of the repository's
dagster.yaml, and the budget with its tables, on a virtual clock. Modelled, beside what `modelled` says: a run
begins `RUN_BEGINS` after it was asked for and a request takes `REQUEST_TAKES`; a run reads stream by stream,
member after member, as a load does; a run that the budget turns away leaves what it has not read, which is
then held back as a failed load is.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path

import yaml

from whoop_assets.db.database import Database
from whoop_assets.defs.assets.loading import LANE_TAG
from whoop_assets.defs.sensors.readings import InFlight, runs_of
from whoop_assets.errors import BudgetExhausted
from whoop_assets.planner import FetchTask, gather
from whoop_assets.planner.current_plan import Group
from whoop_assets.planner.facts import BudgetFacts, Facts, FailedLoad
from whoop_assets.planner.history import Progress, progress
from whoop_assets.planner.member_view import MemberView
from whoop_assets.request_budget.budget import RequestBudget
from whoop_assets.request_budget.lanes import LANES
from whoop_assets.schema import prepare
from whoop_assets_tests.support.models.modelled import (
    EVENT_COST,
    MINUTE,
    ONE_DAY,
    Event,
    ModelledMember,
    ModelledWhoop,
)
from whoop_assets_tests.support.models.virtual_time import VirtualTime

SECOND = timedelta(seconds=1)
RUN_BEGINS, EVENTS_RUN_BEGINS = 6 * SECOND, 4 * SECOND
REQUEST_TAKES = 0.3 * SECOND
WEBHOOK = "webhook"
SINKS = 2
"""Slots that Notion's and Iceberg's runs have for themselves; taken to be always in use."""
SLOTS = yaml.safe_load((Path(__file__).parents[3] / "dagster.yaml").read_text())["concurrency"]["runs"]


@dataclass
class Run:
    """A run that is queued or under way."""

    lane: str
    does: Callable[[RequestBudget], None]
    in_flight: InFlight | None = None


@dataclass
class Heard:
    """A webhook event that is open."""

    member: ModelledMember
    stream: str
    day: date
    at: datetime
    due: datetime


@dataclass
class Counts:
    """What happened since the last `forget`."""

    requests: Counter[str] = field(default_factory=Counter)
    """By reason."""
    lanes: Counter[str] = field(default_factory=Counter)
    waits: dict[str, list[timedelta]] = field(default_factory=lambda: {lane: [] for lane in LANES})
    """How long requests waited for the budget, by lane."""
    refused: Counter[str] = field(default_factory=Counter)
    """Runs that the budget turned away, by lane."""
    nights: list[tuple[int, timedelta]] = field(default_factory=list)
    """Member, and the time from WHOOP's making of a night to its recovery's being stored, announced or found.
    """
    announced: list[timedelta] = field(default_factory=list)
    """From WHOOP's POST to the change's being stored."""
    open_events: int = 0
    """The most at a time."""
    queued: int = 0
    """The most runs waiting for a slot."""


class BudgetedWhoop(ModelledWhoop):
    """Members, webhooks, runs and their slots, and the budget, on one virtual clock."""

    def __init__(
        self,
        folder: Path,
        *,
        members: int,
        now: datetime,
        days: int,
        look_every: timedelta = MINUTE,
        ahead: int = 100,
        seed: int = 1,
        webhooks: bool = True,
        per_minute: int = 100,
        per_day: int = 10_000,
        zones: tuple[int, ...] = (-8, -5, 0, 1, 10),
    ) -> None:
        """`folder`: for the budget's database.

        Everybody is as `ModelledWhoop` makes them: nothing is read.
        """
        super().__init__(
            members=members,
            now=now,
            days=days,
            ahead=ahead,
            seed=seed,
            webhooks=webhooks,
            per_day=per_day,
            zones=zones,
        )
        self.time = VirtualTime(now)
        self.database = Database(f"sqlite:///{folder / 'budget.db'}", self.time)
        prepare(self.database)
        self.per_minute = per_minute
        self.counts = Counts()
        self.complete: dict[int, dict[int, datetime]] = {}
        """Member -> days back -> when everything from then on had been read; 0: everything there is."""
        self.milestones: tuple[int, ...] = ()
        self.look_every = look_every
        self._connected_on: dict[int, date] = {}
        self._away: set[int] = set()
        self._queues: dict[str, deque[Run]] = {lane: deque() for lane in LANES}
        self._running: list[Run] = []
        self._heard: list[Heard] = []
        self._loading: set[date] = set()
        self._failed: dict[int, list[FailedLoad]] = {}
        self._of_run = threading.local()
        """The budget and the lane of the run whose turn it is."""
        self._looked_on: datetime | None = None
        self._next_plan: datetime | None = None
        self._moved = True

    # Members

    def leave(self, members: Iterable[ModelledMember]) -> None:
        """These have not connected yet."""
        gone = {member.user_id for member in members}
        self.members = [member for member in self.members if member.user_id not in gone]
        self._away |= gone

    def connect(self, members: Iterable[ModelledMember], *, milestones: tuple[int, ...]) -> None:
        """These connect now, and nothing of theirs is read; `milestones`: days back that are waited for."""
        self.milestones = milestones
        for member in members:
            if member.user_id in self._away:
                self._away.discard(member.user_id)
                self.members.append(member)
            member.connected_at = self.time.now()
            member.read.clear()
            member.cycles.clear()
            member.sleeps.clear()
            member.recoveries.clear()
            member.profile_read_at = member.last_event_at = None
            member.changed()
            self.complete[member.user_id] = {}
            self._connected_on[member.user_id] = self.time.now().date()
        self._moved = True

    def forget_webhooks(self) -> None:
        """As in a deployment that is new: none has come yet."""
        self.received.clear()
        for member in self.members:
            member.last_event_at = None
            member.changed()

    def forget(self) -> None:
        """Count anew from now on."""
        self.counts = Counts()

    # Time

    def live(self, until: datetime, *, done: Callable[[], bool] = lambda: False) -> None:
        """Live until then, or until `done`, which is asked once in a look."""
        if self._looked_on is None:
            self._look()
            self._announce_next()
        while self.time.now() < until and not done():
            self.time.run(min(until, self.time.now() + self.look_every))
        self.now = self.time.now()

    def close(self) -> None:
        self.time.end()
        self.database.close()

    def _look(self) -> None:
        """The sensor's tick. Without a change since the last tick, no new plan is made before its time."""
        self.now = self._looked_on = self.time.now()
        self.time.at(self.now + self.look_every, self._look)
        if not self._moved and self._next_plan is not None and self.now < self._next_plan:
            return
        self.advance(self.now)
        made = self.plan()
        self._next_plan, self._moved = made.next_at, False
        flights = [run.in_flight for run in self._all() if run.in_flight is not None]
        for group in runs_of(made.due, flights):
            self._queue(
                Run(
                    group.any.lane,
                    partial(self._carry_out, group=group),
                    _as_flight(group),
                )
            )

    def _all(self) -> list[Run]:
        return [*self._running, *(run for queue in self._queues.values() for run in queue)]

    # Webhooks

    def advance(self, to: datetime) -> None:
        """Only the calendar moves on; webhooks come at their own time, and are loaded by runs."""
        self.move_calendar(to)

    def _announce_next(self) -> None:
        if self._next < len(self._events) and self.webhooks:
            event = self._events[self._next]
            self._next += 1
            self.time.at(event[0], lambda: self._announced(event))

    def _announced(self, event: Event) -> None:
        at, member, stream, day = event
        self._announce_next()
        if self.dead.start <= at < self.dead.end or member.user_id in self._away:
            return
        self.received.append(at)
        member.last_event_at = at
        member.changed()
        self._heard.append(Heard(member, stream, day, at, at))
        self.counts.open_events = max(self.counts.open_events, len(self._heard))
        self._load_events(day)

    def _load_events(self, day: date) -> None:
        """Ask for a run of the day's events unless one is under way."""
        now = self.time.now()
        if day not in self._loading and any(one.day == day and one.due <= now for one in self._heard):
            self._loading.add(day)
            self._queue(Run(WEBHOOK, lambda budget: self._load_day(budget, day)))

    def _load_day(self, budget: RequestBudget, day: date) -> None:
        due = [one for one in self._heard if one.day == day and one.due <= self.time.now()]
        try:
            for one in due:
                for _ in range(EVENT_COST[one.stream]):
                    self._request(budget, WEBHOOK, WEBHOOK)
                self._heard.remove(one)
                self.counts.announced.append(self.now - one.at)
                if one.stream != "workouts":
                    self._learn(one.member, one.day, ("cycles", one.stream))
                one.member.changed()
        except BudgetExhausted as error:
            again = max(error.retry_at, self.time.now() + MINUTE)
            for one in due:
                if one in self._heard:
                    one.due = again
            self.time.at(again, lambda: self._load_events(day))
            raise
        finally:
            self._loading.discard(day)
            self.time.at(self.time.now() + SECOND, lambda: self._load_events(day))

    # Runs

    def _queue(self, run: Run) -> None:
        self._queues[run.lane].append(run)
        self.counts.queued = max(self.counts.queued, sum(len(queue) for queue in self._queues.values()))
        self._start_runs()

    def _start_runs(self) -> None:
        """Those that find a slot, the webhooks' first, as their runs have the higher priority."""
        limits = {
            one["value"]: one["limit"]
            for one in SLOTS["tag_concurrency_limits"]
            if one["key"] == LANE_TAG and "value" in one
        }
        for lane, queue in self._queues.items():
            while (
                queue
                and len(self._running) < SLOTS["max_concurrent_runs"] - SINKS
                and sum(run.lane == lane for run in self._running) < limits.get(lane, len(self._running) + 1)
            ):
                run = queue.popleft()
                self._running.append(run)
                self.time.begin(lambda run=run: self._run(run))  # type: ignore[misc]

    def _run(self, run: Run) -> None:
        self.time.sleep((EVENTS_RUN_BEGINS if run.lane == WEBHOOK else RUN_BEGINS).total_seconds())
        budget = RequestBudget(
            self.database, per_minute=self.per_minute, per_day=self.per_day, used_by=run.lane
        )
        try:
            run.does(budget)
        except BudgetExhausted:
            self.counts.refused[run.lane] += 1
        self._running.remove(run)
        self._moved = True
        self._start_runs()

    def _carry_out(self, budget: RequestBudget, group: Group) -> None:
        turned_away: BudgetExhausted | None = None
        self._of_run.budget, self._of_run.lane = budget, group.any.lane
        for stream in group.any.streams:
            for reading in group.tasks:
                self.now = self.time.now()
                if turned_away is None:
                    try:
                        cost = self.read_stream(reading, stream)
                    except BudgetExhausted as error:
                        turned_away = error
                    else:
                        self._mended(reading, stream)
                        self.done(reading, cost)
                        continue
                self._fails(reading, stream)
        for reading in group.tasks:
            self._look_at_milestones(reading.user_id)
        if turned_away is not None:
            raise turned_away

    def _send(self, requests: int, why: str) -> None:
        for _ in range(requests):
            self._request(self._of_run.budget, self._of_run.lane, why)

    def _request(self, budget: RequestBudget, lane: str, why: str) -> None:
        """One request, let through by the budget. Raises BudgetExhausted."""
        asked = self.time.now()
        let_through = budget.acquire(lane)
        self.sent.append(let_through)
        self.counts.waits[lane].append(let_through - asked)
        self.counts.lanes[lane] += 1
        self.counts.requests[why] += 1
        self.time.sleep(REQUEST_TAKES.total_seconds())
        self.now = self.time.now()

    def _learn(self, member: ModelledMember, day: date, streams: tuple[str, ...]) -> None:
        night = member.night(day)
        new = night is not None and "recoveries" in streams and day not in member.recoveries
        if night is not None and new and night.made_at > member.connected_at:
            self.counts.nights.append((member.user_id, self.now - night.made_at))
        super()._learn(member, day, streams)

    # What the planner is told

    def budget_facts(self) -> BudgetFacts:
        with self.database.read() as connection:
            return gather.budget_facts(connection, self.now, self.per_day)

    def facts(self) -> Facts:
        known = super().facts()
        failed = {user_id: tuple(found) for user_id, found in self._failed.items() if found}
        if not failed:
            return known
        members = tuple(
            replace(one, failures=failed[one.user_id]) if one.user_id in failed else one
            for one in known.members
        )
        return replace(known, members=members)

    def _fails(self, reading: FetchTask, stream: str) -> None:
        failed = self._failed.setdefault(reading.user_id, [])
        same = [
            one
            for one in failed
            if (one.stream, one.first_day, one.last_day) == (stream, reading.first, reading.last)
        ]
        first_at = same[0].first_failed_at if same else self.now
        self._failed[reading.user_id] = [
            *(one for one in failed if one not in same),
            FailedLoad(stream, reading.first, reading.last, True, first_at, self.now),
        ]

    def _mended(self, reading: FetchTask, stream: str) -> None:
        failed = self._failed.get(reading.user_id)
        if failed:
            self._failed[reading.user_id] = [
                one
                for one in failed
                if one.stream != stream
                or not (reading.first <= one.first_day and one.last_day <= reading.last)
            ]

    # First imports

    def progress(self, member: ModelledMember) -> Progress:
        """How far the member's history is read, as `whoop-assets members` tells it."""
        return progress(MemberView(member.facts(self.now), self.rules, self.now))

    def _look_at_milestones(self, user_id: int) -> None:
        reached = self.complete.get(user_id)
        if reached is None or 0 in reached:
            return
        at = self.progress(self.by_id[user_id])
        for days in self.milestones:
            back = self._connected_on[user_id] - (days - 1) * ONE_DAY
            if at.complete or (days and at.back_to is not None and at.back_to <= back):
                reached.setdefault(days, self.now)


def _as_flight(group: Group) -> InFlight:
    """The run as the sensor sees it on the instance."""
    one = group.any
    return InFlight(
        frozenset(group.members),
        frozenset(one.streams),
        one.first.isoformat(),
        one.last.isoformat(),
        planned=True,
    )
