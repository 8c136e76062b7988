"""Commits a batch: one transaction stores it and closes the webhook events that it answers."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select, union

from whoop_assets.app_export.tables import imported_cycles, imported_sleeps, imported_workouts
from whoop_assets.db.database import Database
from whoop_assets.members import store as member_store
from whoop_assets.records import commit as records
from whoop_assets.records.commit import Batch
from whoop_assets.records.coverage import Span
from whoop_assets.records.upsert import StoreStats
from whoop_assets.webhooks import attempts

Answered = Mapping[str, Mapping[Any, datetime]]
"""Stream -> key of a record (of a recovery its sleep's id) -> when it was requested."""


def commit_batch(
    database: Database, user_id: int, batch: Batch, answered: Answered, *, closed_by: str
) -> dict[str, StoreStats]:
    """Store the batch and close the events of the answered records.

    An event stays open if it came after the request, or if the response was older than the stored content.

    Args:
        answered: The records that the batch answers completely.
        closed_by: Written to the events: a Dagster run, a command or a lane.

    Returns:
        Stream -> numbers of records by outcome.

    Raises:
        UnknownMember: The member was erased meanwhile. Nothing was stored.
    """
    with database.write([user_id]) as connection:
        member_store.require(connection, user_id)
        at = database.now(connection)
        if batch.read is not None:
            batch.read = replace(batch.read, other_days=_exported_days(connection, user_id, batch.read.span))
        stats = records.commit(connection, user_id, batch, at)
        requested = {
            (stream, str(key)): moment
            for stream, moments in answered.items()
            for key, moment in moments.items()
            if key not in stats[stream].outdated
        }
        attempts.close(connection, user_id, requested, at, closed_by)
    return stats


def _exported_days(connection: Connection, user_id: int, span: Span) -> set[date]:
    """Return the days around the span that app exports describe.

    Such a day may have no cycle from the API. It changes when the API provides one of its streams.
    """
    first, last = span.start.date() - timedelta(days=1), span.end.date() + timedelta(days=1)
    queries = (
        select(table.c.day).where(table.c.user_id == user_id, table.c.day.between(first, last))
        for table in (imported_cycles, imported_sleeps, imported_workouts)
    )
    return set(connection.scalars(union(*queries)))
