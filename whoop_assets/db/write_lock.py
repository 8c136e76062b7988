"""Fair queueing for SQLite's single write lock.

SQLite has no queue of writers. A process that finds the lock taken polls, up to a tenth of a second apart,
and a process that writes without pauses always wins. Therefore each writer first locks a file next to the
database and releases it when its transaction has begun. A process that has just committed then waits while
another process holds the file.

Best effort: correctness depends on SQLite's lock alone. A writer that waits longer than `MAX_WAIT_SECONDS`
proceeds without the file lock, and so does every writer on a file system without locks.
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

MAX_WAIT_SECONDS = 1.0
"""Upper bound on the wait; longer than any transaction."""
_POLL_SECONDS = 0.001


class WriteLockQueue:
    """The queue of one SQLite file, for all threads and processes."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}-turn")

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Hold the file lock; proceed without it after `MAX_WAIT_SECONDS`."""
        file = self._open()
        try:
            if file is not None:
                _lock(file)
            yield
        finally:
            if file is not None:
                os.close(file)  # releases the lock

    def _open(self) -> int | None:
        if fcntl is None:
            return None
        with suppress(OSError):  # SQLite's own error about an unwritable folder is clearer
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return None


def _lock(file: int) -> None:
    deadline = time.monotonic() + MAX_WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_POLL_SECONDS)
        except OSError:  # a file system without locks
            return
        else:
            return
