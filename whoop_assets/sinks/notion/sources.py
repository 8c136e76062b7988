"""State of a Notion data source, shared by all processes: request slots, and the pause after failures."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from whoop_assets.clock import Clock
from whoop_assets.db.database import Database
from whoop_assets.db.statements import insert_or_ignore
from whoop_assets.sinks.notion.tables import notion_sources

REQUEST_INTERVAL = timedelta(seconds=0.34)
"""Notion permits three requests per second on average: https://developers.notion.com/reference/request-limits
"""

MIN_PAUSE, MAX_PAUSE = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Failed attempts in a row, the reason of the last, and when the next attempt is due."""

    failures: int
    failure: str | None
    try_after: datetime | None


@dataclass(frozen=True, slots=True)
class SharedSlots:
    """Request slots of a data source, shared by all processes."""

    database: Database
    source: str

    def next_slot(self) -> tuple[datetime, datetime]:
        with self.database.write() as connection:
            now = self.database.now(connection)
            slot = max(self._next_request_at(connection, now), now)
            _set(connection, self.source, next_request_at=slot + REQUEST_INTERVAL)
        return slot, now

    def hold(self, seconds: float) -> None:
        with self.database.write() as connection:
            now = self.database.now(connection)
            next_request_at = max(self._next_request_at(connection, now), now + timedelta(seconds=seconds))
            _set(connection, self.source, next_request_at=next_request_at)

    def _next_request_at(self, connection: Connection, now: datetime) -> datetime:
        _ensure_row(connection, self.source, now)
        c = notion_sources.c
        query = select(c.next_request_at).where(c.data_source_id == self.source).with_for_update()
        found: datetime = connection.execute(query).scalar_one()
        return found


class CommandSlots:
    """Slots of a single command, which sends few requests."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_request_at = clock.now()

    def next_slot(self) -> tuple[datetime, datetime]:
        now = self._clock.now()
        slot = max(self._next_request_at, now)
        self._next_request_at = slot + REQUEST_INTERVAL
        return slot, now

    def hold(self, seconds: float) -> None:
        self._next_request_at = max(self._next_request_at, self._clock.now() + timedelta(seconds=seconds))


def failed(database: Database, source: str, cause: str, retry_at: datetime | None = None) -> None:
    """Records a failed attempt.

    The next is due after a pause that doubles, or at `retry_at` if that is later.
    """
    with database.write() as connection:
        now = database.now(connection)
        _ensure_row(connection, source, now)
        failures = obstacle(connection, source).failures + 1
        pause = min(MAX_PAUSE, MIN_PAUSE * 2 ** min(failures - 1, 10))
        _set(
            connection, source, failures=failures, failure=cause, try_after=max(now + pause, retry_at or now)
        )


def worked(database: Database, source: str) -> None:
    """Resets the failures."""
    with database.write() as connection:
        _set(connection, source, failures=0, failure=None, try_after=None)


def obstacle(connection: Connection, source: str) -> Obstacle:
    """Returns the current failures of a data source."""
    c = notion_sources.c
    row = connection.execute(
        select(c.failures, c.failure, c.try_after).where(c.data_source_id == source)
    ).first()
    return Obstacle(0, None, None) if row is None else Obstacle(*row)


def _ensure_row(connection: Connection, source: str, now: datetime) -> None:
    row = {"data_source_id": source, "next_request_at": now, "failures": 0}
    insert_or_ignore(connection, notion_sources, [row])


def _set(connection: Connection, source: str, **values: object) -> None:
    connection.execute(
        update(notion_sources).where(notion_sources.c.data_source_id == source).values(**values)
    )
