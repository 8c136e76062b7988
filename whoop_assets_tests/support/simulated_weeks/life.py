"""The drill itself: a loop that lets WHOOP deliver, the daemon look, runs run, hands edit, and kills them all.

Whenever nobody works, or everybody waits by the clock, time leaps to the next moment at which something will happen.
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
from whoop_assets.sync.connecting import connect_member
from whoop_assets.sync.session import Connection
from whoop_assets.whoop_api.oauth import TokenPair
from whoop_assets_tests.support.simulated_weeks import processes, with_dagster
from whoop_assets_tests.support.simulated_weeks.figures import KINDS, Figures, Plot, counted
from whoop_assets_tests.support.simulated_weeks.hands import Hands
from whoop_assets_tests.support.simulated_weeks.processes import (
    DAEMON,
    DRIVER,
    FIRST_RUN,
    RECEIVER,
    Asked,
    Outcome,
    Tick,
    Work,
    moment_of,
)
from whoop_assets_tests.support.simulated_weeks.shared_time import Does, Page, SharedClock, WatchedDatabase
from whoop_assets_tests.support.simulated_weeks.staff import FORK, Flight, Process
from whoop_simulator.http.grants import App
from whoop_simulator.running import Control

AT_ONCE = 3
"""Runs under way at a time."""
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
DELIVER_AFTER, TICK_AFTER = MINUTE, timedelta(seconds=3)
"""Deliveries are a minute apart at least, so that a burst is one; a tick comes soon after one."""
LOOK_AFTER = 3 * MINUTE
"""After a run, as what it has left is found by any tick."""
IDLE_SHARE = 0.15
"""Of the kills of receiver and daemon so many come while they have nothing to do."""


class Life:
    """Everything there is, and the loop."""

    def __init__(self, plot: Plot, database_url: str, token_key: str, folder: Path) -> None:
        self.plot = plot
        self.chance = random.Random(plot.seed)
        self.page = Page(folder / "page")
        self.page.leap(plot.start - plot.prelude)
        self.figures = Figures()
        self._staff: Any = with_dagster if plot.dagster else processes
        FORK.set_forkserver_preload([processes.__name__, with_dagster.__name__])
        self.whoop_options: dict[str, Any] = {
            "members": plot.members,
            "days": plot.history.days,
            "seed": plot.seed,
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
            start_date=(plot.start - plot.prelude - plot.history - timedelta(days=10)).date(),
        )
        self.database = WatchedDatabase(database_url, SharedClock(self.page, DRIVER, drives=True))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/webhooks/whoop"
        self.hands = Hands(self.control, self.members, random.Random(plot.seed + 1))
        self.receiver: Process | None = None
        self.daemon: Process | None = None
        self.flights: dict[str, Flight] = {}
        self.waiting: list[Work] = []
        self.workers: list[Process] = []
        """Those with nothing to do."""
        self.ended: list[str] = []
        self.run_keys: set[str] = set()
        self.armed: Counter[str] = Counter()
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._postman = ThreadPoolExecutor(1)
        self._delivery: Future[Any] | None = None
        self._ticking = False
        self._tick_at = self._deliver_at = plot.start
        self._kill_at: dict[str, float | None] = {"receiver": None, "daemon": None}
        self._took: dict[str, float] = {"receiver": 0.02, "daemon": 0.1, "run": 0.3}
        self._since = {"receiver": 0.0, "daemon": 0.0}
        self._nothing_asked = False
        self._told: set[int] = set()
        self.end = plot.start + plot.life

    # What is to come

    def at(self, moment: datetime, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._numbers), what))

    def begin(self) -> None:
        """Connect everybody, start everything, and write down what will happen when."""
        self.control.post("webhooks/faults", duplicates=0.05, disorder=0.1, lost=0.05)
        self.control.post("webhooks/subscribe", url=self.url)
        for user_id in self.members:
            self.connect(user_id)
        self.start_receiver()
        self._deliver_at = self.page.now()
        self.live(self.plot.start)
        self.start_daemon()
        for number in range(self.plot.kills):
            moment = self.plot.start + self.plot.life * self.chance.uniform(0.02, 0.97)
            kind = KINDS[number % len(KINDS)]
            self.at(moment, partial(self.arm, kind))
        for _ in range(round(self.plot.edits_a_day * (self.plot.life / timedelta(days=1)))):
            self.at(self.plot.start + self.plot.life * self.chance.random(), self.edit)

    def connect(self, user_id: int) -> None:
        """As `connect` does once the member has consented."""
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
        self.hands.do(self.page.now())
        self._deliver_at = self.page.now()

    # Processes

    def start_receiver(self) -> None:
        self.receiver = Process(processes.receiver, RECEIVER, self.page.path, self.settings, self.port)
        self.receiver.said()

    def start_daemon(self) -> None:
        self.daemon = Process(self._staff.daemon, DAEMON, self.page.path, self.settings)
        self.daemon.said()
        self._ticking = False
        self._tick_at = self.page.now()

    def start_runs(self) -> None:
        under_way = sum(not flight.killed for flight in self.flights.values())
        while self.waiting and under_way < AT_ONCE:
            work = self.waiting.pop(0)
            run_id = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
            worker = self.workers.pop() if self.workers else self._new_worker()
            for of in (Does.REQUESTS, Does.EXCHANGES):
                self.page.set(worker.slot, of, 0)
            worker.pipe.send((work, run_id))
            flight = self.flights[run_id] = Flight(work, worker, time.monotonic())
            if self.armed["run"]:
                flight.kill_at = time.monotonic() + self.chance.uniform(0, 1.2 * self._took["run"])
            self.figures.runs[work.reason] += 1
            under_way += 1
            if work.lane == "webhook" and self.page.now() < self.end and self.chance.random() < 0.05:
                # While it loads, something else changes.
                self.at(self.page.now() + timedelta(seconds=self.chance.uniform(0, 0.3)), self.edit)

    def _new_worker(self) -> Process:
        slots = {flight.process.slot for flight in self.flights.values()}
        slot = next(slot for slot in itertools.count(FIRST_RUN) if slot not in slots)
        worker = Process(self._staff.worker, slot, self.page.path, slot, self.settings)
        worker.said()
        return worker

    def look_at_runs(self) -> None:
        for run_id, flight in list(self.flights.items()):
            if flight.killed:
                continue
            if flight.kill_at is not None and self.armed["run"] and time.monotonic() >= flight.kill_at:
                self.kill_run(run_id, flight)
            elif flight.process.speaks:
                self.landed(run_id, flight)

    def landed(self, run_id: str, flight: Flight) -> None:
        try:
            outcome: Outcome = flight.process.said()
            self._took["run"] = 0.9 * self._took["run"] + 0.1 * (time.monotonic() - flight.began)
            if flight.process.alive:
                self.workers.append(flight.process)
        except EOFError:
            outcome = Outcome(problem=f"A run for {flight.work.reason} ended without a word.")
        self.figures.failures.update(re.sub(r"\(pid .*?UTC", "(...) UTC", one) for one in outcome.failures)
        if outcome.problem:
            self._has_a(outcome.problem)
        self._count_requests(flight)
        del self.flights[run_id]
        self.ended.append(run_id)
        self._tick_at = min(self._tick_at, self.page.now() + LOOK_AFTER)

    def _has_a(self, problem: str) -> None:
        """An error of the drill or of the product that nothing should raise: a life with one leads nowhere."""
        self.figures.problems.append(problem)
        raise AssertionError(problem)

    def _count_requests(self, flight: Flight) -> None:
        slot = flight.process.slot
        name = f"{flight.work.lane}: {flight.work.reason}"
        self.figures.requests[name] += self.page.get(slot, Does.REQUESTS)
        self.figures.exchanges += self.page.get(slot, Does.EXCHANGES)

    # Kills

    def arm(self, kind: str) -> None:
        """From now on, the next of this kind that works is killed at a random moment of its work."""
        self.armed[kind] += 1
        if kind != "run" and self.chance.random() < IDLE_SHARE:
            if kind == "receiver" and self.receiver is not None and self._delivery is None:
                self.kill_receiver()
            if kind == "daemon" and self.daemon is not None and not self._ticking:
                self.kill_daemon()

    def kill_run(self, run_id: str, flight: Flight) -> None:
        if not flight.process.kill() or flight.process.has_spoken():
            flight.kill_at = None  # too late: it had said its last word
        else:
            self.armed["run"] -= 1
            flight.killed = True
            self.figures.hits["run"][_where(self.page, flight.process.slot)] += 1
            self._count_requests(flight)

            def noticed() -> None:
                del self.flights[run_id]
                self.ended.append(run_id)
                self._tick_at = min(self._tick_at, self.page.now())

            self.at(self.page.now() + self.chance.uniform(0.5, 15) * MINUTE, noticed)

    def kill_receiver(self) -> None:
        assert self.receiver is not None
        took = self.page.get(RECEIVER, Does.TAKES)
        if self.receiver.kill():
            self.armed["receiver"] -= 1
            where = _where(self.page, RECEIVER) if took else "idle"
            self.figures.hits["receiver"][f"delivery open, {where}" if took else where] += 1
        self.receiver, self._kill_at["receiver"] = None, None
        after = min(self.chance.expovariate(1 / 12), 100) * MINUTE
        self.at(self.page.now() + after, self.start_receiver)

    def kill_daemon(self) -> None:
        assert self.daemon is not None
        if self.daemon.kill():
            self.armed["daemon"] -= 1
            in_tick = self.page.get(DAEMON, Does.BEGAN)
            self.figures.hits["daemon"][f"tick, {_where(self.page, DAEMON)}" if in_tick else "idle"] += 1
        self.daemon, self._ticking, self._kill_at["daemon"] = None, False, None
        self.at(self.page.now() + self.chance.expovariate(1 / 6) * MINUTE, self.start_daemon)

    def _aim(self, kind: str) -> None:
        """It begins to work: if it is to be killed, when."""
        self._since[kind] = time.monotonic()
        if self.armed[kind]:
            self._kill_at[kind] = time.monotonic() + self.chance.uniform(0, 1.2 * self._took[kind])

    def _done(self, kind: str) -> None:
        self._kill_at[kind] = None
        self._took[kind] = 0.9 * self._took[kind] + 0.1 * (time.monotonic() - self._since[kind])

    # The loop

    def live(self, until: datetime, *, drained: bool = False) -> None:
        """Until then; `drained`: from then on until nothing is asked for any more, with no time leapt over."""
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
        """How far it has come."""
        took = self._took
        return (
            f"{self.figures}; a run takes {took['run']:.2f} s, a tick {took['daemon']:.3f} s,"
            f" a delivery {took['receiver']:.3f} s"
        )

    def report(self) -> str:
        """What it was like."""
        whoop, sent = self.control.get("stats"), self.control.get("webhooks")["counts"]
        days = (self.page.now() - self.plot.start) / timedelta(days=1)
        head = (
            f"{self.plot.members} members, {self.plot.life.days} days of life, {self.settled_after.days} of settling,"
            f" after {self.plot.prelude.days} with the receiver alone"
        )
        edits = f"Edits: {counted(self.hands.done)}"
        return "\n".join([head, edits, *self.figures.lines(whoop, sent, self.plot.members * days)])

    def _busy(self) -> bool:
        return (
            self._delivery is not None
            or self._ticking
            or any(not flight.killed for flight in self.flights.values())
        )

    def _deliver(self, now: datetime) -> None:
        if self._delivery is None:
            if now >= self._deliver_at:
                self._aim("receiver")
                self._delivery = self._postman.submit(self.control.post, "webhooks/deliver")
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
            self.figures.deliveries["attempts"] += 1
            self.figures.deliveries["retries"] += len(one["answers"]) > 1
            self.figures.announced.add(one["trace_id"])
            if one["status"] == "delivered":
                self.figures.deliveries["delivered"] += 1
                self.figures.delivered.setdefault(one["trace_id"], now)
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
            if now >= self._tick_at and not (self.plot.dagster and self._are_starting()):
                flights = {run_id: flight.work for run_id, flight in self.flights.items()}
                flights |= {f"queued {number}": work for number, work in enumerate(self.waiting)}
                self._aim("daemon")
                self.daemon.pipe.send(Tick(flights, tuple(self.ended), frozenset(self.run_keys)))
                self._ticking = True
                self.figures.ticks += 1
            return
        aimed = self._kill_at["daemon"]
        if self.daemon.pipe.poll():
            asked: Asked = self.daemon.said()
            self._ticking = False
            self._done("daemon")
            self.ended.clear()
            new = [work for work in asked.works if not work.run_key or work.run_key not in self.run_keys]
            self.run_keys |= {work.run_key for work in new}
            self.waiting += new
            self._nothing_asked = not new
            self._tick_at = asked.next_at
            if asked.problem:
                self._has_a(asked.problem)
            for user_id in asked.to_reconnect:
                self.reconnect(user_id)
        elif aimed is not None and time.monotonic() >= aimed:
            self.kill_daemon()

    def _are_starting(self) -> bool:
        """Whether Dagster does not know yet of a run that it was asked for."""
        flights = [flight for flight in self.flights.values() if not flight.killed]
        return bool(self.waiting) or not all(
            self.page.get(flight.process.slot, Does.BEGAN) or flight.process.speaks for flight in flights
        )

    def reconnect(self, user_id: int) -> None:
        """The member is told, and comes back some hours later."""
        told = self._told
        if user_id in told:
            return
        told.add(user_id)

        def back() -> None:
            told.discard(user_id)
            self.connect(user_id)
            self.figures.reconnected += 1

        self.at(self.page.now() + self.chance.uniform(0.2, 5) * HOUR, back)

    def _leap(self, until: datetime) -> None:
        """To the next moment at which something happens, if nobody works; waiting by the clock is not working."""
        working = [flight.process.slot for flight in self.flights.values() if not flight.killed]
        waits = [self.page.get(slot, Does.WAITS_UNTIL) for slot in working]
        if self._delivery is not None or self._ticking or not all(waits):
            self._listen()
            return
        if self.waiting and len(working) < AT_ONCE:
            return
        moments = [moment_of(wait) for wait in waits] + [self._deliver_at]
        if self.daemon is not None and not (self.plot.dagster and self._are_starting()):
            moments.append(self._tick_at)
        if self._agenda:
            moments.append(self._agenda[0][0])
        if not working:
            moments.append(until)
        to = min(moments)
        if to <= self.page.now():
            time.sleep(0.0005)  # somebody's waiting is just over
            return
        self.page.leap(to)
        self.figures.leaps += 1

    def _listen(self) -> None:
        """Until somebody says something, or is to be killed, or a moment is over."""
        aims = [*self._kill_at.values(), *(one.kill_at for one in self.flights.values() if not one.killed)]
        soon = min((aim - time.monotonic() for aim in aims if aim is not None), default=1.0)
        pipes = [flight.process.pipe for flight in self.flights.values() if not flight.killed]
        if self._ticking and self.daemon is not None:
            pipes.append(self.daemon.pipe)
        wait(pipes, timeout=min(0.002 if self._delivery is not None or not pipes else 0.01, max(0.0, soon)))

    # The end

    def settle(self, settled: Callable[[], bool]) -> None:
        """No kills and no edits any more, every webhook is sent, and the planner has its time; then WHOOP stands still.

        From `plot.settling` on, once a simulated day: whether all is `settled`; `plot.settled_within` is the end of it.
        """
        while sum(self.armed.values()) > 0 and self.page.now() < self.end + timedelta(days=1):
            self.live(self.page.now() + HOUR)
        self.control.post("webhooks/faults")
        self.live(self.page.now() + self.plot.settling)
        while not settled() and self.page.now() < self.end + self.plot.settled_within:
            self.live(self.page.now() + timedelta(days=1))
        self.settled_after = self.page.now() - self.end
        self.page.stop_whoop()
        self._deliver_at = self._tick_at = self.page.now()
        for _ in range(3):
            self._nothing_asked = False
            self._deliver_at = self._tick_at = self.page.now()
            self.live(self.page.now(), drained=True)

    def close(self) -> None:
        self._postman.shutdown(wait=False)
        for process in [
            *self.workers,
            self.receiver,
            self.daemon,
            self.whoop,
            *(one.process for one in self.flights.values()),
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
    """What a process did when it died."""
    if page.get(slot, Does.WRITES):
        return "in a writing transaction"
    if page.get(slot, Does.READS):
        return "in a reading transaction"
    if page.get(slot, Does.ASKS):
        return ("", "in an API request", "in a token exchange")[page.get(slot, Does.ASKS)]
    if page.get(slot, Does.WAITS_UNTIL):
        return "waiting for the budget or a lease"
    return "between two steps"
