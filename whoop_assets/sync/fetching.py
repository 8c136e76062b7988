"""Requests one record by its own URL."""

from datetime import datetime

from whoop_assets.db.database import Database
from whoop_assets.records.parsed_record import ParsedRecord
from whoop_assets.records.quarantine import RejectedRecord
from whoop_assets.sync.parsing import parse_record
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.errors import NotFound
from whoop_assets.whoop_api.streams import Stream


def fetch_record(
    client: WhoopClient, database: Database, stream: Stream, url_key: int | str, user_id: int
) -> tuple[ParsedRecord | RejectedRecord | None, datetime]:
    """Request one record. Raises the client's errors except NotFound.

    Args:
        url_key: The id in the URL: the record's own, or a recovery's cycle.

    Returns:
        The record, None if WHOOP answered 404; and a database time before the request. A 404 deletes a record
        only if no other process has confirmed it since that time.
    """
    with database.read() as connection:
        asked_at = database.now(connection)
    try:
        response = client.record(stream, url_key)
    except NotFound:
        return None, asked_at
    parsed = parse_record(stream, response.payload, user_id, response.requested_at, response.endpoint)
    return parsed, asked_at
