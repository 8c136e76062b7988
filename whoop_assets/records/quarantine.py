"""Quarantine of records that failed validation, so that the rest of their page can be stored.

Rejected rows of app exports have their own table, `export_quarantine`. `quality/quarantine_entries.py` lists
and dismisses entries of both.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, select, update

from whoop_assets.db.statements import batched, insert_or_replace
from whoop_assets.records.tables import quarantine


@dataclass(frozen=True, slots=True)
class RejectedRecord:
    """A record that failed validation.

    Attributes:
        key: Key of the record; None if it is unreadable.
        payload: The record as canonical JSON.
        reason: One sentence without personal data.
    """

    key: str | None
    payload: str
    content_hash: str
    reason: str
    endpoint: str


def keep(
    connection: Connection, user_id: int, stream: str, rejected: Collection[RejectedRecord], at: datetime
) -> None:
    """Store these records. A record with the same content as a dismissed one stays dismissed."""
    if not rejected:
        return
    rows = {
        entry.content_hash: {
            "record_key": entry.key,
            "payload": entry.payload,
            "reason": entry.reason,
            "endpoint": entry.endpoint,
        }
        for entry in rejected
    }
    keep_rows(connection, quarantine, {"user_id": user_id, "stream": stream}, rows, at)


def keep_rows(
    connection: Connection,
    table: Table,
    source: Mapping[str, Any],
    rows: Mapping[str, Mapping[str, Any]],
    at: datetime,
) -> set[str]:
    """Store rejected rows as open entries. A dismissed entry stays closed.

    Args:
        table: `quarantine` or `export_quarantine`.
        source: Columns that name the source of the rows: the member, and a stream or a file.
        rows: Content hash -> the other columns.

    Returns:
        Content hashes of the dismissed entries among the rows.
    """
    c = table.c
    of_source = [c[name] == value for name, value in source.items()]
    query = select(c.content_hash, c.resolved_at).where(*of_source, c.dismissed_at.is_not(None))
    dismissed = dict(connection.execute(query).all())
    seen = {"first_seen_at": at, "last_seen_at": at}
    entries = [
        {**source, **row, **seen, "content_hash": digest, "resolved_at": dismissed.get(digest)}
        for digest, row in rows.items()
    ]
    insert_or_replace(connection, table, entries, keep={"first_seen_at"})
    return dismissed.keys() & rows.keys()


def resolve(connection: Connection, user_id: int, stream: str, keys: Collection[str], at: datetime) -> None:
    """Close the open entries of the keys, because a valid record was stored for each or it is gone."""
    c = quarantine.c
    is_open = (c.user_id == user_id, c.stream == stream, c.resolved_at.is_(None))
    open_keys = set(connection.scalars(select(c.record_key).where(*is_open)))
    for batch in batched(sorted(open_keys.intersection(keys))):
        connection.execute(update(quarantine).where(*is_open, c.record_key.in_(batch)).values(resolved_at=at))


@dataclass(frozen=True, slots=True)
class OpenRecord:
    """An open entry: no valid record of its key has been stored since."""

    user_id: int
    stream: str
    record_key: str | None
    reason: str
    last_seen_at: datetime


def open_records(connection: Connection) -> list[OpenRecord]:
    """Return the open entries, by member and stream."""
    c = quarantine.c
    query = (
        select(c.user_id, c.stream, c.record_key, c.reason, c.last_seen_at)
        .where(c.resolved_at.is_(None))
        .order_by(c.user_id, c.stream, c.last_seen_at)
    )
    return [OpenRecord(*row) for row in connection.execute(query)]
