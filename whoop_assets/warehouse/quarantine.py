"""Quarantine: records that failed validation, kept with the reason, so that the rest of their page can land."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from whoop_assets.warehouse.prepared import Prepared
from whoop_assets.warehouse.statements import in_lots, insert_or_replace
from whoop_assets.warehouse.tables import quarantine

_OPEN_KEYS = Prepared(
    select(quarantine.c.record_key).where(
        quarantine.c.user_id == bindparam("member"),
        quarantine.c.stream == bindparam("of_stream"),
        quarantine.c.resolved_at.is_(None),
    )
)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that was not taken. `key` is None where it cannot be read; `reason` holds no personal data."""

    key: str | None
    payload: str
    content_hash: str
    reason: str
    endpoint: str


def keep(
    connection: Connection, user_id: int, stream: str, rejected: Collection[Rejected], at: datetime
) -> None:
    """Keep these records; one that is there already is seen again."""
    rows = {
        entry.content_hash: {
            "user_id": user_id,
            "stream": stream,
            "content_hash": entry.content_hash,
            "record_key": entry.key,
            "payload": entry.payload,
            "reason": entry.reason,
            "endpoint": entry.endpoint,
            "first_seen_at": at,
            "last_seen_at": at,
            "resolved_at": None,
        }
        for entry in rejected
    }
    insert_or_replace(connection, quarantine, list(rows.values()), keep={"first_seen_at"})


def resolve(connection: Connection, user_id: int, stream: str, keys: Collection[str], at: datetime) -> None:
    """Close what is open of these keys: a valid record has been stored for them."""
    # Nearly always nothing is open: so that is asked first, instead of naming all keys.
    still_open = _OPEN_KEYS.rows(connection, member=user_id, of_stream=stream)
    for lot in in_lots(sorted({key for (key,) in still_open if key is not None}.intersection(keys))):
        connection.execute(
            update(quarantine)
            .where(
                quarantine.c.user_id == user_id,
                quarantine.c.stream == stream,
                quarantine.c.record_key.in_(lot),
                quarantine.c.resolved_at.is_(None),
            )
            .values(resolved_at=at)
        )


@dataclass(frozen=True, slots=True)
class OpenRecord:
    """A record in quarantine for which no valid one has been stored since."""

    user_id: int
    stream: str
    record_key: str | None
    reason: str
    last_seen_at: datetime


def open_records(connection: Connection) -> list[OpenRecord]:
    """What is in quarantine now, by member and stream."""
    c = quarantine.c
    query = (
        select(c.user_id, c.stream, c.record_key, c.reason, c.last_seen_at)
        .where(c.resolved_at.is_(None))
        .order_by(c.user_id, c.stream, c.last_seen_at)
    )
    return [OpenRecord(*row) for row in connection.execute(query)]
