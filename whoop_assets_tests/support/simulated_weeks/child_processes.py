"""Child processes of the simulated weeks: start them, receive their messages, kill them."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from whoop_assets_tests.support.simulated_weeks.work import Work

MAX_WAIT_SECONDS = 120.0
"""Real seconds that the simulation waits for a message or the end of a process."""
FORK = multiprocessing.get_context("forkserver")


class Process:
    """A child process with its pipe and its slot in the shared memory."""

    def __init__(self, target: Callable[..., None], slot: int, *arguments: Any) -> None:
        self.slot = slot
        self._messages: list[Any] = []
        self.pipe, child_end = FORK.Pipe()
        self._process = FORK.Process(target=target, args=(*arguments, child_end), daemon=True)
        self._process.start()
        child_end.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    @property
    def has_message(self) -> bool:
        """Whether a message is available, or the process has ended."""
        return bool(self._messages) or self.pipe.poll()

    def receive(self) -> Any:
        """Returns the next message; raises EOFError if the process ends without one."""
        if self._messages:
            return self._messages.pop()
        assert self.pipe.poll(MAX_WAIT_SECONDS), "a process of the simulation sent no message in time"
        return self.pipe.recv()

    def sent_last_message(self) -> bool:
        """Whether an ended process has sent a message before its end; `receive` then returns it."""
        try:
            self._messages.append(self.pipe.recv())
        except (EOFError, OSError):  # A reset: the process did not read its own message.
            return False
        return True

    def kill(self) -> bool:
        """Kills the process with SIGKILL; returns whether it was alive."""
        was_alive = self._process.is_alive()
        if was_alive:
            os.kill(self.pid, signal.SIGKILL)
        self._process.join(MAX_WAIT_SECONDS)
        return was_alive


@dataclass
class RunInFlight:
    """An active run, or a killed run before the daemon notices its end."""

    work: Work
    process: Process
    began: float
    killed: bool = False
    kill_at: float | None = None
