"""Daily rows and readers for the tests of the API."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy import Connection, Date, Double, bindparam, delete, insert, select

from whoop_assets.db.database import Database
from whoop_assets.db.types import UtcDateTime
from whoop_assets.members import readers
from whoop_assets.members import store as member_store
from whoop_assets.summaries.tables import daily_summary
from whoop_assets_tests.support.servers.ports import NO_CERTIFICATES

DAY = date(2026, 11, 2)
BUILT = datetime(2026, 11, 3, 4, 5, 6, 789, tzinfo=UTC)
DAILY, RECOVERY_STATUS, OPENAPI = (
    f"/api/v1/{name}" for name in ("whoop/daily", "whoop/recovery-status", "openapi.json")
)


def daily_row(user_id: int, day: date, *, full: bool = True, **changes: Any) -> dict[str, Any]:
    """Return a row with all columns, or with the required columns only."""
    row: dict[str, Any] = {}
    for number, column in enumerate(daily_summary.columns):
        if isinstance(column.type, UtcDateTime):
            value: Any = BUILT + timedelta(minutes=number)
        elif isinstance(column.type, Date):
            value = day
        elif isinstance(column.type, Double):
            value = number + 0.1
        else:
            value = {int: number, bool: True, str: 'a,"b"'}[column.type.python_type]
        row[column.name] = value if full or not column.nullable else None
    return (
        row
        | {"timezone_offset": "+01:00", "user_id": user_id, "day": day, "recovery_band": "green"}
        | changes
    )


def store(database: Database, rows: Iterable[dict[str, Any]]) -> None:
    """Insert the rows, or replace rows with the same key."""
    given = list(rows)
    if not given:
        return
    c = daily_summary.c
    same_key = delete(daily_summary).where(c.user_id == bindparam("member"), c.day == bindparam("date"))
    with database.write() as connection:
        connection.execute(same_key, [{"member": row["user_id"], "date": row["day"]} for row in given])
        connection.execute(insert(daily_summary), given)


def stored(connection: Connection) -> list[dict[str, Any]]:
    query = select(daily_summary).order_by(daily_summary.c.day, daily_summary.c.user_id)
    return [dict(row) for row in connection.execute(query).mappings()]


def connect(database: Database, *user_ids: int) -> None:
    """Insert connected members without data."""
    profile = {"email": None, "first_name": None, "last_name": None}
    with database.write() as connection:
        for user_id in user_ids:
            member_store.connect(connection, user_id, ["offline"], profile, database.now(connection))


@dataclass
class Key:
    """A reader's key and requests with it."""

    base_url: str
    number: int
    key: str

    def get(
        self, path: str = DAILY, *, headers: dict[str, str] | None = None, **query: Any
    ) -> httpx.Response:
        """GET with the key. A parameter named like a Python keyword has an underscore at the end."""
        given = {name.rstrip("_"): str(value) for name, value in query.items() if value is not None}
        sent = {"Authorization": f"Bearer {self.key}", **(headers or {})}
        return httpx.get(self.base_url + path, params=given, headers=sent, timeout=60, verify=NO_CERTIFICATES)

    def days(self, first: date, last: date, **query: Any) -> httpx.Response:
        return self.get(from_=first, to=last, **query)


def key_for(database: Database, base_url: str, *user_ids: int, rate: int = 100_000) -> Key:
    """Adds a reader of the given members."""
    with database.write() as connection:
        number, key = readers.add(connection, "a dashboard", user_ids, database.now(connection), rate)
    return Key(base_url, number, key)
