"""The loop of the simulation: webhook deliveries, ticks, runs, members' edits and kills.

If no process works, or all of them wait by the clock, the clock moves to the next scheduled time.
"""

import heapq
import itertools
import random
import re
import time
import traceback
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Self

from whoop_assets.cli.processes.ports import free_port
from whoop_assets.settings import Settings
from whoop_assets.sync.members.connecting import connect_member
from whoop_assets.sync.session import Connection
from whoop_assets.whoop_api.oauth import TokenPair
from whoop_assets_tests.support.simulated_weeks import processes, with_dagster
from whoop_assets_tests.support.simulated_weeks.child_processes import FORK, Process, RunInFlight
from whoop_assets_tests.support.simulated_weeks.member_edits import MemberEdits
from whoop_assets_tests.support.simulated_weeks.processes import (
    DAEMON,
    DRIVER,
    FIRST_RUN,
    RECEIVER,
    Outcome,
    Tick,
    TickResult,
    Work,
    moment_of,
)
from whoop_assets_tests.support.simulated_weeks.scenario import KINDS, Counts, Scenario, counted
from whoop_assets_tests.support.simulated_weeks.shared_clock import (
    Activity,
    Page,
    SharedClock,
    WatchedDatabase,
)
from whoop_simulator.http.grants import App
from whoop_simulator.running import Control

MAX_CONCURRENT_RUNS = 3
"""Maximum number of active runs."""
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
DELIVER_AFTER, TICK_AFTER = MINUTE, timedelta(seconds=3)
"""Deliveries are at least a minute apart, so that they form bursts. A tick follows soon after one."""
LOOK_AFTER = 3 * MINUTE
"""Maximum time between the end of a run and the next tick."""
IDLE_SHARE = 0.15
"""Share of the kills of receiver and daemon that hit an idle process."""


