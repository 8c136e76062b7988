"""How things are with a Notion data source: the pace of requests, shared by all processes, and what is in the way."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update

from whoop_assets.db.database import Database
from whoop_assets.db.statements import insert_or_ignore
from whoop_assets.sinks.notion.tables import notion_sources

APART = timedelta(seconds=0.34)
"""Notion's limit is an average of three requests a second: https://developers.notion.com/reference/request-limits"""

FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What the last attempts at a data source came to: how many failed in a row, why, and when the next is due."""

    failures: int
    failure: str | None
    try_after: datetime | None


def next_slot(database: Database, source: str) -> tuple[datetime, datetime]:
    """Take the next slot for a request: its time, which may lie ahead, and the present."""
    c = notion_sources.c
    with database.write() as connection:
        now = database.now(connection)
        _there(connection, source, now)
        free = connection.scalar(
            select(c.next_request_at).where(c.data_source_id == source).with_for_update()
        )
        slot = max(free or now, now)
        _set(connection, source, next_request_at=slot + APART)
    return slot, now


def hold(database: Database, source: str, seconds: float) -> None:
    """Let no process send a request for so long: Notion has said so."""
    c = notion_sources.c
    with database.write() as connection:
        now = database.now(connection)
        _there(connection, source, now)
        free = connection.scalar(
            select(c.next_request_at).where(c.data_source_id == source).with_for_update()
        )
        _set(connection, source, next_request_at=max(free or now, now + timedelta(seconds=seconds)))


def failed(database: Database, source: str, cause: str, retry_at: datetime | None = None) -> None:
    """Remember that an attempt came to nothing; the next is due after a pause that doubles, or at `retry_at`."""
    with database.write() as connection:
        now = database.now(connection)
        _there(connection, source, now)
        failures = obstacle(connection, source).failures + 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - 1, 10))
        _set(
            connection, source, failures=failures, failure=cause, try_after=max(now + pause, retry_at or now)
        )


def worked(database: Database, source: str) -> None:
    """Forget what was in the way."""
    with database.write() as connection:
        _set(connection, source, failures=0, failure=None, try_after=None)


def obstacle(connection: Connection, source: str) -> Obstacle:
    """What is in the way of a data source now."""
    c = notion_sources.c
    row = connection.execute(
        select(c.failures, c.failure, c.try_after).where(c.data_source_id == source)
    ).first()
    return Obstacle(0, None, None) if row is None else Obstacle(*row)


def _there(connection: Connection, source: str, now: datetime) -> None:
    row = {"data_source_id": source, "next_request_at": now, "failures": 0}
    insert_or_ignore(connection, notion_sources, [row])


def _set(connection: Connection, source: str, **values: object) -> None:
    connection.execute(
        update(notion_sources).where(notion_sources.c.data_source_id == source).values(**values)
    )
