"""The child processes: simulator, webhook receiver, the daemon's ticks, and runs.

Each uses the product's own code on the shared clock. Wrappers only show which transaction, request or
delivery is open, so that the simulation can report where a kill hit.
"""

import traceback
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

from sqlalchemy import select

from whoop_assets.date_ranges import to_date_ranges
from whoop_assets.db.database import Database
from whoop_assets.defs.sensors.readings import run_key
from whoop_assets.defs.sensors.summaries import digest
from whoop_assets.defs.sensors.webhooks import Burst
from whoop_assets.errors import WhoopError
from whoop_assets.members import store as member_store
from whoop_assets.planner.current_plan import Group, grouped, plan_now, planner_settings_at
from whoop_assets.planner.fetch_tasks import SNAPSHOTS
from whoop_assets.records.stale_days import STALE_DAYS, STALE_TRENDS, STALE_WEEKS, Ledger
from whoop_assets.request_budget.budget import RequestBudget
from whoop_assets.settings import Settings
from whoop_assets.summaries.dependents import rebuild_trends, rebuild_weeks
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.sync.events.event_load import LANE
from whoop_assets.sync.events.load_events import (
    ANNOUNCED_STREAMS,
    MAX_EVENTS_PER_RUN,
    PartitionBounds,
    follow_touched,
    load_events,
    rebuild_touched,
)
from whoop_assets.sync.load_members import LoadRequest, LoadResult, load_members
from whoop_assets.sync.session import Connection
from whoop_assets.tokens import keep_alive
from whoop_assets.web.app import create_app
from whoop_assets.web.server import ServiceServer
from whoop_assets.webhooks import attempts, claims, event_days
from whoop_assets.webhooks.row_locks import OPEN, Event
from whoop_assets.webhooks.tables import webhook_events
from whoop_assets.whoop_api.oauth import OAuth, TokenPair
from whoop_assets_tests.support.simulated_weeks.shared_clock import (
    EPOCH,
    MICROSECOND,
    Activity,
    Page,
    SharedClock,
    WatchedDatabase,
)
from whoop_simulator.http.server import SimulatorServer
from whoop_simulator.world.world import World

SIMULATOR, RECEIVER, DAEMON, DRIVER, FIRST_RUN = 1, 2, 3, 4, 5
"""Slots in the shared memory."""
PLAN_EVERY = timedelta(seconds=60)
MAX_DAYS, MAX_READINGS = 20, 10
"""Maximum number of runs that one tick requests, as in the sensors."""
LEDGERS: dict[str, tuple[Ledger, timedelta]] = {
    "summary": (STALE_DAYS, timedelta(days=1)),
    "trends": (STALE_TRENDS, timedelta(days=1)),
    "weeks": (STALE_WEEKS, timedelta(weeks=1)),
}
"""Kind -> ledger and the distance between two of its entries, in the order of the sensors."""
BUILDS = {
    "events": ("summary", "trends"),
    "reading": ("summary", "trends"),
    "summary": ("summary", "trends"),
    "trends": ("trends",),
    "weeks": ("weeks",),
}
"""Kind of run -> kinds of summaries that it builds."""
TOUCHED = {
    "sleeps": ("sleeps", "recoveries"),
    "recoveries": ("sleeps", "recoveries"),
    "workouts": ("workouts",),
}


# WHOOP


class WhoopsClock:
    """The shared clock for the simulator.

    It reports itself as frozen, because the simulation triggers deliveries.
    """

    frozen = True

    def __init__(self, page: Page) -> None:
        self._page = page

    def now(self) -> int:
        return self._page.whoops_now_milli()

    def to_json(self) -> dict[str, Any]:
        return {}


def whoop(page_path: Path, options: dict[str, Any], pipe: Pipe) -> None:
    """Run the simulator on the shared clock until it is killed."""
    page = Page(page_path)
    world = World(**options, now=page.now())
    world.clock = WhoopsClock(page)  # type: ignore[assignment]
    server = SimulatorServer(world, "127.0.0.1", 0, pipe.send)
    server.serve_until_stopped()


# The receiver


