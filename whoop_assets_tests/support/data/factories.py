"""Builds parsed records for `records` tests, and reads the tables."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from whoop_assets.db.database import Database
from whoop_assets.records.parsed_record import ParsedRecord
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.records.tables import RECORD_KEYS
from whoop_assets.schema import metadata

MEMBER = 10129
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
UPDATED = datetime(2026, 5, 1, 9, tzinfo=UTC)


def at(day: int, hour: float = 0.0) -> datetime:
    """Returns the UTC time of an hour of a day in May 2026; day 0 is April 30."""
    return datetime(2026, 5, 1, tzinfo=UTC) + timedelta(days=day - 1, hours=hour)


def cycle(
    key: int,
    start: datetime,
    end: datetime | None,
    *,
    offset: str = "+00:00",
    strain: float = 10.0,
    **options: Any,
) -> ParsedRecord:
    return _record(
        "cycles",
        {"id": key, "start_time": start, "end_time": end, "timezone_offset": offset, "strain": strain},
        **options,
    )


def sleep(
    key: str,
    cycle_id: int,
    start: datetime,
    end: datetime,
    *,
    nap: bool = False,
    offset: str = "+00:00",
    **options: Any,
) -> ParsedRecord:
    fields = {"id": key, "cycle_id": cycle_id, "nap": nap, "start_time": start, "end_time": end}
    return _record("sleeps", fields | {"timezone_offset": offset}, **options)


def recovery(
    sleep_id: str,
    cycle_id: int,
    *,
    created_at: datetime = UPDATED,
    recovery_score: float = 60.0,
    **options: Any,
) -> ParsedRecord:
    fields = {"sleep_id": sleep_id, "cycle_id": cycle_id, "created_at": created_at}
    return _record("recoveries", fields | {"recovery_score": recovery_score}, **options)


def workout(
    key: str, start: datetime, *, offset: str = "+00:00", sport_name: str = "running", **options: Any
) -> ParsedRecord:
    fields = {
        "id": key,
        "start_time": start,
        "end_time": start + timedelta(hours=1),
        "timezone_offset": offset,
    }
    return _record("workouts", fields | {"sport_name": sport_name}, **options)


def _record(
    stream: str,
    given: dict[str, Any],
    *,
    updated_at: datetime = UPDATED,
    requested_at: datetime = NOW,
    score_state: str = "SCORED",
    endpoint: str | None = None,
) -> ParsedRecord:
    content = {"created_at": UPDATED} | given | {"updated_at": updated_at, "score_state": score_state}
    payload = json.dumps(content, sort_keys=True, default=str)
    fields = content | {"payload": payload, "content_hash": hashlib.sha256(payload.encode()).hexdigest()}
    return ParsedRecord(given[RECORD_KEYS[stream]], fields, requested_at, endpoint or f"/v2/{stream}")


@contextmanager
def rolled_back(database: Database) -> Iterator[Connection]:
    """A write transaction that is rolled back, so that many examples can use one database."""
    with database.write([MEMBER]) as connection:
        yield connection
        connection.rollback()


def rows(connection: Connection, table: str) -> dict[Any, dict[str, Any]]:
    """Returns the rows of a table by primary key; the key is a tuple if it has several columns."""
    source = metadata.tables[table]
    keys = [column.name for column in source.primary_key.columns]
    return {
        row[keys[0]] if len(keys) == 1 else tuple(row[name] for name in keys): dict(row)
        for row in connection.execute(select(source)).mappings()
    }


def stale(connection: Connection) -> set[Any]:
    """Returns the stale days of all members."""
    return {entry.day for entry in STALE_DAYS.stale(connection)}
