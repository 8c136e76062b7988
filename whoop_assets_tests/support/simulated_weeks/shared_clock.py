"""A clock that many processes share, and the activity of each: a page of shared memory.

The clock runs at real speed while a process works, and skips the time in which all processes wait. A process
that waits writes the end of its wait into its slot, and the simulation moves the clock there when all
processes wait. So requests and leases take their real time, and a month takes minutes.
"""

import mmap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from pathlib import Path

from sqlalchemy import Connection

from whoop_assets.db.database import Database

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
SLOTS = 64
_OFFSET, _WHOOP_STANDS_AT = 0, 1


class Activity(IntEnum):
    """The fields of a slot."""

    WAITS_UNTIL = 0
    READS = 1
    WRITES = 2
    ASKS = 3
    """0: none; 1: an API request is active; 2: a token exchange is active."""
    TAKES = 4
    """Number of deliveries without a response so far."""
    BEGAN = 5
    REQUESTS = 6
    EXCHANGES = 7


class SharedMemory:
    """The shared memory. The first slot holds the clock; each other slot belongs to one process."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(8 * len(Activity) * SLOTS))
        with path.open("r+b") as file:
            self._memory = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")
        self.path = path

    def now_micro(self) -> int:
        return time.monotonic_ns() // 1000 + self._memory[_OFFSET]

    def now(self) -> datetime:
        return EPOCH + self.now_micro() * MICROSECOND

    def leap(self, to: datetime) -> None:
        """Move the clock forward to a time. Only one process may call this."""
        self._memory[_OFFSET] += max(0, (to - EPOCH) // MICROSECOND - self.now_micro())

    def whoops_now_milli(self) -> int:
        """The simulator's time in milliseconds: the shared clock, until `stop_whoop` freezes it."""
        return (self._memory[_WHOOP_STANDS_AT] or self.now_micro()) // 1000

    def stop_whoop(self) -> None:
        self._memory[_WHOOP_STANDS_AT] = self.now_micro()

    def get(self, slot: int, field: Activity) -> int:
        return self._memory[slot * len(Activity) + field]

    def set(self, slot: int, field: Activity, value: int) -> None:
        self._memory[slot * len(Activity) + field] = value

    def clear(self, slot: int) -> None:
        for field in Activity:
            self.set(slot, field, 0)


class SharedClock:
    """The product's clock, backed by the shared memory."""

    def __init__(self, page: SharedMemory, slot: int, *, drives: bool = False) -> None:
        """Create the clock. With `drives` a sleep moves the clock, because no other process works."""
        self.page, self.slot, self._drives = page, slot, drives

    def now(self) -> datetime:
        return self.page.now()

    def sleep(self, seconds: float) -> None:
        until = self.page.now() + timedelta(seconds=max(0.0, seconds))
        if self._drives:
            self.page.leap(until)
            return
        self.page.set(self.slot, Activity.WAITS_UNTIL, (until - EPOCH) // MICROSECOND)
        while self.page.now() < until:
            time.sleep(0.0005)
        self.page.set(self.slot, Activity.WAITS_UNTIL, 0)


class WatchedDatabase(Database):
    """The product's database; shows open transactions in the shared memory."""

    def __init__(self, url: str, clock: SharedClock, *, durable: bool = False) -> None:
        super().__init__(url, clock, durable=durable)
        self._page, self._slot = clock.page, clock.slot

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._shown(Activity.READS), super().read() as connection:
            yield connection

    @contextmanager
    def write(self, members=()) -> Iterator[Connection]:
        with self._shown(Activity.WRITES), super().write(members) as connection:
            yield connection

    @contextmanager
    def _shown(self, field: Activity) -> Iterator[None]:
        self._page.set(self._slot, field, self._page.get(self._slot, field) + 1)
        try:
            yield
        finally:
            self._page.set(self._slot, field, self._page.get(self._slot, field) - 1)