def receiver(page_path: Path, settings: Settings, port: int, pipe: Pipe) -> None:
    """Run `whoop-assets serve` on the shared clock until it is killed."""
    page = Page(page_path)
    page.clear(RECEIVER)
    clock = SharedClock(page, RECEIVER)
    database = WatchedDatabase(settings.database_url, clock, durable=True)
    app = create_app(Connection(settings, database, "receiver"))

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        page.set(RECEIVER, Activity.TAKES, page.get(RECEIVER, Activity.TAKES) + 1)
        try:
            await app(scope, receive, send)
        finally:
            page.set(RECEIVER, Activity.TAKES, page.get(RECEIVER, Activity.TAKES) - 1)

    ServiceServer(watched, "127.0.0.1", port, pipe.send).serve_until_stopped()


# The daemon


@dataclass(frozen=True)
class Work:
    """The work of a run: events of a day, a group of fetch tasks, stale entries of a ledger, or tokens."""

    kind: str
    reason: str
    lane: str
    first: date = date.min
    last: date = date.max
    streams: tuple[str, ...] = ()
    group: Group | None = None
    run_key: str = ""
    """The run key. Dagster never starts a second run with the same key."""

    def builds(self, what: str, day: date) -> bool:
        """Whether the run builds this entry. A run for events builds all days that it touches."""
        return what in BUILDS.get(self.kind, ()) and (self.kind == "events" or self.first <= day <= self.last)

    def does(self, reading: Any) -> bool:
        """Whether the run includes the fetch task, by the rule of the `due_readings` sensor."""
        group = self.group
        return (
            group is not None
            and reading.user_id in group.members
            and set(reading.streams) <= set(self.streams)
            and self.first <= reading.first
            and reading.last <= self.last
        )


@dataclass(frozen=True)
class Tick:
    """Input of a tick: active runs, and killed runs whose end was noticed."""

    in_flight: dict[str, Work]
    ended: tuple[str, ...]
    run_keys: frozenset[str]
    """Run keys of all event runs so far."""


@dataclass(frozen=True)
class TickResult:
    """Result of a tick: runs to start, and the time of the next tick."""

    works: list[Work]
    next_at: datetime
    to_reconnect: list[int]
    problem: str = ""


def daemon(page_path: Path, settings: Settings, pipe: Pipe) -> None:
    """Evaluate what the sensors and the schedule would request, on demand, until the process is killed."""
    page = Page(page_path)
    page.clear(DAEMON)
    database = WatchedDatabase(settings.database_url, SharedClock(page, DAEMON))
    planned_at: datetime | None = None
    pipe.send("ready")
    while True:
        told: Tick = pipe.recv()
        page.set(DAEMON, Activity.BEGAN, 1)
        try:
            with_plan = planned_at is None or page.now() - planned_at >= PLAN_EVERY
            if with_plan:
                planned_at = page.now()
            asked = _tick(database, settings, told, with_plan=with_plan)
        except Exception:  # noqa: BLE001 - the drill shows it
            asked = TickResult([], page.now() + PLAN_EVERY, [], traceback.format_exc())
        page.set(DAEMON, Activity.BEGAN, 0)
        pipe.send(asked)


