"""Group commit: deliveries that come together are committed together, and each is answered after that commit.

One thread writes. While it waits for the disk, or for SQLite's one write lock, deliveries queue up, and the next
transaction takes all of them: the number of commits a second bounds how long a delivery waits, not how many there are.
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

STORED_WITHIN = 1.0
"""Seconds in which a delivery must be committed, else it is answered 503. WHOOP waits about so long, and sends it again."""
MOST_AT_ONCE = 500
MOST_WAITING = 20_000
KEPT = timedelta(days=30)
"""So long events that are done stay. Must be more than the replay window, in which a trace id tells duplicates."""
_TIDY_EVERY = timedelta(hours=1)
_TIDY_AT_ONCE = 500

log = logging.getLogger(__name__)


class InboxFull(WhoopError):
    """More deliveries wait for the database than should."""

    transient = True


class InboxBusy(WhoopError):
    """The database did not commit within STORED_WITHIN: another process holds its write lock, or it does not answer."""

    transient = True


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A delivery, or None for a probe, and the future that gets the outcome."""

    delivery: Delivery | None
    answer: "asyncio.Future[str]"


class InboxWriter:
    """Commits deliveries to the inbox, for the coroutines of one event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="inbox", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tidied_at: datetime | None = None

    def start(self) -> None:
        """Begin, in the event loop whose coroutines will call `store`."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def stop(self) -> None:
        """Commit and answer what has been taken, then end."""
        self._queue.put(None)
        self._thread.join()

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    async def store(self, delivery: Delivery) -> str:
        """Store a delivery and wait for its commit.

        Returns:
            `open`, `parked` or `duplicate`.

        Raises:
            DatabaseError: The database refused it.
            InboxFull: Too many deliveries wait.
            InboxBusy: It is not committed within STORED_WITHIN. It still waits, and is committed when the database allows.
        """
        return await self._commit_of(delivery)

    async def probe(self) -> None:
        """Write nothing in a write transaction, behind the deliveries that wait. Raises as `store` does."""
        await self._commit_of(None)

    async def _commit_of(self, delivery: Delivery | None) -> str:
        if self._queue.qsize() >= MOST_WAITING:
            raise InboxFull(
                f"{MOST_WAITING} deliveries wait for the database: WHOOP will send this one again."
            )
        waiting = _Waiting(delivery, asyncio.get_running_loop().create_future())
        waiting.answer.add_done_callback(_heard)
        self._queue.put(waiting)
        try:
            async with asyncio.timeout(STORED_WITHIN):
                # The shield keeps the delivery in the queue when its client gives up: WHOOP's next attempt is then a duplicate.
                return await asyncio.shield(waiting.answer)
        except TimeoutError:
            raise InboxBusy(
                f"The database has not committed within {STORED_WITHIN:g} s: see which process holds its write lock."
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
        while len(batch) < MOST_AT_ONCE:
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
            # One that the database refuses must not cost the others: each for itself.
            for waiting in batch:
                self._commit([waiting])
        except Exception as error:  # noqa: BLE001 - the thread must outlive whatever it was
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
        # A full lot may not be all; the next one waits until the deliveries that have come meanwhile are stored.
        self._tidied_at = None if forgotten == _TIDY_AT_ONCE else now


def _heard(answer: "asyncio.Future[str]") -> None:
    """An error is told to whoever waits; when nobody does any more, that is no error of its own."""
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
