"""What runs in processes of its own: WHOOP, the receiver, the daemon's ticks, and the runs.

Each is the product's own code on the shared clock. What is put around it only watches: which transaction, request or
delivery is open, so that the drill can say where a kill has hit.
"""

import traceback
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import select

from whoop_assets.date_ranges import spans_of
from whoop_assets.db.database import Database
from whoop_assets.defs.sensors.readings import run_key
from whoop_assets.defs.sensors.summaries import digest
from whoop_assets.defs.sensors.webhooks import Burst
from whoop_assets.errors import WhoopError
from whoop_assets.members import store as member_store
from whoop_assets.planner.current_plan import Group, grouped, plan_now, planner_settings_at
from whoop_assets.planner.fetch_tasks import SNAPSHOTS
from whoop_assets.records.ledgers import STALE_TRENDS, STALE_WEEKS, Ledger
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.request_budget.budget import RequestBudget
from whoop_assets.settings import Settings
from whoop_assets.summaries.follow import rebuild_trends, rebuild_weeks
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.sync.event_load import LANE
from whoop_assets.sync.load_events import (
    ANNOUNCED,
    AT_ONCE,
    Keys,
    follow_touched,
    load_events,
    rebuild_touched,
)
from whoop_assets.sync.load_members import Order, Round, load_everybody
from whoop_assets.sync.session import Connection
from whoop_assets.tokens import keep_alive
from whoop_assets.web.app import create_app
from whoop_assets.web.server import ServiceServer
from whoop_assets.webhooks import attempts, claims, event_days
from whoop_assets.webhooks.row_locks import OPEN, Event
from whoop_assets.webhooks.tables import webhook_events
from whoop_assets_tests.drills.thirty_days.shared_time import (
    EPOCH,
    MICROSECOND,
    Does,
    Page,
    SharedClock,
    WatchedDatabase,
)
from whoop_simulator.http.server import SimulatorServer
from whoop_simulator.world.world import World

SIMULATOR, RECEIVER, DAEMON, DRIVER, FIRST_RUN = 1, 2, 3, 4, 5
"""Slots."""
PLAN_EVERY = timedelta(seconds=60)
MOST_DAYS, MOST_READINGS = 20, 10
"""Runs that one tick asks for, as in the sensors."""
LEDGERS: dict[str, tuple[Ledger, timedelta]] = {
    "summary": (STALE_DAYS, timedelta(days=1)),
    "trends": (STALE_TRENDS, timedelta(days=1)),
    "weeks": (STALE_WEEKS, timedelta(weeks=1)),
}
"""What a run for a ledger builds, in the order of the sensors, and how far apart two of its entries are."""
BUILDS = {
    "events": ("summary", "trends"),
    "reading": ("summary", "trends"),
    "summary": ("summary", "trends"),
    "trends": ("trends",),
    "weeks": ("weeks",),
}
"""What each kind of run builds besides."""
TOUCHED = {
    "sleeps": ("sleeps", "recoveries"),
    "recoveries": ("sleeps", "recoveries"),
    "workouts": ("workouts",),
}


# WHOOP


class WhoopsClock:
    """The shared clock, as the simulator wants it. It calls itself frozen: who drives the drill says when to deliver."""

    frozen = True

    def __init__(self, page: Page) -> None:
        self._page = page

    def now(self) -> int:
        return self._page.whoops_now_milli()

    def to_json(self) -> dict[str, Any]:
        return {}


def whoop(page_path: Path, options: dict[str, Any], pipe: Pipe) -> None:
    """The simulator on the shared clock, until it is killed."""
    page = Page(page_path)
    world = World(**options, now=page.now())
    world.clock = WhoopsClock(page)  # type: ignore[assignment]
    server = SimulatorServer(world, "127.0.0.1", 0, pipe.send)
    server.serve_until_stopped()


# The receiver


