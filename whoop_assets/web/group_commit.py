"""Group commit: one transaction stores all deliveries that wait.

Each gets its response after that commit.

One thread writes. While it waits for the disk or for SQLite's write lock, deliveries queue up, and the next
transaction takes all of them. So the wait of a delivery depends on the time of a commit, not on the number of
deliveries.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from whoop_assets.db.database import Database
from whoop_assets.errors import DatabaseError, DatabaseUnreachable, WhoopError
from whoop_assets.webhooks import inbox
from whoop_assets.webhooks.inbox import Delivery

MAX_COMMIT_SECONDS = 1.0
"""Seconds until a delivery that is not committed gets a 503. WHOOP waits about a second, then sends it
again."""
MAX_BATCH = 500
MAX_WAITING = 20_000
KEPT = timedelta(days=30)
"""Retention of processed events. Longer than the window in which WHOOP repeats a delivery, to recognise
duplicates."""
_TIDY_EVERY = timedelta(hours=1)
_TIDY_AT_ONCE = 500

log = logging.getLogger(__name__)


class InboxFull(WhoopError):
    """MAX_WAITING deliveries wait for the database already."""

    transient = True


class InboxBusy(WhoopError):
    """The database did not commit in time: another process holds its write lock, or it does not answer."""

    transient = True


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A delivery, or None for a test, and the future that gets the outcome."""

    delivery: Delivery | None
    answer: "asyncio.Future[str]"


class InboxWriter:
    """Commits deliveries to the inbox for the coroutines of one event loop."""

    def __init__(self, database: Database, *, max_commit_seconds: float = MAX_COMMIT_SECONDS) -> None:
        self._database = database
        self._max_commit_seconds = max_commit_seconds
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="inbox", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tidied_at: datetime | None = None

    def start(self) -> None:
        """Start the thread. Must be called in the event loop whose coroutines call `store`."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """Commit the deliveries that wait, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    async def store(self, delivery: Delivery | None) -> str:
        """Store a delivery and wait for its commit. None tests whether a delivery could be stored.

        Returns:
            `open`, `parked` or `duplicate`; empty for None.

        Raises:
            DatabaseError: The database refused it.
            InboxFull: Too many deliveries wait.
            InboxBusy: It is not committed in time. It stays in the queue until the database commits it.
        """
        if self._queue.qsize() >= MAX_WAITING:
            raise InboxFull(
                f"{MAX_WAITING} deliveries wait for the database: WHOOP will send this one again."
            )
        waiting = _Waiting(delivery, asyncio.get_running_loop().create_future())
        waiting.answer.add_done_callback(_heard)
        self._queue.put(waiting)
        try:
            async with asyncio.timeout(self._max_commit_seconds):
                # The shield keeps the delivery in the queue if its client disconnects. WHOOP's next attempt
                # is then a duplicate.
                return await asyncio.shield(waiting.answer)
        except TimeoutError:
            raise InboxBusy(
                f"The database has not committed within {self._max_commit_seconds:g} s: see which "
                f"process holds its write lock."
            ) from None

    def _work(self) -> None:
        going_on = True
        while going_on:
            batch, going_on = self._next_batch()
            if batch:
                self._commit(batch)
            self._tidy()

    def _next_batch(self) -> tuple[list[_Waiting], bool]:
        batch: list[_Waiting] = []
        while len(batch) < MAX_BATCH:
            try:
                waiting = self._queue.get(block=not batch)
            except queue.Empty:
                break
            if waiting is None:
                return batch, False
            batch.append(waiting)
        return batch, True

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        try:
            outcomes = self._stored(batch)
        except DatabaseUnreachable as error:
            log.error("%s", error)
            self._answer(batch, [DatabaseUnreachable(str(error)) for _ in batch])
        except DatabaseError as error:
            if len(batch) == 1:
                log.error("An event could not be stored. %s", error)
                self._answer(batch, [error])
                return
            # The database rejects one of them: store each on its own.
            for waiting in batch:
                self._commit([waiting])
        except Exception as error:  # noqa: BLE001 - the thread must survive any error
            log.error(
                "Events could not be stored (%s): this is a fault of whoop-assets.", type(error).__name__
            )
            self._answer(batch, [DatabaseError("The event could not be stored.") for _ in batch])
        else:
            self._answer(batch, outcomes)

    def _stored(self, batch: Sequence[_Waiting]) -> list[str]:
        deliveries = [waiting.delivery for waiting in batch if waiting.delivery is not None]
        with self._database.write() as connection:
            if len(deliveries) < len(batch):
                inbox.require_writable(connection)
            outcomes = iter(inbox.receive(connection, deliveries, self._database.now(connection)))
        return ["" if waiting.delivery is None else next(outcomes) for waiting in batch]

    def _answer(self, batch: Sequence[_Waiting], outcomes: Sequence[str | WhoopError]) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(_resolve, batch, outcomes)

    def _tidy(self) -> None:
        now = self._database.clock.now()
        if self._tidied_at is not None and now < self._tidied_at + _TIDY_EVERY:
            return
        try:
            with self._database.write() as connection:
                before = self._database.now(connection) - KEPT
                forgotten = inbox.forget_done(connection, before, limit=_TIDY_AT_ONCE)
        except DatabaseError as error:
            log.warning("Old events could not be deleted: %s", error)
            forgotten = 0
        # After a full batch there can be more. The next batch follows after the waiting deliveries.
        self._tidied_at = None if forgotten == _TIDY_AT_ONCE else now


def _heard(answer: "asyncio.Future[str]") -> None:
    """Mark the error as retrieved: asyncio logs an error that no coroutine awaits."""
    if not answer.cancelled():
        answer.exception()


def _resolve(batch: Sequence[_Waiting], outcomes: Sequence[str | WhoopError]) -> None:
    for waiting, outcome in zip(batch, outcomes, strict=True):
        if waiting.answer.cancelled():
            continue
        if isinstance(outcome, WhoopError):
            waiting.answer.set_exception(outcome)
        else:
            waiting.answer.set_result(outcome)
