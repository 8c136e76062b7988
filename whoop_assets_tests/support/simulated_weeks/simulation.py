"""The loop of the simulation: webhook deliveries, ticks, runs, edits and kills.

If no process works, or all of them wait by the clock, the clock advances to the next scheduled time.
"""

import heapq
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from multiprocessing.connection import wait
from typing import Self

from whoop_assets_tests.support.simulated_weeks.scenario import KINDS, counted
from whoop_assets_tests.support.simulated_weeks.shared_clock import (
    Activity,
)
from whoop_assets_tests.support.simulated_weeks.simulated_processes import (
    HOUR,
    MAX_CONCURRENT_RUNS,
    SimulatedProcesses,
)
from whoop_assets_tests.support.simulated_weeks.work import (
    TickInput,
    TickResult,
    moment_of,
)

DELIVER_AFTER, TICK_AFTER = timedelta(minutes=1), timedelta(seconds=3)
"""Deliveries are at least a minute apart, so that they form bursts. A tick follows soon after a delivery."""


class Simulation(SimulatedProcesses):
    """The loop of a simulated period."""

    def begin(self) -> None:
        """Connect all members, start all processes, and schedule kills and edits."""
        self.control.post("webhooks/faults", duplicates=0.05, disorder=0.1, lost=0.05)
        self.control.post("webhooks/subscribe", url=self.url)
        for user_id in self.members:
            self.connect(user_id)
        self.start_receiver()
        self._deliver_at = self.page.now()
        self.run_until(self.scenario.start)
        self.start_daemon()
        for number in range(self.scenario.kills):
            moment = self.scenario.start + self.scenario.life * self.rng.uniform(0.02, 0.97)
            kind = KINDS[number % len(KINDS)]
            self.at(moment, partial(self.arm, kind))
        for _ in range(round(self.scenario.edits_a_day * (self.scenario.life / timedelta(days=1)))):
            self.at(self.scenario.start + self.scenario.life * self.rng.random(), self.edit)

    # The loop

    def run_until(self, until: datetime, *, drained: bool = False) -> None:
        """Run until a time.

        With `drained`, continue after it until no work is requested, without skipping time.
        """
        printed, began = time.monotonic(), time.monotonic()
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
            self.check_runs()
            if drained and not self._busy() and not self.waiting and self._nothing_requested:
                return
            self._leap(until)
            if time.monotonic() - printed > 30:
                printed = time.monotonic()
                print(f"  {now:%m-%d %H:%M} after {printed - began:.0f} s: {self.line()}", flush=True)

    def line(self) -> str:
        """A line about the progress."""
        durations = self._duration
        return (
            f"{self.counts}; a run takes {durations['run']:.2f} s, a tick {durations['daemon']:.3f} s,"
            f" a delivery {durations['receiver']:.3f} s"
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
                self._work_begins("receiver")
                self._delivery = self._delivery_thread.submit(self.control.post, "webhooks/deliver")
            return
        kill_at = self._kill_at["receiver"]
        if kill_at is not None and time.monotonic() >= kill_at and self.receiver is not None:
            self.kill_receiver()
        if not self._delivery.done():
            return
        sent = self._delivery.result()
        self._delivery = None
        self._work_ends("receiver")
        for delivery in sent:
            self.counts.deliveries["attempts"] += 1
            self.counts.deliveries["retries"] += len(delivery["answers"]) > 1
            self.counts.announced.add(delivery["trace_id"])
            if delivery["status"] == "delivered":
                self.counts.deliveries["delivered"] += 1
                self.counts.delivered.setdefault(delivery["trace_id"], now)
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
                self._work_begins("daemon")
                self.daemon.pipe.send(TickInput(runs_in_flight, tuple(self.ended), frozenset(self.run_keys)))
                self._ticking = True
                self.counts.ticks += 1
            return
        kill_at = self._kill_at["daemon"]
        if self.daemon.pipe.poll():
            result: TickResult = self.daemon.receive()
            self._ticking = False
            self._work_ends("daemon")
            self.ended.clear()
            new = [work for work in result.works if not work.run_key or work.run_key not in self.run_keys]
            self.run_keys |= {work.run_key for work in new}
            self.waiting += new
            self._nothing_requested = not new
            self._tick_at = result.next_at
            if result.problem:
                self._fail(result.problem)
            for user_id in result.to_reconnect:
                self.reconnect(user_id)
        elif kill_at is not None and time.monotonic() >= kill_at:
            self.kill_daemon()

    def _are_starting(self) -> bool:
        """Whether a requested run is not yet known to Dagster."""
        runs_in_flight = [run for run in self.runs_in_flight.values() if not run.killed]
        return bool(self.waiting) or not all(
            self.page.get(run.process.slot, Activity.BEGAN) or run.process.has_message
            for run in runs_in_flight
        )

    def reconnect(self, user_id: int) -> None:
        """Connect a member again after some hours."""
        reconnecting = self._reconnecting
        if user_id in reconnecting:
            return
        reconnecting.add(user_id)

        def back() -> None:
            reconnecting.discard(user_id)
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
        next_moment = min(moments)
        if next_moment <= self.page.now():
            time.sleep(0.0005)  # A process has just finished waiting.
            return
        self.page.leap(next_moment)
        self.counts.leaps += 1

    def _listen(self) -> None:
        """Wait for a message, a due kill or a short time."""
        kill_times = [
            *self._kill_at.values(),
            *(run.kill_at for run in self.runs_in_flight.values() if not run.killed),
        ]
        soon = min((kill_at - time.monotonic() for kill_at in kill_times if kill_at is not None), default=1.0)
        pipes = [run.process.pipe for run in self.runs_in_flight.values() if not run.killed]
        if self._ticking and self.daemon is not None:
            pipes.append(self.daemon.pipe)
        wait(pipes, timeout=min(0.002 if self._delivery is not None or not pipes else 0.01, max(0.0, soon)))

    # The end

    def finish(self, settled: Callable[[], bool]) -> None:
        """Continue without kills and edits until `settled`, then freeze WHOOP and finish all due work.

        `settled` is checked once a simulated day from `scenario.settling` on, for at most
        `scenario.settled_within`.
        """
        while sum(self.armed.values()) > 0 and self.page.now() < self.end + timedelta(days=1):
            self.run_until(self.page.now() + HOUR)
        self.control.post("webhooks/faults")
        self.run_until(self.page.now() + self.scenario.settling)
        while not settled() and self.page.now() < self.end + self.scenario.settled_within:
            self.run_until(self.page.now() + timedelta(days=1))
        self.settled_after = self.page.now() - self.end
        self.page.stop_whoop()
        self._deliver_at = self._tick_at = self.page.now()
        for _ in range(3):
            self._nothing_requested = False
            self._deliver_at = self._tick_at = self.page.now()
            self.run_until(self.page.now(), drained=True)

    def close(self) -> None:
        self._delivery_thread.shutdown(wait=False)
        for process in [
            *self.workers,
            self.receiver,
            self.daemon,
            self.whoop,
            *(run.process for run in self.runs_in_flight.values()),
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
