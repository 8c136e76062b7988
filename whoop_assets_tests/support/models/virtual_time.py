"""A virtual clock for concurrent tasks: tasks sleep on it, and only one task runs at a time.

A task is a thread, so that code that calls `clock.sleep`, such as the request budget, runs unchanged. A task
that sleeps passes control to the next one. The result depends only on the order in which tasks start and on
the times at which they wake.
"""

import heapq
import itertools
import threading
from collections.abc import Callable
from datetime import datetime, timedelta


class TaskCanceled(BaseException):
    """Raised in a task that still sleeps when the simulation ends."""


class VirtualTime:
    """A clock for `Database`, and the event loop that advances it."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._control = threading.Semaphore(0)
        self._waiting: set[threading.Semaphore] = set()
        self._failed: BaseException | None = None
        self._ended = False

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        """Suspends the calling task; other tasks run meanwhile."""
        wake = threading.Semaphore(0)
        self._waiting.add(wake)
        self.at(self._now + timedelta(seconds=max(0.0, seconds)), lambda: self._resume(wake))
        self._control.release()
        wake.acquire()
        self._waiting.discard(wake)
        if self._ended:
            raise TaskCanceled

    def at(self, moment: datetime, action: Callable[[], None]) -> None:
        """Schedules an action that does not sleep."""
        heapq.heappush(self._agenda, (max(moment, self._now), next(self._numbers), action))

    def begin(self, task: Callable[[], None]) -> None:
        """Starts a task when the active task sleeps or ends."""

        def body() -> None:
            try:
                task()
            except TaskCanceled:
                pass
            except BaseException as error:  # noqa: BLE001 - `run` raises it
                self._failed = error
            self._control.release()

        def start() -> None:
            threading.Thread(target=body, daemon=True).start()
            self._control.acquire()

        self.at(self._now, start)

    def run(self, until: datetime) -> None:
        """Runs all actions and tasks until `until`. Raises the error of a task."""
        while self._agenda and self._agenda[0][0] <= until:
            self._now, _, action = heapq.heappop(self._agenda)
            action()
            if self._failed is not None:
                raise self._failed
        self._now = max(self._now, until)

    def end(self) -> None:
        """Cancels the tasks that still sleep."""
        self._ended = True
        for wake in list(self._waiting):
            self._resume(wake)

    def _resume(self, wake: threading.Semaphore) -> None:
        wake.release()
        self._control.acquire()
