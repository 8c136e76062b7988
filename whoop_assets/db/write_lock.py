"""Turns at SQLite's one write lock, so that whoever writes without a pause lets the others in.

SQLite has no queue of writers: who finds the lock taken looks again after a while, up to a tenth of a second later, and
meets the next transaction of a process that writes all the time. So everybody who wants to write holds the turn first,
a lock on a file beside the database, and gives it up when their transaction has begun: who has just committed waits
for the turn while somebody else has it, and that one is next.

A courtesy, not a lock that anything relies on: who does not get the turn in time (its holder was stopped, say) goes
without it, and where files cannot be locked nobody takes turns.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PATIENCE = 1.0
"""Seconds after which a turn is not waited for any longer: more than a transaction takes."""
_PAUSE = 0.001


class Turns:
    """The turns at one SQLite file, for any number of threads and processes."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}-turn")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the turn, or after PATIENCE go on without it."""
        file = self._open()
        try:
            if file is not None:
                _lock(file)
            yield
        finally:
            if file is not None:
                os.close(file)  # and with it goes the lock

    def _open(self) -> int | None:
        if fcntl is None:
            return None
        with suppress(OSError):  # a folder that cannot be written to: SQLite says so better
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return None


def _lock(file: int) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return
            time.sleep(_PAUSE)
        except OSError:  # a file system without locks
            return
        else:
            return
