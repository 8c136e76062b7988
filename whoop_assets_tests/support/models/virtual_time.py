"""Many at once on a virtual clock: tasks that wait by it, one of which runs at a time, in the order of their
waking.

A task is a thread, so that code which calls `clock.sleep` in the middle of its work (the request budget) runs
as it is. Only the thread that holds the turn runs, and whoever waits passes it on; the outcome depends on
nothing but the order in which tasks were begun and the times at which they wake.
"""

import heapq
import itertools
import threading
from collections.abc import Callable
from datetime import datetime, timedelta


class Ended(BaseException):
    """The life is over: a task that still waits is not to go on."""


class VirtualTime:
    """A clock for `Database`, and the loop that moves it."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._back = threading.Semaphore(0)
        self._waiting: set[threading.Semaphore] = set()
        self._failed: BaseException | None = None
        self._ended = False

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        """Wait, and let others work meanwhile; for a task."""
        turn = threading.Semaphore(0)
        self._waiting.add(turn)
        self.at(self._now + timedelta(seconds=max(0.0, seconds)), lambda: self._give(turn))
        self._back.release()
        turn.acquire()
        self._waiting.discard(turn)
        if self._ended:
            raise Ended

    def at(self, moment: datetime, what: Callable[[], None]) -> None:
        """Do something then that does not wait."""
        heapq.heappush(self._agenda, (max(moment, self._now), next(self._numbers), what))

    def begin(self, task: Callable[[], None]) -> None:
        """Begin a task as soon as whoever is working now waits or ends."""

        def body() -> None:
            try:
                task()
            except Ended:
                pass
            except BaseException as error:  # noqa: BLE001 - raised where the life is watched
                self._failed = error
            self._back.release()

        def start() -> None:
            threading.Thread(target=body, daemon=True).start()
            self._back.acquire()

        self.at(self._now, start)

    def run(self, until: datetime) -> None:
        """Let everything happen that happens until then. Raises what a task has raised."""
        while self._agenda and self._agenda[0][0] <= until:
            self._now, _, what = heapq.heappop(self._agenda)
            what()
            if self._failed is not None:
                raise self._failed
        self._now = max(self._now, until)

    def end(self) -> None:
        """End the tasks that still wait."""
        self._ended = True
        for turn in list(self._waiting):
            self._give(turn)

    def _give(self, turn: threading.Semaphore) -> None:
        turn.release()
        self._back.acquire()
