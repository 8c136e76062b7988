"""Requests records by their own URL, and confirms in this way that a missing record is deleted.

WHOOP does not report deletions in its collections. A record that is missing in a completely read span may be
deleted or moved, or it may have slipped through a page boundary. Only a 404 at its own URL proves that it is
deleted.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from whoop_assets.db.database import Database
from whoop_assets.records import upsert
from whoop_assets.records.commit import StreamBatch
from whoop_assets.records.coverage import Span
from whoop_assets.records.parsed_record import ParsedRecord
from whoop_assets.records.quarantine import RejectedRecord
from whoop_assets.sync.parsing import parse_record
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.errors import NotFound
from whoop_assets.whoop_api.streams import RECOVERIES, Stream

MAX_SUSPECTS = 50
"""With more missing records at once nothing is requested and nothing is deleted."""
MAX_SUSPECTS_OF_ANY_SHARE = 10
"""Above this number the missing records must also be at most half of the known ones."""


@dataclass(slots=True)
class Absences:
    """Result for the missing records: those found by their URL, and those that are gone.

    `warning` is set if too many are missing; then none was requested.
    """

    batch: StreamBatch = field(default_factory=StreamBatch)
    warning: str | None = None


def confirm_absences(
    client: WhoopClient,
    database: Database,
    stream: Stream,
    user_id: int,
    span: Span,
    seen: set[Any],
    read_at: datetime,
    days: tuple[date, date] | None = None,
) -> Absences:
    """Request every stored record that starts within the span and did not come.

    Args:
        seen: Keys of the records that came.
        read_at: Send time of the first request of the read.
        days: First and last day. If set, request the days' records that start outside the span instead. Their
            cycle may have moved, and they with it, before they were deleted.
    """
    with database.read() as connection:
        if days is None:
            known = upsert.keys_within(connection, user_id, stream.name, span)
        else:
            known = upsert.keys_of_days_outside(connection, user_id, stream.name, *days, span)
        # The key of a rejected record is seen as text.
        missing = sorted(key for key in known - seen if str(key) not in seen)
        cycle_of = upsert.cycle_of_recovery(connection, missing) if stream is RECOVERIES else {}
    result = Absences()
    if _too_many(len(missing), len(known), nothing_came=not seen):
        result.warning = (
            f"{len(missing)} of {len(known)} known {stream.name} of member {user_id} between"
            f" {span.start:%Y-%m-%d} and {span.end:%Y-%m-%d} were not returned: too many at once to be"
            " deletions, so nothing was deleted."
        )
        return result
    for key in missing:
        record, asked_at = fetch_record(client, database, stream, cycle_of.get(key, key), user_id)
        result.batch.add_response(key, record, asked_at)
        if stream is RECOVERIES and isinstance(record, ParsedRecord) and record.key != key:
            # The cycle has another recovery now, so this one is in neither place. The older of the two
            # requests counts: another process may have confirmed the record since the collection was read.
            result.batch.gone[key] = read_at
    return result


def fetch_record(
    client: WhoopClient, database: Database, stream: Stream, url_key: int | str, user_id: int
) -> tuple[ParsedRecord | RejectedRecord | None, datetime]:
    """Request one record by its URL. Raises the client's errors except NotFound.

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


def _too_many(missing: int, known: int, *, nothing_came: bool) -> bool:
    if nothing_came:
        return missing > 2
    return missing > MAX_SUSPECTS or (missing > MAX_SUSPECTS_OF_ANY_SHARE and missing * 2 > known)