class Simulation:
    """All processes of the simulation, and its loop."""

    def __init__(self, scenario: Scenario, database_url: str, token_key: str, folder: Path) -> None:
        self.scenario = scenario
        self.rng = random.Random(scenario.seed)
        self.page = Page(folder / "page")
        self.page.leap(scenario.start - scenario.prelude)
        self.counts = Counts()
        self._processes_module: Any = with_dagster if scenario.dagster else processes
        FORK.set_forkserver_preload([processes.__name__, with_dagster.__name__])
        self.whoop_options: dict[str, Any] = {
            "members": scenario.members,
            "days": scenario.history.days,
            "seed": scenario.seed,
        }
        self.whoop = Process(processes.whoop, processes.SIMULATOR, self.page.path, self.whoop_options)
        base_url = self.whoop.said()
        self.control = Control(base_url)
        self.members = [one["user_id"] for one in self.control.get("members")]
        app = self.control.get("secrets")
        self.settings = Settings(
            client_id=App.client_id,
            client_secret=app["client_secret"],
            redirect_uri="http://localhost:8765/callback",
            api_url=f"{base_url}/developer",
            oauth_url=f"{base_url}/oauth/oauth2",
            database_url=database_url,
            token_key=token_key,
            start_date=(scenario.start - scenario.prelude - scenario.history - timedelta(days=10)).date(),
        )
        self.database = WatchedDatabase(database_url, SharedClock(self.page, DRIVER, drives=True))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/webhooks/whoop"
        self.edits = MemberEdits(self.control, self.members, random.Random(scenario.seed + 1))
        self.receiver: Process | None = None
        self.daemon: Process | None = None
        self.runs_in_flight: dict[str, RunInFlight] = {}
        self.waiting: list[Work] = []
        self.workers: list[Process] = []
        """Idle workers."""
        self.ended: list[str] = []
        self.run_keys: set[str] = set()
        self.armed: Counter[str] = Counter()
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._delivery_thread = ThreadPoolExecutor(1)
        self._delivery: Future[Any] | None = None
        self._ticking = False
        self._tick_at = self._deliver_at = scenario.start
        self._kill_at: dict[str, float | None] = {"receiver": None, "daemon": None}
        self._took: dict[str, float] = {"receiver": 0.02, "daemon": 0.1, "run": 0.3}
        self._since = {"receiver": 0.0, "daemon": 0.0}
        self._nothing_asked = False
        self._told: set[int] = set()
        self.end = scenario.start + scenario.life

    # Schedule

    def at(self, moment: datetime, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._numbers), what))

    def begin(self) -> None:
        """Connect all members, start all processes, and schedule kills and edits."""
        self.control.post("webhooks/faults", duplicates=0.05, disorder=0.1, lost=0.05)
        self.control.post("webhooks/subscribe", url=self.url)
        for user_id in self.members:
            self.connect(user_id)
        self.start_receiver()
        self._deliver_at = self.page.now()
        self.live(self.scenario.start)
        self.start_daemon()
        for number in range(self.scenario.kills):
            moment = self.scenario.start + self.scenario.life * self.rng.uniform(0.02, 0.97)
            kind = KINDS[number % len(KINDS)]
            self.at(moment, partial(self.arm, kind))
        for _ in range(round(self.scenario.edits_a_day * (self.scenario.life / timedelta(days=1)))):
            self.at(self.scenario.start + self.scenario.life * self.rng.random(), self.edit)

    def connect(self, user_id: int) -> None:
        """Connect a member, as the command does after the consent."""
        given = self.control.post("tokens/issue", user_id=user_id)
        pair = TokenPair(
            given["access_token"],
            given["refresh_token"],
            given["expires_in"],
            frozenset(given["scope"].split()),
        )
        with Connection(self.settings, self.database, "connect") as connection:
            connect_member(connection, pair)

    def edit(self) -> None:
        self.edits.do(self.page.now())
        self._deliver_at = self.page.now()

    # Processes

    def start_receiver(self) -> None:
        self.receiver = Process(processes.receiver, RECEIVER, self.page.path, self.settings, self.port)
        self.receiver.said()

    def start_daemon(self) -> None:
        self.daemon = Process(self._processes_module.daemon, DAEMON, self.page.path, self.settings)
        self.daemon.said()
        self._ticking = False
        self._tick_at = self.page.now()

    def start_runs(self) -> None:
        active = sum(not run.killed for run in self.runs_in_flight.values())
        while self.waiting and active < MAX_CONCURRENT_RUNS:
            work = self.waiting.pop(0)
            run_id = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
            worker = self.workers.pop() if self.workers else self._new_worker()
            for of in (Activity.REQUESTS, Activity.EXCHANGES):
                self.page.set(worker.slot, of, 0)
            worker.pipe.send((work, run_id))
            run = self.runs_in_flight[run_id] = RunInFlight(work, worker, time.monotonic())
            if self.armed["run"]:
                run.kill_at = time.monotonic() + self.rng.uniform(0, 1.2 * self._took["run"])
            self.counts.runs[work.reason] += 1
            active += 1
            if work.lane == "webhook" and self.page.now() < self.end and self.rng.random() < 0.05:
                # Change another record during the load.
                self.at(self.page.now() + timedelta(seconds=self.rng.uniform(0, 0.3)), self.edit)

    def _new_worker(self) -> Process:
        slots = {run.process.slot for run in self.runs_in_flight.values()}
        slot = next(slot for slot in itertools.count(FIRST_RUN) if slot not in slots)
        worker = Process(self._processes_module.worker, slot, self.page.path, slot, self.settings)
        worker.said()
        return worker

    def look_at_runs(self) -> None:
        for run_id, run in list(self.runs_in_flight.items()):
            if run.killed:
                continue
            if run.kill_at is not None and self.armed["run"] and time.monotonic() >= run.kill_at:
                self.kill_run(run_id, run)
            elif run.process.speaks:
                self.run_ended(run_id, run)

    def run_ended(self, run_id: str, run: RunInFlight) -> None:
        try:
            outcome: Outcome = run.process.said()
            self._took["run"] = 0.9 * self._took["run"] + 0.1 * (time.monotonic() - run.began)
            if run.process.alive:
                self.workers.append(run.process)
        except EOFError:
            outcome = Outcome(problem=f"A run for {run.work.reason} ended without a result.")
        self.counts.failures.update(re.sub(r"\(pid .*?UTC", "(...) UTC", one) for one in outcome.failures)
        if outcome.problem:
            self._fail(outcome.problem)
        self._count_requests(run)
        del self.runs_in_flight[run_id]
        self.ended.append(run_id)
        self._tick_at = min(self._tick_at, self.page.now() + LOOK_AFTER)

    def _fail(self, problem: str) -> None:
        """Stop the simulation with an error of the drill or an unexpected error of the product."""
        self.counts.problems.append(problem)
        raise AssertionError(problem)

    def _count_requests(self, run: RunInFlight) -> None:
        slot = run.process.slot
        name = f"{run.work.lane}: {run.work.reason}"
        self.counts.requests[name] += self.page.get(slot, Activity.REQUESTS)
        self.counts.exchanges += self.page.get(slot, Activity.EXCHANGES)

    # Kills

    def arm(self, kind: str) -> None:
        """Kill the next active process of this kind at a random moment of its work."""
        self.armed[kind] += 1
        if kind != "run" and self.rng.random() < IDLE_SHARE:
            if kind == "receiver" and self.receiver is not None and self._delivery is None:
                self.kill_receiver()
            if kind == "daemon" and self.daemon is not None and not self._ticking:
                self.kill_daemon()

    def kill_run(self, run_id: str, run: RunInFlight) -> None:
        if not run.process.kill() or run.process.has_spoken():
            run.kill_at = None  # too late: the process has sent its last message
        else:
            self.armed["run"] -= 1
            run.killed = True
            self.counts.hits["run"][_where(self.page, run.process.slot)] += 1
            self._count_requests(run)

            def noticed() -> None:
                del self.runs_in_flight[run_id]
                self.ended.append(run_id)
                self._tick_at = min(self._tick_at, self.page.now())

            self.at(self.page.now() + self.rng.uniform(0.5, 15) * MINUTE, noticed)

    def kill_receiver(self) -> None:
        assert self.receiver is not None
        took = self.page.get(RECEIVER, Activity.TAKES)
        if self.receiver.kill():
            self.armed["receiver"] -= 1
            where = _where(self.page, RECEIVER) if took else "idle"
            self.counts.hits["receiver"][f"delivery open, {where}" if took else where] += 1
        self.receiver, self._kill_at["receiver"] = None, None
        after = min(self.rng.expovariate(1 / 12), 100) * MINUTE
        self.at(self.page.now() + after, self.start_receiver)

    def kill_daemon(self) -> None:
        assert self.daemon is not None
        if self.daemon.kill():
            self.armed["daemon"] -= 1
            in_tick = self.page.get(DAEMON, Activity.BEGAN)
            self.counts.hits["daemon"][f"tick, {_where(self.page, DAEMON)}" if in_tick else "idle"] += 1
        self.daemon, self._ticking, self._kill_at["daemon"] = None, False, None
        self.at(self.page.now() + self.rng.expovariate(1 / 6) * MINUTE, self.start_daemon)

    def _aim(self, kind: str) -> None:
        """Record the start of work, and choose the time of a pending kill."""
        self._since[kind] = time.monotonic()
        if self.armed[kind]:
            self._kill_at[kind] = time.monotonic() + self.rng.uniform(0, 1.2 * self._took[kind])

    def _done(self, kind: str) -> None:
        self._kill_at[kind] = None
        self._took[kind] = 0.9 * self._took[kind] + 0.1 * (time.monotonic() - self._since[kind])

    # The loop

    def live(self, until: datetime, *, drained: bool = False) -> None:
        """Run until a time.

        With `drained`, continue after it until no work is requested, without skipping time.
        """
        told, began = time.monotonic(), time.monotonic()
        while True:
            now = self.page.now()
            if now >= until and not drained and not self._busy():
                return
            while self._agenda and self._agenda[0][0] <= now:
                heapq.heappop(self._agenda)[2]()
            self._deliver(now)
            self._tick(now)
            if now < until or drained:
                self.start_runs()
            self.look_at_runs()
            if drained and not self._busy() and not self.waiting and self._nothing_asked:
                return
            self._leap(until)
            if time.monotonic() - told > 30:
                told = time.monotonic()
                print(f"  {now:%m-%d %H:%M} after {told - began:.0f} s: {self.line()}", flush=True)

    def line(self) -> str:
        """A line about the progress."""
        took = self._took
        return (
            f"{self.counts}; a run takes {took['run']:.2f} s, a tick {took['daemon']:.3f} s,"
            f" a delivery {took['receiver']:.3f} s"
        )

    def report(self) -> str:
        """The report of the whole simulation."""
        whoop, sent = self.control.get("stats"), self.control.get("webhooks")["counts"]
        days = (self.page.now() - self.scenario.start) / timedelta(days=1)
        head = (
            f"{self.scenario.members} members, {self.scenario.life.days} days of life,"
            f" {self.settled_after.days} of settling,"
            f" after {self.scenario.prelude.days} with the receiver alone"
        )
        edits = f"Edits: {counted(self.edits.done)}"
        return "\n".join([head, edits, *self.counts.lines(whoop, sent, self.scenario.members * days)])

    def _busy(self) -> bool:
        return (
            self._delivery is not None
            or self._ticking
            or any(not run.killed for run in self.runs_in_flight.values())
        )

    def _deliver(self, now: datetime) -> None:
        if self._delivery is None:
            if now >= self._deliver_at:
                self._aim("receiver")
                self._delivery = self._delivery_thread.submit(self.control.post, "webhooks/deliver")
            return
        aimed = self._kill_at["receiver"]
        if aimed is not None and time.monotonic() >= aimed and self.receiver is not None:
            self.kill_receiver()
        if not self._delivery.done():
            return
        sent = self._delivery.result()
        self._delivery = None
        self._done("receiver")
        for one in sent:
            self.counts.deliveries["attempts"] += 1
            self.counts.deliveries["retries"] += len(one["answers"]) > 1
            self.counts.announced.add(one["trace_id"])
            if one["status"] == "delivered":
                self.counts.deliveries["delivered"] += 1
                self.counts.delivered.setdefault(one["trace_id"], now)
        if sent:
            self._tick_at = min(self._tick_at, now + TICK_AFTER)
        self._plan_delivery(now)

    def _plan_delivery(self, now: datetime) -> None:
        at = self.control.get("next")["at"]
        soon = datetime.fromisoformat(at) if at else now + HOUR
        self._deliver_at = max(soon + timedelta(milliseconds=2), now + DELIVER_AFTER)

    def _tick(self, now: datetime) -> None:
        if self.daemon is None:
            return
        if not self._ticking:
            if now >= self._tick_at and not (self.scenario.dagster and self._are_starting()):
                runs_in_flight = {run_id: run.work for run_id, run in self.runs_in_flight.items()}
                runs_in_flight |= {f"queued {number}": work for number, work in enumerate(self.waiting)}
                self._aim("daemon")
                self.daemon.pipe.send(Tick(runs_in_flight, tuple(self.ended), frozenset(self.run_keys)))
                self._ticking = True
                self.counts.ticks += 1
            return
        aimed = self._kill_at["daemon"]
        if self.daemon.pipe.poll():
            asked: TickResult = self.daemon.said()
            self._ticking = False
            self._done("daemon")
            self.ended.clear()
            new = [work for work in asked.works if not work.run_key or work.run_key not in self.run_keys]
            self.run_keys |= {work.run_key for work in new}
            self.waiting += new
            self._nothing_asked = not new
            self._tick_at = asked.next_at
            if asked.problem:
                self._fail(asked.problem)
            for user_id in asked.to_reconnect:
                self.reconnect(user_id)
        elif aimed is not None and time.monotonic() >= aimed:
            self.kill_daemon()

    def _are_starting(self) -> bool:
        """Whether a requested run is not yet known to Dagster."""
        runs_in_flight = [run for run in self.runs_in_flight.values() if not run.killed]
        return bool(self.waiting) or not all(
            self.page.get(run.process.slot, Activity.BEGAN) or run.process.speaks for run in runs_in_flight
        )

    def reconnect(self, user_id: int) -> None:
        """Connect a member again after some hours."""
        told = self._told
        if user_id in told:
            return
        told.add(user_id)

        def back() -> None:
            told.discard(user_id)
            self.connect(user_id)
            self.counts.reconnected += 1

        self.at(self.page.now() + self.rng.uniform(0.2, 5) * HOUR, back)

    def _leap(self, until: datetime) -> None:
        """Move the clock to the next scheduled time if no process works.

        Waiting by the clock does not count as work.
        """
        working = [run.process.slot for run in self.runs_in_flight.values() if not run.killed]
        waits = [self.page.get(slot, Activity.WAITS_UNTIL) for slot in working]
        if self._delivery is not None or self._ticking or not all(waits):
            self._listen()
            return
        if self.waiting and len(working) < MAX_CONCURRENT_RUNS:
            return
        moments = [moment_of(wait) for wait in waits] + [self._deliver_at]
        if self.daemon is not None and not (self.scenario.dagster and self._are_starting()):
            moments.append(self._tick_at)
        if self._agenda:
            moments.append(self._agenda[0][0])
        if not working:
            moments.append(until)
        to = min(moments)
        if to <= self.page.now():
            time.sleep(0.0005)  # a wait has just ended
            return
        self.page.leap(to)
        self.counts.leaps += 1

    def _listen(self) -> None:
        """Wait for a message, a due kill or a short time."""
        aims = [
            *self._kill_at.values(),
            *(one.kill_at for one in self.runs_in_flight.values() if not one.killed),
        ]
        soon = min((aim - time.monotonic() for aim in aims if aim is not None), default=1.0)
        pipes = [run.process.pipe for run in self.runs_in_flight.values() if not run.killed]
        if self._ticking and self.daemon is not None:
            pipes.append(self.daemon.pipe)
        wait(pipes, timeout=min(0.002 if self._delivery is not None or not pipes else 0.01, max(0.0, soon)))

    # The end

    def settle(self, settled: Callable[[], bool]) -> None:
        """Continue without kills and edits until `settled`, then freeze WHOOP and finish all due work.

        `settled` is checked once a simulated day from `scenario.settling` on, for at most
        `scenario.settled_within`.
        """
        while sum(self.armed.values()) > 0 and self.page.now() < self.end + timedelta(days=1):
            self.live(self.page.now() + HOUR)
        self.control.post("webhooks/faults")
        self.live(self.page.now() + self.scenario.settling)
        while not settled() and self.page.now() < self.end + self.scenario.settled_within:
            self.live(self.page.now() + timedelta(days=1))
        self.settled_after = self.page.now() - self.end
        self.page.stop_whoop()
        self._deliver_at = self._tick_at = self.page.now()
        for _ in range(3):
            self._nothing_asked = False
            self._deliver_at = self._tick_at = self.page.now()
            self.live(self.page.now(), drained=True)

    def close(self) -> None:
        self._delivery_thread.shutdown(wait=False)
        for process in [
            *self.workers,
            self.receiver,
            self.daemon,
            self.whoop,
            *(one.process for one in self.runs_in_flight.values()),
        ]:
            if process is not None:
                process.kill()
        self.database.close()

    def __enter__(self) -> Self:
        try:
            self.begin()
        except BaseException:
            traceback.print_exc()
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _where(page: Page, slot: int) -> str:
    """The activity of a process at the time of its kill."""
    if page.get(slot, Activity.WRITES):
        return "in a writing transaction"
    if page.get(slot, Activity.READS):
        return "in a reading transaction"
    if page.get(slot, Activity.ASKS):
        return ("", "in an API request", "in a token exchange")[page.get(slot, Activity.ASKS)]
    if page.get(slot, Activity.WAITS_UNTIL):
        return "waiting for the budget or a lease"
    return "between two steps"
