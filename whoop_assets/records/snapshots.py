"""Snapshots of profile and body measurements, stored under the day they were read.

WHOOP keeps no history of them.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, select, update

from whoop_assets.db.statements import insert_rows
from whoop_assets.records.tables import SNAPSHOT_TABLES


def taken_since(connection: Connection, stream: str, user_id: int, day: date, since: datetime) -> bool:
    """Return whether the day has a snapshot that was requested after `since`."""
    c = SNAPSHOT_TABLES[stream].c
    query = select(c.synced_at).where(c.user_id == user_id, c.day == day, c.synced_at > since)
    return connection.execute(query).first() is not None


def store(
    connection: Connection,
    stream: str,
    user_id: int,
    day: date,
    fields: dict[str, Any],
    requested_at: datetime,
) -> None:
    """Store the snapshot of a day. A later request of the same day replaces an earlier one."""
    table = SNAPSHOT_TABLES[stream]
    where = (table.c.user_id == user_id, table.c.day == day)
    row = connection.execute(select(table.c.content_hash, table.c.synced_at).where(*where)).first()
    if row is None:
        times = {"first_seen_at": requested_at, "changed_at": requested_at, "synced_at": requested_at}
        insert_rows(connection, table, [{"user_id": user_id, "day": day, **fields, **times}])
    elif row.synced_at <= requested_at:
        changes = {"synced_at": requested_at}
        if row.content_hash != fields["content_hash"]:
            changes |= fields | {"changed_at": requested_at}
        connection.execute(update(table).where(*where).values(changes))
