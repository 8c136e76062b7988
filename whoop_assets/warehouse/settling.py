"""Which open events a transaction's answers settle: those whose very record has been stored, confirmed or found gone."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from whoop_assets.warehouse import attempts
from whoop_assets.warehouse.event_rows import OPEN
from whoop_assets.warehouse.records import KEY
from whoop_assets.warehouse.statements import in_lots
from whoop_assets.warehouse.tables import RECORD_TABLES, webhook_events


def settle(
    connection: Connection,
    user_id: int,
    stream: str,
    *,
    stored: Mapping[Any, datetime],
    other: Mapping[Any, datetime],
    at: datetime,
    by: str,
) -> int:
    """Close the member's events of these records, as far as they came before the request; how many were closed.

    Record id -> when it was asked for. `stored`: answers that have been handed to `records.store` in this
    transaction; one that lost against a newer answer settles nothing. `other`: what is gone or in quarantine.
    """
    if stream not in ("sleeps", "recoveries", "workouts") or not (stored or other):
        return 0
    c = webhook_events.c
    query = select(c.record_id).where(c.user_id == user_id, c.stream == stream, c.state == OPEN).distinct()
    waiting = set(connection.scalars(query))
    if not waiting:
        return 0
    asked = {str(key): moment for key, moment in other.items() if str(key) in waiting}
    candidates = {key: moment for key, moment in stored.items() if key in waiting}
    table, key_column = RECORD_TABLES[stream], RECORD_TABLES[stream].c[KEY[stream]]
    for lot in in_lots(list(candidates)):
        rows = connection.execute(select(key_column, table.c.synced_at).where(key_column.in_(lot)))
        asked |= {key: candidates[key] for key, synced_at in rows if synced_at >= candidates[key]}
    return attempts.close(connection, user_id, stream, asked, at, by)