def _tick(database: Database, settings: Settings, told: Tick, *, with_plan: bool) -> TickResult:
    works: list[Work] = []
    with database.read() as connection:
        holders = claims.claimants(connection)
    for run_id in sorted(holders & set(told.ended)):
        with database.write() as connection:
            claims.release(connection, run_id, database.now(connection))
    with database.read() as connection:
        now = database.now(connection)
        events = attempts.due(connection, now, limit=MAX_EVENTS_PER_RUN)
    keys = _keys(settings, now)
    if any(event.day is None or not keys.first <= event.day <= keys.last for event in events):
        with database.write() as connection:
            event_days.assign_due(connection, now, keys.first, keys.last, limit=MAX_EVENTS_PER_RUN)
            events = attempts.due(connection, now, limit=MAX_EVENTS_PER_RUN)
    busy = {work.first for work in told.in_flight.values() if work.kind == "events"}
    by_day: dict[date, list[Event]] = {}
    for event in events:
        if event.day is not None and event.stream in TOUCHED and event.day not in busy:
            by_day.setdefault(event.day, []).append(event)
    for burst in [Burst(day, theirs) for day, theirs in by_day.items()][:MAX_DAYS]:
        if burst.run_key in told.run_keys:
            # Like the sensor: this run was requested before and ended without starting. Dagster would not
            # start it again.
            with database.write() as connection:
                names = [event.trace_id for event in burst.events]
                begun = attempts.begin_attempt(connection, names, now, "a run that never began")
                attempts.failed(connection, [event.trace_id for event in begun], claims.RUN_DIED, now)
            continue
        streams = {stream for event in burst.events for stream in TOUCHED[event.stream or ""]}
        named = tuple(stream for stream in ANNOUNCED_STREAMS if stream in streams)
        works.append(Work("events", "webhook", LANE, burst.day, burst.day, named, run_key=burst.run_key))

    with database.read() as connection:
        ledgers = {what: ledger.days(connection) for what, (ledger, _) in LEDGERS.items()}
        everyone = member_store.listed(connection)
        waiting = _next_attempts(connection)
    hour = int(now.timestamp() // 3600)
    for what, entries in ledgers.items():
        building = [*told.in_flight.values(), *works]
        askable = [
            entry
            for entry in entries
            if (keys.first <= entry.day or what == "weeks")
            and entry.day <= keys.last
            and not any(work.builds(what, entry.day) for work in building)
        ]
        works += [
            Work(
                what,
                what,
                "schedule",
                first,
                last,
                run_key=f"{what}:{first}:{digest(askable, first, last)}:{hour}",
            )
            for first, last in to_date_ranges((entry.day for entry in askable), max_gap=LEDGERS[what][1])[
                ::-1
            ][:10]
        ]

    next_at = now + timedelta(minutes=15)
    if with_plan:
        plan = plan_now(database, settings)
        wanted = [
            reading for reading in plan.due if not any(work.does(reading) for work in told.in_flight.values())
        ]
        for group in grouped(wanted)[:MAX_READINGS]:
            one = group.any
            key = run_key(group, plan.now)
            works.append(
                Work("reading", one.reason.value, one.lane, one.first, one.last, one.streams, group, key)
            )
        if plan.next_at is not None:
            next_at = min(next_at, plan.next_at)
        if any(keep_alive.due(database)[0]) and not any(
            work.kind == "tokens" for work in told.in_flight.values()
        ):
            works.append(Work("tokens", "keep_alive", "schedule"))
    else:
        next_at = now + PLAN_EVERY
    next_at = min([next_at, *(at for at in waiting if at is not None and at > now)])
    lost = [member.user_id for member in everyone if member.status == member_store.RECONNECTION_NEEDED]
    return TickResult(works, max(next_at, now + timedelta(seconds=5)), lost)


def next_look(database: Database, settings: Settings) -> datetime:
    """The time at which the next work becomes due, at most 15 minutes ahead."""
    plan = plan_now(database, settings)
    with database.read() as connection:
        waiting = _next_attempts(connection)
    moments = [plan.next_at, *waiting, plan.now + timedelta(minutes=15)]
    soon = min(at for at in moments if at is not None and at > plan.now)
    return max(soon, plan.now + timedelta(seconds=5))


def _next_attempts(connection: Any) -> list[datetime]:
    """The due times of all open events."""
    c = webhook_events.c
    return list(connection.scalars(select(c.next_attempt_at).where(c.state == OPEN)))


def _keys(settings: Settings, now: datetime) -> PartitionBounds:
    return PartitionBounds(settings.start_date, planner_settings_at(settings, now).last_day)


# The runs


@dataclass
class Outcome:
    """The result of a run that was not killed."""

    failures: list[str] = field(default_factory=list)
    problem: str = ""


def worker(page_path: Path, slot: int, settings: Settings, pipe: Pipe) -> None:
    """Execute one run after the other with the product's own loads, until the process is killed.

    The worker keeps the interpreter, the database connection and the HTTP client, because creating them takes
    longer than a short run. It forgets the cached tokens, as a new run would not have them.
    """
    page = Page(page_path)
    page.clear(slot)
    database = WatchedDatabase(settings.database_url, SharedClock(page, slot))
    connection = Connection(settings, database)
    pipe.send("ready")
    while True:
        work, run_id = pipe.recv()
        connection._tokens.clear()
        connection.budget = RequestBudget(
            database,
            per_minute=settings.requests_per_minute,
            per_day=settings.requests_per_day,
            used_by=f"run {run_id[:8]}",
        )
        watch_requests(connection, page, slot)
        page.set(slot, Activity.ASKS, 0)
        outcome = Outcome()
        page.set(slot, Activity.BEGAN, 1)
        try:
            for result in carry_out(connection, work, run_id):
                outcome.failures += [
                    f"{work.reason}, {failure.stream}, member {failure.user_id}: {failure.cause}"
                    for failure in result.failures
                ]
        except WhoopError as error:
            outcome.failures.append(f"{work.reason}: {type(error).__name__}: {error}")
        except Exception:  # noqa: BLE001 - the drill shows it
            outcome.problem = traceback.format_exc()
        page.set(slot, Activity.BEGAN, 0)
        pipe.send(outcome)


class WatchedBudget:
    """The request budget of a process; counts each granted API request in the shared memory.

    Each attempt passes the budget, whereas event hooks of the HTTP client are not called on every path.
    """

    def __init__(self, budget: RequestBudget, page: Page, slot: int) -> None:
        self._budget, self._page, self._slot = budget, page, slot

    def acquire(self, lane: str) -> datetime:
        granted = self._budget.acquire(lane)
        _request_begins(self._page, self._slot, Activity.REQUESTS)
        return granted

    def observe(self, *response: Any) -> None:
        self._page.set(self._slot, Activity.ASKS, 0)
        self._budget.observe(*response)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._budget, name)


