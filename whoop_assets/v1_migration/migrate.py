"""From v1 ids to those of v2: each id by the surest way that there is, and which way it was is written down.

1. `v1_id`: the stored record says its v1 id itself.
2. `cycle_id`: a recovery by its cycle, whose id v2 has kept: that of the stored recovery, else, where the old store does not name the
   sleep, WHOOP's word at `GET /v2/cycle/{id}/sleep`.
3. `mapping`: WHOOP says it, at `GET /v1/activity-mapping/{id}`, in the backfills' lane of the shared budget.
4. `start_time`: of the member's stored records of that kind exactly one starts when the old store says.

The state is in the table `v1_ids` alone. What needs no request is decided in lots; of what does, each answer is committed
with what it decides before the next request is sent: killed at any moment, the next run goes on from there, and asks WHOOP for
nothing twice, a 404 included. An id that WHOOP refuses, or fails on, stays open with the reason, and has its turn after the
others in the next run.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from whoop_assets.db.database import Database
from whoop_assets.errors import DatabaseError, WhoopError
from whoop_assets.members import store as member_store
from whoop_assets.sync.load_members import stops_all_requests
from whoop_assets.sync.session import Connection
from whoop_assets.v1_migration import store as v1_store
from whoop_assets.v1_migration.store import (
    ACTIVITY,
    BY_CYCLE,
    BY_ENDPOINT,
    BY_RECORD,
    BY_TIME,
    GOOD,
    KINDS,
    NOT_FOUND,
    RECOVERY,
    SLEEP,
    TOLERANCE,
    Asked,
    Decision,
    Known,
    KnownRecord,
    OldId,
    Subject,
)
from whoop_assets.webhooks import deliveries, inbox
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.errors import (
    ApiError,
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
"""How long the request for one id is retried. Some ids always fail, and a few of them must not end the run for the others."""
LOT = 500
EVENTS = "webhook events"
_FAULTS_BELIEVED = 3
"""So many 5xx one after the other are not the id's but WHOOP's."""

_REFUSALS_BELIEVED = 50
"""So many ids one after the other without an answer: the rest would cost requests in vain, and waits for the next run."""


@dataclass(slots=True)
class Migrated:
    """What became of a run. `failures`: by member, why ids are still open; `replayed`: parked events that are open again."""

    failures: dict[int, str] = field(default_factory=dict)
    replayed: int = 0


def take_in(database: Database, ids: Iterable[OldId], source: str) -> None:
    """Enter the ids, a lot at a time; what is there already is completed."""
    rest = iter(ids)
    while lot := list(islice(rest, LOT)):
        with database.write() as transaction:
            v1_store.take_in(transaction, lot, source, database.now(transaction))


def take_in_events(database: Database) -> None:
    """Enter the ids that parked webhook events name records by."""
    with database.read() as transaction:
        ids = [one for _, one in v1_store.parked_events(transaction)]
    take_in(database, ids, EVENTS)


def migrate(connection: Connection, progress: Callable[[int], None] = lambda decided: None) -> Migrated:
    """Decide every id that is open, member by member, then open the events whose ids are known now.

    One member's failure leaves that member's ids open and costs the others nothing; a spent budget ends the asking for
    everybody, not what needs no request. `progress` gets numbers of ids decided. Raises DatabaseError.
    """
    database, done = connection.database, Migrated()
    with database.read() as transaction:
        whose = v1_store.members_with_open(transaction)
        status = {one.user_id: one.status for one in member_store.listed(transaction)}
    for user_id in whose:
        one = _Member(connection, user_id, status.get(user_id), progress)
        try:
            one.decide_all()
        except DatabaseError:
            raise
        except WhoopError as error:
            done.failures[user_id] = str(error)
            if stops_all_requests(error):
                connection = connection.without_requests(error)
    done.replayed = open_events(database)
    return done


def open_events(database: Database) -> int:
    """Take up the parked events whose v1 ids are mapped, under the ids of v2; how many."""
    with database.write() as transaction:
        waiting = v1_store.parked_events(transaction)
        keys = v1_store.mapped(transaction, [one for _, one in waiting])
        again = []
        for trace_id, one in waiting:
            if one in keys:
                event, payload = inbox.stored(transaction, trace_id)
                again.append(deliveries.under(event, payload, keys[one]))
        reasons = inbox.replay(transaction, again, database.now(transaction))
    return sum(reason is None for reason in reasons.values())


class _Member:
    """One member's ids that are open."""

    def __init__(
        self, connection: Connection, user_id: int, status: str | None, progress: Callable[[int], None]
    ) -> None:
        self._connection, self._database = connection, connection.database
        self._user_id, self._status, self._progress = user_id, status, progress
        with self._database.read() as transaction:
            self._open = v1_store.open_of(transaction, user_id)
            self._known = v1_store.known_of(transaction, user_id)
            self._answers = v1_store.answers_of(transaction, user_id)
        self._starts = {kind: _by_start(self._known, kind) for kind in KINDS}

    def decide_all(self) -> None:
        """First what needs no request, then what does. Raises the client's errors."""
        left: list[OldId] = []
        for lot in _lots(self._open):
            decided = []
            for one in lot:
                decision = self._without_asking(one)
                if decision is None:
                    left.append(one)
                else:
                    decided.append(decision)
            self._write(decided)
        self._ask_for(left)

    def _without_asking(self, one: OldId) -> Decision | None:
        """None: WHOOP has to be asked."""
        key = self._known.by_v1.get((one.kind, one.v1_id)) if one.kind != RECOVERY else None
        if one.kind == RECOVERY and one.sleep_v1_id is not None:
            key = self._known.by_v1.get((SLEEP, one.sleep_v1_id))
        if key is not None:
            return Decision(one, BY_RECORD, key)
        if one.kind == RECOVERY and (key := self._known.by_cycle.get(one.v1_id)) is not None:
            return Decision(one, BY_CYCLE, key)
        if (answer := self._answers.get(one.subject)) is not None:
            return self._by_answer(one, answer)
        if self._status != member_store.CONNECTED:
            return self._by_time(one, "WHOOP cannot be asked, because the member is not connected here")
        return None

    def _ask_for(self, ids: Iterable[OldId]) -> None:
        client = self._connection.client(self._user_id, LANE, MAX_ID_RETRY_SECONDS)
        faults = failed = 0
        failure: ApiError | None = None
        for one in ids:
            known = self._answers.get(one.subject)
            try:
                answer = self._ask(client, one.subject) if known is None else known
                faults = failed = 0
            except (ServerFault, BadRequest, Refused, UnreadableResponse) as error:
                if error.path == TOKEN_PATH or isinstance(error, OAuthError):
                    raise  # the member's, not the id's
                # It may be this id's alone: the others are asked for, and this one stays open.
                failure, failed = error, failed + 1
                faults = faults + 1 if isinstance(error, ServerFault) else 0
                self._note(one, error)
                if faults == _FAULTS_BELIEVED or failed == _REFUSALS_BELIEVED:
                    raise
                continue
            self._answers[one.subject] = answer
            decision = self._by_answer(one, answer)
            self._write([decision if known is not None else replace(decision, asked=answer)])
        if failure is not None:
            raise failure

    def _ask(self, client: WhoopClient, subject: Subject) -> Asked:
        what, number = subject
        try:
            answer = client.activity_mapping(number) if what == ACTIVITY else client.cycle_sleep(number)
        except NotFound:
            return Asked(NOT_FOUND, None, self._connection.clock.now())
        try:
            key = valid_uuid(str(answer.payload.get("v2_activity_id" if what == ACTIVITY else "id")))
        except InvalidIdentifier:
            raise UnreadableResponse(
                f"GET {answer.endpoint} brought an answer without a UUID: WHOOP may have changed its API.",
                path=answer.endpoint,
                status=GOOD,
            ) from None
        return Asked(GOOD, key, answer.requested_at)

    def _by_answer(self, one: OldId, answer: Asked) -> Decision:
        if answer.v2_id is not None:
            way = BY_ENDPOINT if one.subject[0] == ACTIVITY else BY_CYCLE
            return Decision(one, way, answer.v2_id)
        return self._by_time(one, "WHOOP knows no such id (404)")

    def _by_time(self, one: OldId, why: str) -> Decision:
        """By user and start, or not at all."""
        if one.start is None:
            return Decision(one, reason=f"{why}, and the old store gives no start to look for.")
        starts = self._starts[one.kind]
        first = bisect_left(starts, one.start - TOLERANCE, key=lambda record: _start(record))
        last = bisect_right(starts, one.start + TOLERANCE, key=lambda record: _start(record))
        if last - first == 1:
            return Decision(one, BY_TIME, starts[first].key)
        what = "no" if last == first else "more than one"
        return Decision(one, reason=f"{why}, and {what} {one.kind} that is stored starts at that time.")

    def _note(self, one: OldId, error: ApiError) -> None:
        with self._database.write() as transaction:
            v1_store.note_failure(transaction, one, str(error), self._database.now(transaction))

    def _write(self, decisions: list[Decision]) -> None:
        if not decisions:
            return
        with self._database.write() as transaction:
            v1_store.decide(transaction, decisions, self._database.now(transaction))
        self._progress(len(decisions))


def _by_start(known: Known, kind: str) -> list[KnownRecord]:
    records = [one for one in known.records[kind].values() if one.exists and one.start is not None]
    return sorted(records, key=_start)


def _start(record: KnownRecord) -> datetime:
    assert record.start is not None
    return record.start


def _lots(ids: list[OldId]) -> Iterator[list[OldId]]:
    for start in range(0, len(ids), LOT):
        yield ids[start : start + LOT]
