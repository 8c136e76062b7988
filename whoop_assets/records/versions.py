"""Versions: each distinct content that a record has had, with the endpoint that gave it.

Of an open cycle's passing states only the last is kept.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete

from whoop_assets.db.statements import insert_or_ignore
from whoop_assets.records.incoming import Incoming
from whoop_assets.records.tables import record_versions


def keep(
    connection: Connection,
    user_id: int,
    stream: str,
    answers: Iterable[Incoming],
    old: Mapping[Any, Any],
) -> None:
    """Keep the contents of these answers, older ones first, that are not what is stored; `old`: the rows stored so far."""
    rows: list[dict[str, Any]] = []
    passing: list[dict[str, str]] = []
    for answer in answers:
        row = old.get(answer.key)
        fields = answer.fields
        if row is not None and row.content_hash == fields["content_hash"]:
            continue
        is_open = stream == "cycles" and fields["end_time"] is None
        if is_open:
            if row is not None and answer.order < (row.updated_at, row.synced_at):
                continue
            passing.append({"key": str(answer.key)})
            rows = [kept for kept in rows if not (kept["open"] and kept["record_key"] == str(answer.key))]
        rows.append(
            {
                "stream": stream,
                "record_key": str(answer.key),
                "content_hash": fields["content_hash"],
                "user_id": user_id,
                "payload": fields["payload"],
                "endpoint": answer.endpoint,
                "updated_at": fields["updated_at"],
                "requested_at": answer.requested_at,
                "open": is_open,
            }
        )
    if passing:
        connection.execute(
            delete(record_versions).where(
                record_versions.c.stream == stream,
                record_versions.c.record_key == bindparam("key"),
                record_versions.c.open.is_(True),
            ),
            passing,
        )
    insert_or_ignore(connection, record_versions, rows)
