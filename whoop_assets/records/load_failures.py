"""Loads that did not complete: one row per member, stream and run, until those days have been loaded after all."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection, bindparam, delete, select

from whoop_assets.db.prepared import Prepared
from whoop_assets.db.statements import insert_or_replace
from whoop_assets.records.tables import load_failures

_MENDED = Prepared(
    delete(load_failures).where(
        load_failures.c.user_id == bindparam("member"),
        load_failures.c.stream == bindparam("of_stream"),
        load_failures.c.first_day >= bindparam("first"),
        load_failures.c.last_day <= bindparam("last"),
        load_failures.c.last_failed_at <= bindparam("began"),
    )
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A stream of a member that could not be loaded, and why. The cause holds no personal data."""

    user_id: int
    stream: str
    first_day: date
    last_day: date
    cause: str
    transient: bool
    run_id: str = ""


def record(connection: Connection, failure: Failure, at: datetime) -> None:
    """Enter that the load failed now."""
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
    """These days have been loaded by a load that began then: what failed before, wholly among them, is mended.

    A failure of other days stays, and so does one of a run that is still under way.
    """
    _MENDED.run(connection, member=user_id, of_stream=stream, first=first, last=last, began=began)


def open_failures(connection: Connection, *, run_id: str | None = None) -> list[Failure]:
    """What fails now, by member and stream; with `run_id`, what failed in that run."""
    c = load_failures.c
    query = select(c.user_id, c.stream, c.first_day, c.last_day, c.cause, c.transient, c.run_id)
    if run_id is not None:
        query = query.where(c.run_id == run_id)
    return [Failure(*row) for row in connection.execute(query.order_by(c.user_id, c.stream))]


def forget(connection: Connection, members: Collection[int]) -> None:
    """Drop what is recorded of these members."""
    connection.execute(delete(load_failures).where(load_failures.c.user_id.in_(list(members))))
