"""Confirms deletions: a record that is missing in a completely read span is requested by its own URL.

WHOOP does not report deletions in its collections. A missing record may be deleted or moved, or it may have
slipped through a page boundary. Only a 404 at its own URL proves that it is deleted.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from whoop_assets.db.database import Database
from whoop_assets.records import upsert
from whoop_assets.records.commit import StreamBatch
from whoop_assets.records.coverage import Span
from whoop_assets.records.parsed_record import ParsedRecord
from whoop_assets.sync.fetching import fetch_record
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.streams import RECOVERIES, Stream

MAX_SUSPECTS = 50
"""With more missing records at once nothing is requested and nothing is deleted."""
MAX_SUSPECTS_OF_ANY_SHARE = 10
"""Above this number the missing records must also be less than half of the known ones."""


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


def _too_many(missing: int, known: int, *, nothing_came: bool) -> bool:
    if nothing_came:
        return missing > 2
    return missing > MAX_SUSPECTS or (missing > MAX_SUSPECTS_OF_ANY_SHARE and missing * 2 > known)
