"""One clock for many processes, and what each of them is doing just now: a page of memory that all of them map.

Time runs as fast as the machine's while anybody works, and leaps over the hours in which nobody does: who waits by this
clock says until when, and whoever drives the drill moves it there once everybody waits. So a request takes as long as a
request takes, a lease lasts as long as a lease lasts, and a month is over in minutes.
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


class Does(IntEnum):
    """The fields of a slot."""

    WAITS_UNTIL = 0
    READS = 1
    WRITES = 2
    ASKS = 3
    """1: an API request is under way; 2: a token exchange."""
    TAKES = 4
    """Deliveries that have come and are not answered."""
    BEGAN = 5
    REQUESTS = 6
    EXCHANGES = 7


class Page:
    """The memory. The first slot holds the clock; every other one belongs to one process."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(8 * len(Does) * SLOTS))
        with path.open("r+b") as file:
            self._memory = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")
        self.path = path

    def now_micro(self) -> int:
        return time.monotonic_ns() // 1000 + self._memory[_OFFSET]

    def now(self) -> datetime:
        return EPOCH + self.now_micro() * MICROSECOND

    def leap(self, to: datetime) -> None:
        """Move the clock there, unless it is past that already. One process alone may do this."""
        self._memory[_OFFSET] += max(0, (to - EPOCH) // MICROSECOND - self.now_micro())

    def whoops_now_milli(self) -> int:
        """WHOOP's clock is the same, until it is made to stand so that its truth can be compared."""
        return (self._memory[_WHOOP_STANDS_AT] or self.now_micro()) // 1000

    def stop_whoop(self) -> None:
        self._memory[_WHOOP_STANDS_AT] = self.now_micro()

    def get(self, slot: int, field: Does) -> int:
        return self._memory[slot * len(Does) + field]

    def set(self, slot: int, field: Does, value: int) -> None:
        self._memory[slot * len(Does) + field] = value

    def clear(self, slot: int) -> None:
        for field in Does:
            self.set(slot, field, 0)


class SharedClock:
    """The clock that the product is given, in whichever process."""

    def __init__(self, page: Page, slot: int, *, drives: bool = False) -> None:
        """`drives`: nobody else works now, so that waiting is leaping."""
        self.page, self.slot, self._drives = page, slot, drives

    def now(self) -> datetime:
        return self.page.now()

    def sleep(self, seconds: float) -> None:
        until = self.page.now() + timedelta(seconds=max(0.0, seconds))
        if self._drives:
            self.page.leap(until)
            return
        self.page.set(self.slot, Does.WAITS_UNTIL, (until - EPOCH) // MICROSECOND)
        while self.page.now() < until:
            time.sleep(0.0005)
        self.page.set(self.slot, Does.WAITS_UNTIL, 0)


class WatchedDatabase(Database):
    """The product's database, which says on the page when a transaction is open."""

    def __init__(self, url: str, clock: SharedClock, *, durable: bool = False) -> None:
        super().__init__(url, clock, durable=durable)
        self._page, self._slot = clock.page, clock.slot

    @contextmanager
    def read(self) -> Iterator[Connection]:
        with self._shown(Does.READS), super().read() as connection:
            yield connection

    @contextmanager
    def write(self, members=()) -> Iterator[Connection]:
        with self._shown(Does.WRITES), super().write(members) as connection:
            yield connection

    @contextmanager
    def _shown(self, field: Does) -> Iterator[None]:
        self._page.set(self._slot, field, self._page.get(self._slot, field) + 1)
        try:
            yield
        finally:
            self._page.set(self._slot, field, self._page.get(self._slot, field) - 1)
