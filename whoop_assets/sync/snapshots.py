"""Loads profile and body measurements as they are today, because WHOOP keeps no history of them."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import ValidationError

from whoop_assets.members import store as member_store
from whoop_assets.records import quarantine, snapshots
from whoop_assets.records.quarantine import RejectedRecord
from whoop_assets.sync.load_stats import LoadStats
from whoop_assets.sync.parsing import canonical, parse_snapshot
from whoop_assets.sync.session import WhoopSession
from whoop_assets.whoop_api.errors import NotFound
from whoop_assets.whoop_api.fields import validation_reason
from whoop_assets.whoop_api.streams import SNAPSHOT_STREAMS


def load_snapshot(
    session: WhoopSession, today: date, *, lane: str, stats: LoadStats, since: datetime
) -> bool:
    """Request the snapshot and store it under today. A member without body measurements (404) gets no row.

    Args:
        stats: Names member and stream, and receives the result.
        since: A snapshot of today that was requested after this time is not requested again.

    Returns:
        Whether a request was sent.
    """
    user_id, stream, database = stats.user_id, stats.stream, session.database
    snapshot = SNAPSHOT_STREAMS[stream]
    with database.read() as connection:
        if snapshots.taken_since(connection, stream, user_id, today, since):
            return False
    client = session.client(user_id, lane)
    try:
        response = client.snapshot(snapshot)
    except NotFound:
        return True
    finally:
        stats.count_requests(client)
    try:
        fields = parse_snapshot(snapshot, response.payload)
    except ValidationError as error:
        shown = _types_of(response.payload) if snapshot.identifies else response.payload
        reason = validation_reason(error)
        rejected = RejectedRecord(str(user_id), *canonical(shown), reason, response.endpoint)
        with database.write([user_id]) as connection:
            member_store.require(connection, user_id)
            quarantine.keep(connection, user_id, stream, [rejected], database.now(connection))
        stats.quarantined = 1
        return True
    with database.write([user_id]) as connection:
        member_store.require(connection, user_id)
        snapshots.store(connection, stream, user_id, today, fields, response.requested_at)
        quarantine.resolve(connection, user_id, stream, [str(user_id)], database.now(connection))
    stats.confirmed = 1
    return True


def _types_of(profile: Mapping[str, Any]) -> dict[str, Any]:
    """Return the types of a rejected profile's values: the quarantine must not contain e-mail and name."""
    return {
        name: value if name == "user_id" and isinstance(value, int) else f"({type(value).__name__})"
        for name, value in profile.items()
    }
