"""The processes as the drill holds them: started, listened to, killed."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from whoop_assets_tests.support.simulated_weeks.processes import Work

PATIENCE = 120.0
"""Real seconds for what must come."""
FORK = multiprocessing.get_context("forkserver")


class Process:
    """A process, its end of a pipe, and its slot."""

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
        """Whether it has said something, or has ended."""
        return bool(self._heard) or self.pipe.poll()

    def said(self) -> Any:
        """What it has to say, as soon as it does; EOFError when it ends without."""
        if self._heard:
            return self._heard.pop()
        assert self.pipe.poll(PATIENCE), "a process of the drill said nothing"
        return self.pipe.recv()

    def has_spoken(self) -> bool:
        """Of a process that has ended: whether it said something first, which can still be heard."""
        try:
            self._heard.append(self.pipe.recv())
        except (EOFError, OSError):  # a reset: it had not even read what it was told
            return False
        return True

    def kill(self) -> bool:
        """kill -9; whether it lived."""
        lived = self._process.is_alive()
        if lived:
            os.kill(self.pid, signal.SIGKILL)
        self._process.join(PATIENCE)
        return lived


@dataclass
class Flight:
    """A run under way, or one that was killed and is not yet known to have ended."""

    work: Work
    process: Process
    began: float
    killed: bool = False
    kill_at: float | None = None