def receiver(page_path: Path, settings: Settings, port: int, pipe: Pipe) -> None:
    """`whoop-assets serve` on the shared clock, until it is killed."""
    page = Page(page_path)
    page.clear(RECEIVER)
    clock = SharedClock(page, RECEIVER)
    database = WatchedDatabase(settings.database_url, clock, durable=True)
    app = create_app(Connection(settings, database, "receiver"))

    async def watched(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        page.set(RECEIVER, Does.TAKES, page.get(RECEIVER, Does.TAKES) + 1)
        try:
            await app(scope, receive, send)
        finally:
            page.set(RECEIVER, Does.TAKES, page.get(RECEIVER, Does.TAKES) - 1)

    ServiceServer(watched, "127.0.0.1", port, pipe.send).serve_until_stopped()


# The daemon


@dataclass(frozen=True)
class Work:
    """What a run does: the events of a day, a group of readings, what is behind in one of the LEDGERS, or tokens."""

    kind: str
    reason: str
    lane: str
    first: date = date.min
    last: date = date.max
    streams: tuple[str, ...] = ()
    group: Group | None = None
    run_key: str = ""
    """As Dagster knows it: a second run of the same key is never started."""

    def builds(self, what: str, day: date) -> bool:
        """Whether the entry of a ledger is left to it; a run for events builds what they touch, whatever the day."""
        return what in BUILDS.get(self.kind, ()) and (self.kind == "events" or self.first <= day <= self.last)

    def does(self, reading: Any) -> bool:
        """Whether the reading is among it, as the sensor of readings asks."""
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
    """What the daemon is told: the runs in flight, and those that are known to have ended without a word."""

    in_flight: dict[str, Work]
    ended: tuple[str, ...]
    run_keys: frozenset[str]
    """Of all runs of events so far."""


@dataclass(frozen=True)
class Asked:
    """What came of a tick: runs to start, and when to look again."""

    works: list[Work]
    next_at: datetime
    to_reconnect: list[int]
    problem: str = ""


def daemon(page_path: Path, settings: Settings, pipe: Pipe) -> None:
    """Evaluate, whenever told to, what the sensors and the schedule would ask for, until killed."""
    page = Page(page_path)
    page.clear(DAEMON)
    database = WatchedDatabase(settings.database_url, SharedClock(page, DAEMON))
    planned_at: datetime | None = None
    pipe.send("ready")
    while True:
        told: Tick = pipe.recv()
        page.set(DAEMON, Does.BEGAN, 1)
        try:
            with_plan = planned_at is None or page.now() - planned_at >= PLAN_EVERY
            if with_plan:
                planned_at = page.now()
            asked = _tick(database, settings, told, with_plan=with_plan)
        except Exception:  # noqa: BLE001 - the drill shows it
            asked = Asked([], page.now() + PLAN_EVERY, [], traceback.format_exc())
        page.set(DAEMON, Does.BEGAN, 0)
        pipe.send(asked)


def _tick(database: Database, settings: Settings, told: Tick, *, with_plan: bool) -> Asked:
    works: list[Work] = []
    with database.read() as connection:
        holders = claims.claimants(connection)
    for run_id in sorted(holders & set(told.ended)):
        with database.write() as connection:
            claims.let_go(connection, run_id, database.now(connection))
    with database.read() as connection:
        now = database.now(connection)
        events = attempts.due(connection, now, limit=AT_ONCE)
    keys = _keys(settings, now)
    if any(event.day is None or not keys.first <= event.day <= keys.last for event in events):
        with database.write() as connection:
            event_days.file_due(connection, now, keys.first, keys.last, limit=AT_ONCE)
            events = attempts.due(connection, now, limit=AT_ONCE)
    busy = {work.first for work in told.in_flight.values() if work.kind == "events"}
    by_day: dict[date, list[Event]] = {}
    for event in events:
        if event.day is not None and event.stream in TOUCHED and event.day not in busy:
            by_day.setdefault(event.day, []).append(event)
    for burst in [Burst(day, theirs) for day, theirs in by_day.items()][:MOST_DAYS]:
        if burst.run_key in told.run_keys:
            # As the sensor does: it was asked for before, and ended without beginning; it would not be started again.
            with database.write() as connection:
                names = [event.trace_id for event in burst.events]
                begun = attempts.begin_attempt(connection, names, now, "a run that never began")
                attempts.failed(connection, [event.trace_id for event in begun], claims.NO_WORD, now)
            continue
        streams = {stream for event in burst.events for stream in TOUCHED[event.stream or ""]}
        named = tuple(stream for stream in ANNOUNCED if stream in streams)
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
            for first, last in spans_of((entry.day for entry in askable), apart=LEDGERS[what][1])[::-1][:10]
        ]

    next_at = now + timedelta(minutes=15)
    if with_plan:
        plan = plan_now(database, settings)
        wanted = [
            reading for reading in plan.due if not any(work.does(reading) for work in told.in_flight.values())
        ]
        for group in grouped(wanted)[:MOST_READINGS]:
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
    return Asked(works, max(next_at, now + timedelta(seconds=5)), lost)


