"""Which open events a transaction's answers settle: those whose very record has been stored, confirmed or found gone."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from whoop_assets.db.prepared import Prepared
from whoop_assets.db.statements import batched
from whoop_assets.records.incoming import KEY
from whoop_assets.records.tables import RECORD_TABLES
from whoop_assets.webhooks import attempts
from whoop_assets.webhooks.row_locks import OPEN
from whoop_assets.webhooks.tables import webhook_events

_WAITING = Prepared(
    select(webhook_events.c.stream, webhook_events.c.record_id)
    .where(webhook_events.c.user_id == bindparam("member"), webhook_events.c.state == OPEN)
    .distinct()
)

Asked = Mapping[str, Mapping[Any, datetime]]
"""Stream -> record id (of a recovery its sleep's) -> when it was asked for."""


def settle(
    connection: Connection, user_id: int, *, stored: Asked, other: Asked, at: datetime, by: str
) -> int:
    """Close the member's events of these records, as far as they came before the request; how many were closed.

    `stored`: answers that have been handed to `records.store` in this transaction; one that lost against a newer
    answer settles nothing. `other`: what is gone, or in quarantine.
    """
    waiting = {(stream, key) for stream, key in _WAITING.rows(connection, member=user_id)}
    if not waiting:
        return 0
    asked = {
        (stream, str(key)): moment
        for stream, moments in other.items()
        for key, moment in moments.items()
        if (stream, str(key)) in waiting
    }
    for stream, moments in stored.items():
        candidates = {key: moment for key, moment in moments.items() if (stream, key) in waiting}
        kept = _synced_at(connection, stream, candidates)
        asked |= {(stream, key): candidates[key] for key in kept if kept[key] >= candidates[key]}
    return attempts.close(connection, user_id, asked, at, by)


def _synced_at(connection: Connection, stream: str, keys: Collection[Any]) -> dict[Any, datetime]:
    table, key = RECORD_TABLES[stream], RECORD_TABLES[stream].c[KEY[stream]]
    found: dict[Any, datetime] = {}
    for lot in batched(list(keys)):
        found |= dict(connection.execute(select(key, table.c.synced_at).where(key.in_(lot))).all())
    return found
