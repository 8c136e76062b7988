"""Child processes of the simulated weeks: start them, receive their messages, kill them."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from whoop_assets_tests.support.simulated_weeks.processes import Work

MAX_WAIT_SECONDS = 120.0
"""Real seconds that the simulation waits for a message or the end of a process."""
FORK = multiprocessing.get_context("forkserver")


class Process:
    """A child process with its pipe and its slot in the shared memory."""

    def __init__(self, target: Callable[..., None], slot: int, *arguments: Any) -> None:
        self.slot = slot
        self._heard: list[Any] = []
        self.pipe, theirs = FORK.Pipe()
        self._process = FORK.Process(target=target, args=(*arguments, theirs), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    @property
    def speaks(self) -> bool:
        """Whether a message waits, or the process has ended."""
        return bool(self._heard) or self.pipe.poll()

    def said(self) -> Any:
        """Return the next message; raises EOFError if the process ends without one."""
        if self._heard:
            return self._heard.pop()
        assert self.pipe.poll(MAX_WAIT_SECONDS), "a process of the drill said nothing"
        return self.pipe.recv()

    def has_spoken(self) -> bool:
        """Whether an ended process sent a message first. `said` then returns it."""
        try:
            self._heard.append(self.pipe.recv())
        except (EOFError, OSError):  # reset: the process had not read its own message
            return False
        return True

    def kill(self) -> bool:
        """Kill the process with SIGKILL; return whether it was alive."""
        lived = self._process.is_alive()
        if lived:
            os.kill(self.pid, signal.SIGKILL)
        self._process.join(MAX_WAIT_SECONDS)
        return lived


@dataclass
class RunInFlight:
    """An active run, or a killed run whose end the daemon has not noticed yet."""

    work: Work
    process: Process
    began: float
    killed: bool = False
    kill_at: float | None = None
