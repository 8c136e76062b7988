"""The child processes: simulator, webhook receiver, and the daemon's ticks.

Each uses the product's own code on the shared clock. Wrappers only show which transaction, request or
delivery is open, so that the simulation can report where a kill hit.
"""

import traceback
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
from whoop_assets.members import store as member_store
from whoop_assets.planner.current_plan import grouped, plan_now
from whoop_assets.records.stale_days import STALE_DAYS, STALE_TRENDS, STALE_WEEKS, Ledger
from whoop_assets.settings import Settings
from whoop_assets.sync.events.event_load import LANE
from whoop_assets.sync.session import WhoopSession
from whoop_assets.tokens import keep_alive
from whoop_assets.web.app import create_app
from whoop_assets.web.server import ServiceServer
from whoop_assets.webhooks import attempts
from whoop_assets.webhooks.inbox import OPEN, Event
from whoop_assets.webhooks.tables import webhook_events
from whoop_assets.whoop_api.streams import ANNOUNCED_STREAMS
from whoop_assets_tests.support.simulated_weeks.shared_clock import (
    Activity,
    SharedClock,
    SharedMemory,
    WatchedDatabase,
)
from whoop_assets_tests.support.simulated_weeks.work import (
    DAEMON,
    RECEIVER,
    TickInput,
    TickResult,
    Work,
    partition_bounds,
)
from whoop_simulator.http.server import SimulatorServer
from whoop_simulator.world.world import World

PLAN_EVERY = timedelta(seconds=60)
MAX_DAYS, MAX_READINGS = 20, 10
"""Maximum number of runs that one tick requests, as in the sensors."""
LEDGERS: dict[str, tuple[Ledger, timedelta]] = {
    "summary": (STALE_DAYS, timedelta(days=1)),
    "trends": (STALE_TRENDS, timedelta(days=1)),
    "weeks": (STALE_WEEKS, timedelta(weeks=1)),
}
"""Kind -> ledger and the distance between two of its entries, in the order of the sensors."""
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

    def __init__(self, page: SharedMemory) -> None:
        self._page = page

    def now(self) -> int:
        return self._page.whoops_now_milli()

    def to_json(self) -> dict[str, Any]:
        return {}


def whoop(page_path: Path, options: dict[str, Any], pipe: Pipe) -> None:
    """Run the simulator on the shared clock until it is killed."""
    page = SharedMemory(page_path)
    world = World(**options, now=page.now())
    world.clock = WhoopsClock(page)  # type: ignore[assignment]
    server = SimulatorServer(world, "127.0.0.1", 0, pipe.send)
    server.serve_until_stopped()


# The receiver


def receiver(page_path: Path, settings: Settings, port: int, pipe: Pipe) -> None:
    """Run `whoop-assets serve` on the shared clock until it is killed."""
    page = SharedMemory(page_path)
    page.clear(RECEIVER)
    clock = SharedClock(page, RECEIVER)
    database = WatchedDatabase(settings.database_url, clock, durable=True)
    app = create_app(WhoopSession(settings, database, "receiver"), lambda user_id: False)

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


def daemon(page_path: Path, settings: Settings, pipe: Pipe) -> None:
    """Computes the requests of the sensors and the schedule on demand, until the process is killed."""
    page = SharedMemory(page_path)
    page.clear(DAEMON)
    database = WatchedDatabase(settings.database_url, SharedClock(page, DAEMON))
    planned_at: datetime | None = None
    pipe.send("ready")
    while True:
        tick: TickInput = pipe.recv()
        page.set(DAEMON, Activity.BEGAN, 1)
        try:
            with_plan = planned_at is None or page.now() - planned_at >= PLAN_EVERY
            if with_plan:
                planned_at = page.now()
            result = _tick(database, settings, tick, with_plan=with_plan)
        except Exception:  # noqa: BLE001 - the simulation reports it
            result = TickResult([], page.now() + PLAN_EVERY, [], traceback.format_exc())
        page.set(DAEMON, Activity.BEGAN, 0)
        pipe.send(result)