class WatchedOAuth:
    """The OAuth client of a process; counts each exchange of a refresh token in the shared memory."""

    def __init__(self, oauth: OAuth, page: Page, slot: int) -> None:
        self._oauth, self._page, self._slot = oauth, page, slot

    def refresh(self, refresh_token: str) -> TokenPair:
        _request_begins(self._page, self._slot, Activity.EXCHANGES)
        try:
            return self._oauth.refresh(refresh_token)
        finally:
            self._page.set(self._slot, Activity.ASKS, 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._oauth, name)


def watch_requests(connection: Connection, page: Page, slot: int) -> None:
    """Show the active request in the shared memory, and count requests there: a killed process cannot report
    them.
    """
    connection.budget = WatchedBudget(connection.budget, page, slot)  # type: ignore[assignment]
    if not isinstance(connection.oauth, WatchedOAuth):
        connection.oauth = WatchedOAuth(connection.oauth, page, slot)  # type: ignore[assignment]


def _request_begins(page: Page, slot: int, counter: Activity) -> None:
    page.set(slot, Activity.ASKS, 2 if counter is Activity.EXCHANGES else 1)
    page.set(slot, counter, page.get(slot, counter) + 1)


def carry_out(connection: Connection, work: Work, run_id: str) -> list[LoadResult]:
    """Do the work of a run with the same steps, in the same order, as the assets of a Dagster run."""
    database, settings = connection.database, connection.settings
    with database.read() as transaction:
        now = database.now(transaction)
        everybody = [one.user_id for one in member_store.chosen(transaction, (), with_disconnected=True)]
    today = planner_settings_at(settings, now).last_day
    results = []
    if work.kind == "events":
        keys = _keys(settings, now)
        for stream in ("cycles", *work.streams):
            order = LoadRequest(stream, work.first, work.last, today, now, now, lane=LANE, run_id=run_id)
            results.append(load_events(connection, order, streams=work.streams, keys=keys))
        for rebuild in (rebuild_touched, follow_touched):
            rebuild(database, everybody, work.first, work.last, by=run_id, since=now)
    elif work.kind == "reading":
        assert work.group is not None
        results = [load_members(connection, order) for order in work.group.orders(now, today, run_id)]
        if set(work.streams) - set(SNAPSHOTS):
            rebuild_days(database, work.group.members, work.first, work.last)
            rebuild_trends(database, work.group.members, work.first, work.last)
    elif work.kind == "summary":
        rebuild_days(database, everybody, work.first, work.last)
        rebuild_trends(database, everybody, work.first, work.last)
    elif work.kind == "trends":
        rebuild_trends(database, everybody, work.first, work.last)
    elif work.kind == "weeks":
        rebuild_weeks(database, everybody, work.first, work.last)
    else:
        keep_alive.keep_alive(connection)
    return results


def moment_of(micro: int) -> datetime:
    return EPOCH + micro * MICROSECOND


__all__ = ["Outcome", "Tick", "TickResult", "Work", "daemon", "moment_of", "receiver", "whoop", "worker"]
