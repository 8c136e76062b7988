"""The processes of the simulation: start and kill them, and record the results of runs."""

import heapq
import itertools
import random
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from whoop_assets.cli.processes.ports import free_port
from whoop_assets.settings import Settings
from whoop_assets.sync.members.connecting import connect_member
from whoop_assets.sync.session import WhoopSession
from whoop_assets.whoop_api.oauth import TokenPair
from whoop_assets_tests.support.simulated_weeks import processes, runs, with_dagster
from whoop_assets_tests.support.simulated_weeks.child_processes import FORK, Process, RunInFlight
from whoop_assets_tests.support.simulated_weeks.member_edits import MemberEdits
from whoop_assets_tests.support.simulated_weeks.scenario import Counts, Scenario
from whoop_assets_tests.support.simulated_weeks.shared_clock import (
    Activity,
    SharedClock,
    SharedMemory,
    WatchedDatabase,
)
from whoop_assets_tests.support.simulated_weeks.work import (
    DAEMON,
    DRIVER,
    FIRST_RUN,
    RECEIVER,
    SIMULATOR,
    RunOutcome,
    Work,
)
from whoop_simulator.http.grants import App
from whoop_simulator.running import Control

MAX_CONCURRENT_RUNS = 3
"""Maximum number of active runs."""
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TICK_AFTER_RUN = 3 * MINUTE
"""Maximum time between the end of a run and the next tick."""
IDLE_SHARE = 0.15
"""Share of the kills of receiver and daemon that hit an idle process."""


class SimulatedProcesses:
    """All processes of the simulation, its schedule of actions, and its counts."""

    def __init__(self, scenario: Scenario, database_url: str, token_key: str, folder: Path) -> None:
        self.scenario = scenario
        self.rng = random.Random(scenario.seed)
        self.page = SharedMemory(folder / "page")
        self.page.leap(scenario.start - scenario.prelude)
        self.counts = Counts()
        daemon, worker = (
            (with_dagster.daemon, with_dagster.worker)
            if scenario.dagster
            else (processes.daemon, runs.worker)
        )
        self._daemon: Callable[..., None] = daemon
        self._worker: Callable[..., None] = worker
        FORK.set_forkserver_preload([processes.__name__, runs.__name__, with_dagster.__name__])
        self.whoop_options: dict[str, Any] = {
            "members": scenario.members,
            "days": scenario.history.days,
            "seed": scenario.seed,
        }
        self.whoop = Process(processes.whoop, SIMULATOR, self.page.path, self.whoop_options)
        base_url = self.whoop.receive()
        self.control = Control(base_url)
        self.members = [member["user_id"] for member in self.control.get("members")]
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
        self._duration: dict[str, float] = {"receiver": 0.02, "daemon": 0.1, "run": 0.3}
        self._since = {"receiver": 0.0, "daemon": 0.0}
        self._nothing_requested = False
        self._reconnecting: set[int] = set()
        self.end = scenario.start + scenario.life

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (moment, next(self._numbers), action))

    def connect(self, user_id: int) -> None:
        """Connect a member, as the command does after the consent."""
        given = self.control.post("tokens/issue", user_id=user_id)
        pair = TokenPair(
            given["access_token"],
            given["refresh_token"],
            given["expires_in"],
            frozenset(given["scope"].split()),
        )
        with WhoopSession(self.settings, self.database, "connect") as connection:
            connect_member(connection, pair)

    def edit(self) -> None:
        self.edits.edit(self.page.now())
        self._deliver_at = self.page.now()

    # Processes

    def start_receiver(self) -> None:
        self.receiver = Process(processes.receiver, RECEIVER, self.page.path, self.settings, self.port)
        self.receiver.receive()

    def start_daemon(self) -> None:
        self.daemon = Process(self._daemon, DAEMON, self.page.path, self.settings)
        self.daemon.receive()
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
                run.kill_at = time.monotonic() + self.rng.uniform(0, 1.2 * self._duration["run"])
            self.counts.runs[work.reason] += 1
            active += 1
            if work.lane == "webhook" and self.page.now() < self.end and self.rng.random() < 0.05:
                # Change another record during the load.
                self.at(self.page.now() + timedelta(seconds=self.rng.uniform(0, 0.3)), self.edit)

    def _new_worker(self) -> Process:
        slots = {run.process.slot for run in self.runs_in_flight.values()}
        slot = next(slot for slot in itertools.count(FIRST_RUN) if slot not in slots)
        worker = Process(self._worker, slot, self.page.path, slot, self.settings)
        worker.receive()
        return worker

    def check_runs(self) -> None:
        for run_id, run in list(self.runs_in_flight.items()):
            if run.killed:
                continue
            if run.kill_at is not None and self.armed["run"] and time.monotonic() >= run.kill_at:
                self.kill_run(run_id, run)
            elif run.process.has_message:
                self.run_ended(run_id, run)

    def run_ended(self, run_id: str, run: RunInFlight) -> None:
        try:
            outcome: RunOutcome = run.process.receive()
            self._duration["run"] = 0.9 * self._duration["run"] + 0.1 * (time.monotonic() - run.began)
            if run.process.alive:
                self.workers.append(run.process)
        except EOFError:
            outcome = RunOutcome(problem=f"A run for {run.work.reason} ended without a result.")
        self.counts.failures.update(
            re.sub(r"\(pid .*?UTC", "(...) UTC", failure) for failure in outcome.failures
        )
        if outcome.problem:
            self._fail(outcome.problem)
        self._count_requests(run)
        del self.runs_in_flight[run_id]
        self.ended.append(run_id)
        self._tick_at = min(self._tick_at, self.page.now() + TICK_AFTER_RUN)

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
        if not run.process.kill() or run.process.sent_last_message():
            run.kill_at = None  # Too late: the process has sent its last message.
        else:
            self.armed["run"] -= 1
            run.killed = True
            self.counts.hits["run"][_where(self.page, run.process.slot)] += 1
            self._count_requests(run)

            def notice_end() -> None:
                del self.runs_in_flight[run_id]
                self.ended.append(run_id)
                self._tick_at = min(self._tick_at, self.page.now())

            self.at(self.page.now() + self.rng.uniform(0.5, 15) * MINUTE, notice_end)

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

    def _work_begins(self, kind: str) -> None:
        """Record the start of work, and choose the time of a pending kill."""
        self._since[kind] = time.monotonic()
        if self.armed[kind]:
            self._kill_at[kind] = time.monotonic() + self.rng.uniform(0, 1.2 * self._duration[kind])

    def _work_ends(self, kind: str) -> None:
        self._kill_at[kind] = None
        self._duration[kind] = 0.9 * self._duration[kind] + 0.1 * (time.monotonic() - self._since[kind])


def _where(page: SharedMemory, slot: int) -> str:
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
