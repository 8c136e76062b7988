"""Maps v1 ids to v2 ids, and logs for each id how it was mapped.

The ways, in order:

1. `v1_id`: the stored record contains its v1 id.
2. `cycle_id`: a recovery by its cycle, because cycles keep their ids: the stored recovery of the cycle, else
   `GET /v2/cycle/{id}/sleep`.
3. `mapping`: WHOOP returns the v2 id at `GET /v1/activity-mapping/{id}`, in the backfill lane of the request
   budget.
4. `start_time`: exactly one stored record of the member and kind starts at the time in the old store.

The table `v1_ids` holds all state. Each response of WHOOP is committed before the next request. A killed
process resumes there, and repeats no request that was answered, including 404.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection as Transaction

from whoop_assets.db.database import Database
from whoop_assets.db.statements import batched
from whoop_assets.errors import DatabaseError, WhoopError
from whoop_assets.members import store as member_store
from whoop_assets.sync.load_members import stops_all_requests
from whoop_assets.sync.session import WhoopSession
from whoop_assets.v1_migration import store as v1_store
from whoop_assets.v1_migration.store import OldId, Response
from whoop_assets.webhooks import inbox
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.errors import (
    BadRequest,
    InvalidIdentifier,
    NotFound,
    OAuthError,
    Refused,
    ServerFault,
    UnreadableResponse,
)
from whoop_assets.whoop_api.streams import valid_uuid
from whoop_assets.whoop_api.token_response import TOKEN_PATH

LANE = "backfill"
MAX_ID_RETRY_SECONDS = 20.0
"""Retry time for one id. Some ids always fail, and must not end the run for the others."""
MAX_CONSECUTIVE_FAILURES = 10
"""More failed ids in a row are a fault of WHOOP. The rest waits for the next run."""


def import_ids(database: Database, ids: Iterable[OldId], source: str) -> None:
    """Imports the ids in batches, one transaction each."""
    for batch in batched(list(ids)):
        with database.write() as transaction:
            v1_store.import_ids(transaction, batch, source, database.now(transaction))


def import_event_ids(database: Database) -> None:
    """Imports the v1 ids of parked webhook events."""
    with database.read() as transaction:
        ids = [old_id for _, old_id, _ in v1_store.parked_events(transaction)]
    import_ids(database, ids, "webhook events")


def migrate(
    connection: WhoopSession, progress: Callable[[int], None] = lambda decided: None
) -> dict[int, str]:
    """Decides every id that is not mapped.

    A failure of one member leaves that member's ids open. An exhausted budget ends the requests of all
    members.

    Args:
        connection: Session with WHOOP.
        progress: Called with the number of a member's decided ids, after each of them.

    Returns:
        By member, why ids stay open.
    """
    database, failures = connection.database, dict[int, str]()
    with database.write() as transaction:
        v1_store.reopen(transaction)
        v1_store.map_by_records(transaction, database.now(transaction))
    with database.read() as transaction:
        open_ids = v1_store.open_ids(transaction)
        status = {member.user_id: member.status for member in member_store.listed(transaction)}
    for user_id, ids in open_ids.items():
        try:
            connected = status.get(user_id) == member_store.CONNECTED
            client = connection.client(user_id, LANE, MAX_ID_RETRY_SECONDS) if connected else None
            _decide_all(database, client, ids, progress)
        except DatabaseError:
            raise
        except WhoopError as error:
            failures[user_id] = str(error)
            if stops_all_requests(error):
                connection = connection.without_requests(error)
    return failures


def reopen_events(database: Database) -> int:
    """Opens the parked webhook events with a mapped id again. Returns their number."""
    with database.write() as transaction:
        again = []
        for trace_id, _, v2_id in v1_store.parked_events(transaction):
            if v2_id is not None:
                event, payload = inbox.stored(transaction, trace_id)
                again.append(inbox.under(event, payload, v2_id))
        reasons = inbox.replay(transaction, again, database.now(transaction))
    return sum(reason is None for reason in reasons.values())


def _decide_all(
    database: Database,
    client: WhoopClient | None,
    ids: Sequence[tuple[OldId, Response | None]],
    progress: Callable[[int], None],
) -> None:
    """Decides one member's ids, with requests if there is a client. Raises the last error of the requests."""
    decided, failures = 0, 0
    last_error: WhoopError | None = None
    for old_id, response in ids:
        if response is None and client is not None:
            try:
                response = _request(client, old_id)
            except (ServerFault, BadRequest, Refused, UnreadableResponse) as error:
                if error.path == TOKEN_PATH or isinstance(error, OAuthError):
                    raise  # concerns the member, not the id
                _record_request(database, old_id, reason=str(error))
                last_error, failures = error, failures + 1
                if failures == MAX_CONSECUTIVE_FAILURES:
                    raise
                continue
            failures = 0
            _record_request(database, old_id, status=response[0], answer=response[1])
        with database.write() as transaction:
            _decide(transaction, old_id, response, database.now(transaction))
        decided += 1
        progress(decided)
    if last_error is not None:
        raise last_error


def _request(client: WhoopClient, old_id: OldId) -> Response:
    try:
        if old_id.kind == v1_store.RECOVERY:
            response, field_name = client.cycle_sleep(old_id.v1_id), "id"
        else:
            response, field_name = client.activity_mapping(old_id.v1_id), "v2_activity_id"
    except NotFound:
        return v1_store.NOT_FOUND, None
    try:
        return v1_store.FOUND, valid_uuid(str(response.payload.get(field_name)))
    except InvalidIdentifier:
        raise UnreadableResponse(
            f"GET {response.endpoint} returned a response without a UUID: WHOOP may have changed its API.",
            path=response.endpoint,
            status=v1_store.FOUND,
        ) from None


def _record_request(database: Database, old_id: OldId, **values: Any) -> None:
    with database.write() as transaction:
        v1_store.record_request(transaction, old_id, asked_at=database.now(transaction), **values)


def _decide(transaction: Transaction, old_id: OldId, response: Response | None, now: datetime) -> None:
    """Maps the id by WHOOP's response or by its start time, or marks it as unmapped."""
    row = v1_store.matches(old_id)
    if response is not None and response[1] is not None:
        way = v1_store.BY_CYCLE if old_id.kind == v1_store.RECOVERY else v1_store.BY_ENDPOINT
        v1_store.decide(transaction, row, now, way, response[1])
        return
    keys = v1_store.find_by_start(transaction, old_id)
    if len(keys) == 1:
        v1_store.decide(transaction, row, now, v1_store.BY_TIME, keys[0])
        return
    reason = "The member is not connected" if response is None else "WHOOP does not know the id (404)"
    if old_id.start_time is None:
        reason += ", and the old store has no start time."
    else:
        reason += f", and {'more than one' if keys else 'no'} stored {old_id.kind} starts at that time."
    v1_store.decide(transaction, row, now, reason=reason)