def next_look(database: Database, settings: Settings) -> datetime:
    """When something will be due that is not yet, as far as can be told; in a quarter of an hour at the latest."""
    plan = plan_now(database, settings)
    with database.read() as connection:
        waiting = _next_attempts(connection)
    moments = [plan.next_at, *waiting, plan.now + timedelta(minutes=15)]
    soon = min(at for at in moments if at is not None and at > plan.now)
    return max(soon, plan.now + timedelta(seconds=5))


def _next_attempts(connection: Any) -> list[datetime]:
    """When the open events are due, of all members in one query."""
    c = webhook_events.c
    return list(connection.scalars(select(c.next_attempt_at).where(c.state == OPEN)))


def _keys(settings: Settings, now: datetime) -> Keys:
    return Keys(settings.start_date, planner_settings_at(settings, now).last_day)


# The runs


@dataclass
class Outcome:
    """What a run that was left alive has to say."""

    failures: list[str] = field(default_factory=list)
    problem: str = ""


def worker(page_path: Path, slot: int, settings: Settings, pipe: Pipe) -> None:
    """One run after the other, each by the product's own loads, until killed.

    What a run would have to make anew, and what costs most of a short one, is kept: the interpreter, the connection to the
    database, the HTTP client. What it would not know, the tokens in hand, is forgotten.
    """
    page = Page(page_path)
    page.clear(slot)
    database = WatchedDatabase(settings.database_url, SharedClock(page, slot))
    connection = Connection(settings, database)
    watch_requests(connection, page, slot)
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
        outcome = Outcome()
        page.set(slot, Does.BEGAN, 1)
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
        page.set(slot, Does.BEGAN, 0)
        pipe.send(outcome)


def watch_requests(connection: Connection, page: Page, slot: int) -> None:
    """Say on the page when a request is under way, and count them: a killed process cannot."""

    def begins(request: httpx.Request) -> None:
        exchange = request.url.path.startswith("/oauth")
        page.set(slot, Does.ASKS, 2 if exchange else 1)
        field = Does.EXCHANGES if exchange else Does.REQUESTS
        page.set(slot, field, page.get(slot, field) + 1)

    connection._http.event_hooks = {
        "request": [begins],
        "response": [lambda response: page.set(slot, Does.ASKS, 0)],
    }


def carry_out(connection: Connection, work: Work, run_id: str) -> list[Round]:
    """The run's work: what the assets do in a Dagster run of this kind, in the same order."""
    database, settings = connection.database, connection.settings
    with database.read() as transaction:
        now = database.now(transaction)
        everybody = [one.user_id for one in member_store.chosen(transaction, (), with_disconnected=True)]
    today = planner_settings_at(settings, now).last_day
    results = []
    if work.kind == "events":
        keys = _keys(settings, now)
        for stream in ("cycles", *work.streams):
            order = Order(stream, work.first, work.last, today, now, now, lane=LANE, run_id=run_id)
            results.append(load_events(connection, order, streams=work.streams, keys=keys))
        for rebuild in (rebuild_touched, follow_touched):
            rebuild(database, everybody, work.first, work.last, by=run_id, since=now)
    elif work.kind == "reading":
        assert work.group is not None
        results = [load_everybody(connection, order) for order in work.group.orders(now, today, run_id)]
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


__all__ = ["Asked", "Outcome", "Tick", "Work", "daemon", "moment_of", "receiver", "whoop", "worker"]
