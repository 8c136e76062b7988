"""The modelled WHOOP with the real request budget, on a virtual clock.

Real are the planner, the grouping of tasks into runs, the run slots per lane of dagster.yaml, and the budget
with its tables. In addition to `modelled_whoop`, the model covers:

- a run starts `RUN_START_DELAY` after its request, and a request takes `REQUEST_DURATION`
- a run reads one stream after the other, and each stream member by member
- a run that the budget refuses records its unread tasks as failed loads
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
from whoop_assets_tests.support.models.modelled_whoop import (
    EVENT_COST,
    MINUTE,
    ONE_DAY,
    Event,
    ModelledMember,
    ModelledWhoop,
)
from whoop_assets_tests.support.models.virtual_time import VirtualTime

SECOND = timedelta(seconds=1)
RUN_START_DELAY, EVENTS_RUN_START_DELAY = 6 * SECOND, 4 * SECOND
REQUEST_DURATION = 0.3 * SECOND
WEBHOOK = "webhook"
SINK_SLOTS = 2
"""Run slots reserved for Notion and Iceberg; the model treats them as always used."""
SLOTS = yaml.safe_load((Path(__file__).parents[3] / "dagster.yaml").read_text())["concurrency"]["runs"]


@dataclass
class ModelledRun:
    """A queued or active run."""

    lane: str
    execute: Callable[[RequestBudget], None]
    in_flight: InFlight | None = None


@dataclass
class OpenEvent:
    """A webhook event with a change that is not stored yet."""

    member: ModelledMember
    stream: str
    day: date
    at: datetime
    due: datetime


@dataclass
class BudgetedCounts:
    """BudgetedCounts since the last `reset_counts`."""

    requests: Counter[str] = field(default_factory=Counter)
    """Requests by reason."""
    lanes: Counter[str] = field(default_factory=Counter)
    """Requests by lane."""
    waits: dict[str, list[timedelta]] = field(default_factory=lambda: {lane: [] for lane in LANES})
    """Waiting times for the budget, by lane."""
    refused: Counter[str] = field(default_factory=Counter)
    """Runs that the budget refused, by lane."""
    nights: list[tuple[int, timedelta]] = field(default_factory=list)
    """Members, and the time from the creation of a night at WHOOP to the storage of its recovery."""
    announced: list[timedelta] = field(default_factory=list)
    """Times from a webhook to the storage of its change."""
    open_events: int = 0
    """Maximum at one time."""
    queued: int = 0
    """Maximum number of runs that wait for a slot."""


class BudgetedWhoop(ModelledWhoop):
    """Members, webhooks, runs with slots, and the budget, on one virtual clock."""

    def __init__(
        self,
        folder: Path,
        *,
        members: int,
        now: datetime,
        days: int,
        plan_interval: timedelta = MINUTE,
        ahead: int = 100,
        seed: int = 1,
        webhooks: bool = True,
        per_minute: int = 100,
        per_day: int = 10_000,
        zones: tuple[int, ...] = (-8, -5, 0, 1, 10),
    ) -> None:
        """Creates members without stored data; `folder` holds the budget's database."""
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
        self.counts = BudgetedCounts()
        self.complete: dict[int, dict[int, datetime]] = {}
        """Member -> days back -> when all later days were read. The key 0 means the whole history."""
        self.milestones: tuple[int, ...] = ()
        self.plan_interval = plan_interval
        self._connected_on: dict[int, date] = {}
        self._not_connected: set[int] = set()
        self._queues: dict[str, deque[ModelledRun]] = {lane: deque() for lane in LANES}
        self._running: list[ModelledRun] = []
        self._open_events: list[OpenEvent] = []
        self._days_loading: set[date] = set()
        self._failed: dict[int, list[FailedLoad]] = {}
        self._current = threading.local()
        """Budget and lane of the active run of a thread."""
        self._planned_at: datetime | None = None
        self._next_plan: datetime | None = None
        self._changed = True

    # Members

    def leave(self, members: Iterable[ModelledMember]) -> None:
        """Removes members, who connect later."""
        removed = {member.user_id for member in members}
        self.members = [member for member in self.members if member.user_id not in removed]
        self._not_connected |= removed

    def connect(self, members: Iterable[ModelledMember], *, milestones: tuple[int, ...]) -> None:
        """Connects members without stored data; `milestones` are the days back that `complete` records."""
        self.milestones = milestones
        for member in members:
            if member.user_id in self._not_connected:
                self._not_connected.discard(member.user_id)
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
        self._changed = True

    def forget_events(self) -> None:
        """Deletes all events, as in a new deployment."""
        self.received.clear()
        for member in self.members:
            member.last_event_at = None
            member.changed()

    def reset_counts(self) -> None:
        """Starts counting again at zero."""
        self.counts = BudgetedCounts()

    # Time

    def run_until(self, until: datetime, *, done: Callable[[], bool] = lambda: False) -> None:
        """Runs until `until`, or until `done` returns true, which is evaluated once per tick."""
        if self._planned_at is None:
            self._tick()
            self._announce_next()
        while self.time.now() < until and not done():
            self.time.run(min(until, self.time.now() + self.plan_interval))
        self.now = self.time.now()

    def close(self) -> None:
        self.time.end()
        self.database.close()

    def _tick(self) -> None:
        """Evaluates the sensor; without a change since the last tick, plans only when a task is due."""
        self.now = self._planned_at = self.time.now()
        self.time.at(self.now + self.plan_interval, self._tick)
        if not self._changed and self._next_plan is not None and self.now < self._next_plan:
            return
        self.advance(self.now)
        plan = self.plan()
        self._next_plan, self._changed = plan.next_at, False
        in_flight = [run.in_flight for run in self._all_runs() if run.in_flight is not None]
        for group in runs_of(plan.due, in_flight):
            self._queue(
                ModelledRun(
                    group.any.lane,
                    partial(self._carry_out, group=group),
                    _in_flight(group),
                )
            )

    def _all_runs(self) -> list[ModelledRun]:
        return [*self._running, *(run for queue in self._queues.values() for run in queue)]

    # Webhooks

    def advance(self, to: datetime) -> None:
        """Advances only the calendar; webhooks arrive at their own time, and runs load them."""
        self.move_calendar(to)

    def _announce_next(self) -> None:
        if self._next < len(self._events) and self.webhooks:
            event = self._events[self._next]
            self._next += 1
            self.time.at(event[0], lambda: self._receive(event))

    def _receive(self, event: Event) -> None:
        at, member, stream, day = event
        self._announce_next()
        if self.dead.start <= at < self.dead.end or member.user_id in self._not_connected:
            return
        self.received.append(at)
        member.last_event_at = at
        member.changed()
        self._open_events.append(OpenEvent(member, stream, day, at, at))
        self.counts.open_events = max(self.counts.open_events, len(self._open_events))
        self._load_events(day)

    def _load_events(self, day: date) -> None:
        """Requests a run for the due events of a day, unless such a run exists."""
        now = self.time.now()
        if day not in self._days_loading and any(
            event.day == day and event.due <= now for event in self._open_events
        ):
            self._days_loading.add(day)
            self._queue(ModelledRun(WEBHOOK, lambda budget: self._load_day(budget, day)))

    def _load_day(self, budget: RequestBudget, day: date) -> None:
        due = [event for event in self._open_events if event.day == day and event.due <= self.time.now()]
        try:
            for event in due:
                for _ in range(EVENT_COST[event.stream]):
                    self._request(budget, WEBHOOK, WEBHOOK)
                self._open_events.remove(event)
                self.counts.announced.append(self.now - event.at)
                if event.stream != "workouts":
                    self._store(event.member, event.day, ("cycles", event.stream))
                event.member.changed()
        except BudgetExhausted as error:
            retry_at = max(error.retry_at, self.time.now() + MINUTE)
            for event in due:
                if event in self._open_events:
                    event.due = retry_at
            self.time.at(retry_at, lambda: self._load_events(day))
            raise
        finally:
            self._days_loading.discard(day)
            self.time.at(self.time.now() + SECOND, lambda: self._load_events(day))

    # Runs

    def _queue(self, run: ModelledRun) -> None:
        self._queues[run.lane].append(run)
        self.counts.queued = max(self.counts.queued, sum(len(queue) for queue in self._queues.values()))
        self._start_runs()

    def _start_runs(self) -> None:
        """Starts queued runs while slots are free; runs of webhooks have the highest priority."""
        limits = {
            limit["value"]: limit["limit"]
            for limit in SLOTS["tag_concurrency_limits"]
            if limit["key"] == LANE_TAG and "value" in limit
        }
        for lane, queue in self._queues.items():
            while (
                queue
                and len(self._running) < SLOTS["max_concurrent_runs"] - SINK_SLOTS
                and sum(run.lane == lane for run in self._running) < limits.get(lane, len(self._running) + 1)
            ):
                run = queue.popleft()
                self._running.append(run)
                self.time.begin(lambda run=run: self._run(run))  # type: ignore[misc]

    def _run(self, run: ModelledRun) -> None:
        self.time.sleep((EVENTS_RUN_START_DELAY if run.lane == WEBHOOK else RUN_START_DELAY).total_seconds())
        budget = RequestBudget(
            self.database, per_minute=self.per_minute, per_day=self.per_day, used_by=run.lane
        )
        try:
            run.execute(budget)
        except BudgetExhausted:
            self.counts.refused[run.lane] += 1
        self._running.remove(run)
        self._changed = True
        self._start_runs()

    def _carry_out(self, budget: RequestBudget, group: Group) -> None:
        refusal: BudgetExhausted | None = None
        self._current.budget, self._current.lane = budget, group.any.lane
        for stream in group.any.streams:
            for task in group.tasks:
                self.now = self.time.now()
                if refusal is None:
                    try:
                        cost = self.read_stream(task, stream)
                    except BudgetExhausted as error:
                        refusal = error
                    else:
                        self._forget_failures(task, stream)
                        self.done(task, cost)
                        continue
                self._record_failure(task, stream)
        for task in group.tasks:
            self._record_milestones(task.user_id)
        if refusal is not None:
            raise refusal

    def _send(self, requests: int, why: str) -> None:
        for _ in range(requests):
            self._request(self._current.budget, self._current.lane, why)

    def _request(self, budget: RequestBudget, lane: str, why: str) -> None:
        """Sends one request in a slot of the budget. Raises BudgetExhausted."""
        requested_at = self.time.now()
        slot = budget.acquire(lane)
        self.sent.append(slot)
        self.counts.waits[lane].append(slot - requested_at)
        self.counts.lanes[lane] += 1
        self.counts.requests[why] += 1
        self.time.sleep(REQUEST_DURATION.total_seconds())
        self.now = self.time.now()

    def _store(self, member: ModelledMember, day: date, streams: tuple[str, ...]) -> None:
        night = member.night(day)
        new = night is not None and "recoveries" in streams and day not in member.recoveries
        if night is not None and new and night.made_at > member.connected_at:
            self.counts.nights.append((member.user_id, self.now - night.made_at))
        super()._store(member, day, streams)

    # Input of the planner

    def budget_facts(self) -> BudgetFacts:
        with self.database.read() as connection:
            return gather.budget_facts(connection, self.now, self.per_day)

    def facts(self) -> Facts:
        all_facts = super().facts()
        failed = {user_id: tuple(found) for user_id, found in self._failed.items() if found}
        if not failed:
            return all_facts
        members = tuple(
            replace(member, failures=failed[member.user_id]) if member.user_id in failed else member
            for member in all_facts.members
        )
        return replace(all_facts, members=members)

    def _record_failure(self, task: FetchTask, stream: str) -> None:
        failed = self._failed.setdefault(task.user_id, [])
        same = [
            load
            for load in failed
            if (load.stream, load.first_day, load.last_day) == (stream, task.first, task.last)
        ]
        first_at = same[0].first_failed_at if same else self.now
        self._failed[task.user_id] = [
            *(load for load in failed if load not in same),
            FailedLoad(stream, task.first, task.last, True, first_at, self.now),
        ]

    def _forget_failures(self, task: FetchTask, stream: str) -> None:
        failed = self._failed.get(task.user_id)
        if failed:
            self._failed[task.user_id] = [
                load
                for load in failed
                if load.stream != stream or not (task.first <= load.first_day and load.last_day <= task.last)
            ]

    # First imports

    def progress(self, member: ModelledMember) -> Progress:
        """Returns the progress of the member's first import, as `whoop-assets members` prints it."""
        return progress(MemberView(member.facts(self.now), self.rules, self.now))

    def _record_milestones(self, user_id: int) -> None:
        reached = self.complete.get(user_id)
        if reached is None or 0 in reached:
            return
        now_read = self.progress(self.by_id[user_id])
        for days in self.milestones:
            back = self._connected_on[user_id] - (days - 1) * ONE_DAY
            if now_read.complete or (days and now_read.back_to is not None and now_read.back_to <= back):
                reached.setdefault(days, self.now)


def _in_flight(group: Group) -> InFlight:
    """Returns the run as the sensor reads it from the Dagster instance."""
    task = group.any
    return InFlight(
        frozenset(group.members),
        frozenset(task.streams),
        task.first.isoformat(),
        task.last.isoformat(),
        planned=True,
    )
