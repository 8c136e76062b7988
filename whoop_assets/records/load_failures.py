"""Loads that failed: one row per member, stream and run, until a later load of the days succeeds."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, delete, select

from whoop_assets.db.statements import insert_or_replace
from whoop_assets.records.tables import load_failures


@dataclass(frozen=True, slots=True)
class Failure:
    """A stream of a member that could not be loaded. `cause` contains no personal data."""

    user_id: int
    stream: str
    first_day: date
    last_day: date
    cause: str
    transient: bool
    run_id: str = ""


def record(connection: Connection, failure: Failure, at: datetime) -> None:
    """Store that the load failed at `at`."""
    row = {
        "user_id": failure.user_id,
        "stream": failure.stream,
        "first_day": failure.first_day,
        "last_day": failure.last_day,
        "cause": failure.cause,
        "transient": failure.transient,
        "first_failed_at": at,
        "last_failed_at": at,
        "run_id": failure.run_id,
    }
    insert_or_replace(connection, load_failures, [row], keep={"first_failed_at"})


def clear(
    connection: Connection, user_id: int, stream: str, first: date, last: date, began: datetime
) -> None:
    """Delete earlier failures of the days first..last after a load that began at `began` has succeeded.

    A failure that includes other days stays.
    """
    c = load_failures.c
    connection.execute(
        delete(load_failures).where(
            c.user_id == user_id,
            c.stream == stream,
            c.first_day >= first,
            c.last_day <= last,
            c.last_failed_at <= began,
        )
    )


def open_failures(connection: Connection, *, run_id: str | None = None) -> list[Failure]:
    """Return the failures, by member and stream. With `run_id`, only those of that run."""
    c = load_failures.c
    query = select(c.user_id, c.stream, c.first_day, c.last_day, c.cause, c.transient, c.run_id)
    if run_id is not None:
        query = query.where(c.run_id == run_id)
    return [Failure(*row) for row in connection.execute(query.order_by(c.user_id, c.stream))]


def forget(connection: Connection, members: Collection[int]) -> None:
    """Delete the members' failures."""
    connection.execute(delete(load_failures).where(load_failures.c.user_id.in_(list(members))))
