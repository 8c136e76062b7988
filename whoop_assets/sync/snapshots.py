"""Snapshots: profile and body measurements as they are today, since WHOOP keeps no history of them."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from pydantic import ValidationError

from whoop_assets.members import store as member_store
from whoop_assets.records import quarantine, snapshots
from whoop_assets.sync.load import Loaded
from whoop_assets.sync.parsing import body_measurement_fields, canonical, profile_fields
from whoop_assets.sync.session import Connection
from whoop_assets.whoop_api.errors import NotFound
from whoop_assets.whoop_api.validation import validation_reason


def load_snapshot(connection: Connection, today: date, *, lane: str, loaded: Loaded, since: datetime) -> bool:
    """Ask once and file the answer under today; an account that has no body measurements (404) has no row.

    `loaded` names member and stream, and takes what it came to. False when today's snapshot was taken since then
    already: nothing is asked.
    """
    user_id, stream = loaded.user_id, loaded.stream
    with connection.database.read() as transaction:
        if snapshots.taken_since(transaction, stream, user_id, today, since):
            return False
    client = connection.client(user_id, lane)
    database = connection.database
    try:
        answer = client.profile() if stream == "profile" else client.body_measurement()
    except NotFound:
        return True
    finally:
        loaded.count(client)
    read = profile_fields if stream == "profile" else body_measurement_fields
    try:
        fields = read(answer.payload)
    except ValidationError as error:
        text, content_hash = canonical(_kinds(answer.payload) if stream == "profile" else answer.payload)
        rejected = quarantine.Rejected(
            str(user_id), text, content_hash, validation_reason(error), answer.endpoint
        )
        with database.write([user_id]) as transaction:
            member_store.require(transaction, user_id)
            quarantine.keep(transaction, user_id, stream, [rejected], database.now(transaction))
        loaded.quarantined = 1
        return True
    with database.write([user_id]) as transaction:
        member_store.require(transaction, user_id)
        snapshots.store(transaction, stream, user_id, today, fields, answer.requested_at)
        quarantine.resolve(transaction, user_id, stream, [str(user_id)], database.now(transaction))
    loaded.confirmed = 1
    return True


def _kinds(profile: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a rejected profile with the types of their values: e-mail and name are kept in two tables alone."""
    return {
        name: value if name == "user_id" and isinstance(value, int) else f"({type(value).__name__})"
        for name, value in profile.items()
    }