def _tick(database: Database, settings: Settings, tick: TickInput, *, with_plan: bool) -> TickResult:
    works: list[Work] = []
    with database.read() as connection:
        holders = attempts.claimants(connection)
    for run_id in sorted(holders & set(tick.ended)):
        with database.write() as connection:
            attempts.release(connection, run_id, database.now(connection))
    with database.read() as connection:
        now = database.now(connection)
        events = attempts.due(connection, now)
    keys = partition_bounds(settings, now)
    if any(event.day is None or not keys.first <= event.day <= keys.last for event in events):
        with database.write() as connection:
            attempts.assign_days(connection, now, keys.first, keys.last)
            events = attempts.due(connection, now)
    busy = {work.first for work in tick.in_flight.values() if work.kind == "events"}
    by_day: dict[date, list[Event]] = {}
    for event in events:
        if event.day is not None and event.stream in TOUCHED and event.day not in busy:
            by_day.setdefault(event.day, []).append(event)
    for burst in [Burst(day, of_day) for day, of_day in by_day.items()][:MAX_DAYS]:
        if burst.run_key in tick.run_keys:
            # As in the sensor: the run was requested before and ended without a start. Dagster would not
            # start it again.
            with database.write() as connection:
                names = [event.trace_id for event in burst.events]
                begun = attempts.begin_attempt(connection, names, now, "a run that did not start")
                attempts.failed(connection, [event.trace_id for event in begun], attempts.RUN_DIED, now)
            continue
        streams = {stream for event in burst.events for stream in TOUCHED[event.stream or ""]}
        announced = tuple(stream for stream in ANNOUNCED_STREAMS if stream in streams)
        works.append(Work("events", "webhook", LANE, burst.day, burst.day, announced, run_key=burst.run_key))

    with database.read() as connection:
        ledgers = {kind: ledger.days(connection) for kind, (ledger, _) in LEDGERS.items()}
        members = member_store.listed(connection)
        attempts_at = _next_attempts(connection)
    hour = int(now.timestamp() // 3600)
    for kind, entries in ledgers.items():
        building = [*tick.in_flight.values(), *works]
        requestable = [
            entry
            for entry in entries
            if (keys.first <= entry.day or kind == "weeks")
            and entry.day <= keys.last
            and not any(work.builds(kind, entry.day) for work in building)
        ]
        works += [
            Work(
                kind,
                kind,
                "schedule",
                first,
                last,
                run_key=f"{kind}:{first}:{digest(requestable, first, last)}:{hour}",
            )
            for first, last in to_date_ranges((entry.day for entry in requestable), max_gap=LEDGERS[kind][1])[
                ::-1
            ][:10]
        ]

    next_at = now + timedelta(minutes=15)
    if with_plan:
        plan = plan_now(database, settings)
        new_tasks = [
            task for task in plan.due if not any(work.includes(task) for work in tick.in_flight.values())
        ]
        for group in grouped(new_tasks)[:MAX_READINGS]:
            task = group.any
            key = run_key(group, plan.now)
            works.append(
                Work("reading", task.reason.value, task.lane, task.first, task.last, task.streams, group, key)
            )
        if plan.next_at is not None:
            next_at = min(next_at, plan.next_at)
        if any(keep_alive.due(database)[0]) and not any(
            work.kind == "tokens" for work in tick.in_flight.values()
        ):
            works.append(Work("tokens", "keep_alive", "schedule"))
    else:
        next_at = now + PLAN_EVERY
    next_at = min([next_at, *(at for at in attempts_at if at is not None and at > now)])
    to_reconnect = [member.user_id for member in members if member.status == member_store.RECONNECTION_NEEDED]
    return TickResult(works, max(next_at, now + timedelta(seconds=5)), to_reconnect)


def next_tick_at(database: Database, settings: Settings) -> datetime:
    """Returns the time at which the next work becomes due, at most 15 minutes ahead."""
    plan = plan_now(database, settings)
    with database.read() as connection:
        attempts_at = _next_attempts(connection)
    moments = [plan.next_at, *attempts_at, plan.now + timedelta(minutes=15)]
    soon = min(at for at in moments if at is not None and at > plan.now)
    return max(soon, plan.now + timedelta(seconds=5))


def _next_attempts(connection: Any) -> list[datetime]:
    """Returns the due times of all open events."""
    c = webhook_events.c
    return list(connection.scalars(select(c.next_attempt_at).where(c.state == OPEN)))
