"""Record versions: each distinct content of a record, with the endpoint that returned it.

Of the contents of an open cycle only the last is kept.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete

from whoop_assets.db.statements import insert_or_ignore
from whoop_assets.records.parsed_record import ParsedRecord
from whoop_assets.records.tables import record_versions


def add_versions(
    connection: Connection,
    user_id: int,
    stream: str,
    records: Iterable[ParsedRecord],
    stored: Mapping[Any, Any],
) -> None:
    """Add the contents that differ from the stored rows.

    Args:
        records: Parsed records of one stream, oldest first.
        stored: Key -> stored row.
    """
    rows: list[dict[str, Any]] = []
    open_keys: list[dict[str, str]] = []
    for record in records:
        row = stored.get(record.key)
        fields = record.fields
        if row is not None and row.content_hash == fields["content_hash"]:
            continue
        is_open = stream == "cycles" and fields["end_time"] is None
        if is_open:
            if row is not None and record.order < (row.updated_at, row.synced_at):
                continue
            open_keys.append({"key": str(record.key)})
            rows = [kept for kept in rows if not (kept["open"] and kept["record_key"] == str(record.key))]
        rows.append(
            {
                "stream": stream,
                "record_key": str(record.key),
                "content_hash": fields["content_hash"],
                "user_id": user_id,
                "payload": fields["payload"],
                "endpoint": record.endpoint,
                "updated_at": fields["updated_at"],
                "requested_at": record.requested_at,
                "open": is_open,
            }
        )
    if open_keys:
        connection.execute(
            delete(record_versions).where(
                record_versions.c.stream == stream,
                record_versions.c.record_key == bindparam("key"),
                record_versions.c.open.is_(True),
            ),
            open_keys,
        )
    insert_or_ignore(connection, record_versions, rows)
