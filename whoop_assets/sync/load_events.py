"""Loading events for several members, one after the other: one member's failure never costs another member's data."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from whoop_assets.date_ranges import spans_of_members
from whoop_assets.db.database import Database
from whoop_assets.errors import (
    BudgetExhausted,
    DatabaseError,
    ReconnectionNeeded,
    UnknownMember,
    WhoopError,
)
from whoop_assets.members import store as members
from whoop_assets.members.store import Member
from whoop_assets.records import stale_days
from whoop_assets.records.ledgers import STALE_TRENDS
from whoop_assets.records.load_failures import Failure
from whoop_assets.summaries.dependents import rebuild_stale_trends
from whoop_assets.summaries.rebuild import MAX_BRIDGED_GAP, rebuild_days
from whoop_assets.sync.auth_failure import TokenReplaced, refuses_every_stream
from whoop_assets.sync.event_load import LANE, EventLoad
from whoop_assets.sync.load import Loaded
from whoop_assets.sync.load_members import Order, Round, ends_everybodys_requests
from whoop_assets.sync.session import Connection
from whoop_assets.webhooks import attempts, claims, event_days, inbox
from whoop_assets.webhooks.row_locks import Event
from whoop_assets.whoop_api.errors import RateLimited, Unauthorized
from whoop_assets.whoop_api.scopes import SCOPE_OF, allows
from whoop_assets.whoop_api.streams import CYCLES

ANNOUNCED = ("sleeps", "recoveries", "workouts")
"""The streams that have events, in the order in which they are loaded: a recovery is found by its sleep."""
AT_ONCE = 500
"""So many events a run takes on at a time; the next run takes the rest."""
_LIMITED = timedelta(minutes=1)
_OLDER = "WHOOP answered with an older state than the one that is stored."

BEFORE_ALL, AFTER_ALL = date(1970, 1, 1), date(9999, 12, 31)


@dataclass(frozen=True, slots=True)
class Keys:
    """The first and last day that have a partition: events are filed among these."""

    first: date = BEFORE_ALL
    last: date = AFTER_ALL


def load_events(
    connection: Connection, order: Order, *, streams: Collection[str] = ANNOUNCED, keys: Keys | None = None
) -> Round:
    """Take on the due events of the order's days and members, and load those of its stream; what fails is set back.

    For `cycles`, which have no events: take on the events of all these `streams` and read their members' cycles. A
    member whose cycles cannot be read is not asked for anything else: all those events are set back.
    `order.run_id` names the claim. Raises DatabaseError or ConfigurationError, which concern everybody.
    """
    database = connection.database
    wanted = streams if order.stream == CYCLES.name else (order.stream,)
    keys = keys or Keys()
    connection.require_key()
    with database.write() as transaction:
        at = database.now(transaction)
        event_days.file_due(transaction, at, keys.first, keys.last, limit=AT_ONCE)
        claims.claim(
            transaction,
            wanted,
            order.first,
            order.last,
            at,
            by=order.run_id,
            members=order.members,
            limit=AT_ONCE,
        )
        events = claims.held(transaction, order.run_id, wanted)
        known = {member.user_id: member for member in members.listed(transaction)}
    by_member: dict[int, list[Event]] = {}
    for event in events:
        by_member.setdefault(event.user_id, []).append(event)
    work = _Work(connection, order)
    for user_id, theirs in by_member.items():
        work.load(known.get(user_id), theirs)
    return work.result


@dataclass
class _Work:
    connection: Connection
    order: Order
    result: Round = field(default_factory=Round)
    exhausted: WhoopError | None = None

    def load(self, member: Member | None, events: list[Event]) -> None:
        """Load one member's events; whatever comes of it, none of them is left behind as claimed."""
        if member is None or member.status == members.DISCONNECTED:
            self._park(events, inbox.NOT_A_MEMBER)
            return
        stream = self.order.stream
        if not allows(member.scopes, stream):
            reason = (
                f"Member {member.user_id} has not granted {SCOPE_OF[stream]}: run `whoop-assets connect`, grant it, and"
                " replay the event."
            )
            self._park(events, reason)
            self.result.skipped.append(reason)
            return
        loaded = Loaded(member.user_id, stream)
        self.result.loads.append(loaded)
        try:
            errors = self._load(member, events, loaded)
        except DatabaseError:
            raise
        except UnknownMember:
            # Erased while it was being loaded, and the events with everything else.
            return
        except WhoopError as error:
            errors = {event.trace_id: error for event in events}
        refused = next((error for error in errors.values() if isinstance(error, Unauthorized)), None)
        if refused is not None:
            errors = self._after_refusal(member, errors, loaded)
        self._set_back(member.user_id, events, errors)

    def _after_refusal(
        self, member: Member, errors: dict[str, WhoopError], loaded: Loaded
    ) -> dict[str, WhoopError]:
        """What the refusal comes to, once it is known whether any stream is answered."""
        try:
            if not refuses_every_stream(self.connection, member, self.order.stream, LANE, loaded):
                return errors
        except TokenReplaced as error:
            return dict.fromkeys(errors, error)
        gone = ReconnectionNeeded.because(members.REFUSES_EVERYTHING, user_id=member.user_id)
        return dict.fromkeys(errors, gone)

    def _load(self, member: Member, events: list[Event], loaded: Loaded) -> dict[str, WhoopError]:
        if self.exhausted is not None:
            raise self.exhausted
        if member.status != members.CONNECTED:
            reason = member.status_reason or member.status.replace("_", " ")
            raise ReconnectionNeeded.because(reason, user_id=member.user_id)
        loading = EventLoad(self.connection, member, loaded, by=self.order.run_id)
        if self.order.stream == CYCLES.name:
            loading.load_cycles()
            return {}
        return loading.load_events(events)

    def _set_back(self, user_id: int, events: Sequence[Event], errors: dict[str, WhoopError]) -> None:
        database = self.connection.database
        for error in {id(error): error for error in errors.values()}.values():
            if ends_everybodys_requests(error):
                # WHOOP counts the app's requests, not the member's: nobody else has a chance now.
                self.exhausted = error
            if isinstance(error, ReconnectionNeeded):
                self.result.to_reconnect.append(user_id)
            trace_ids = [trace_id for trace_id, one in errors.items() if one is error]
            _fail(database, trace_ids, error)
            self.result.failures.append(self._failure(user_id, error))
        if self.order.stream == CYCLES.name:
            return
        with database.write() as transaction:
            still = {event.trace_id for event in claims.held(transaction, self.order.run_id, ANNOUNCED)}
            unsettled = still & {event.trace_id for event in events}
            attempts.failed(transaction, unsettled, _OLDER, database.now(transaction))

    def _failure(self, user_id: int, error: WhoopError) -> Failure:
        order = self.order
        return Failure(
            user_id, order.stream, order.first, order.last, str(error), error.transient, order.run_id
        )

    def _park(self, events: Sequence[Event], reason: str) -> None:
        with self.connection.database.write() as transaction:
            attempts.park(transaction, [event.trace_id for event in events], reason)


def _fail(database: Database, trace_ids: Iterable[str], error: WhoopError) -> None:
    """Enter the failed attempt: when to try again depends on whose fault it was."""
    with database.write() as transaction:
        at = database.now(transaction)
        if isinstance(error, BudgetExhausted):
            attempts.postpone(transaction, trace_ids, str(error), error.retry_at)
        elif isinstance(error, RateLimited):
            wait = _LIMITED if error.retry_after is None else timedelta(seconds=error.retry_after)
            attempts.postpone(transaction, trace_ids, str(error), at + wait)
        else:
            attempts.failed(transaction, trace_ids, str(error), at)


def rebuild_touched(
    database: Database, members: Collection[int], first: date, last: date, *, by: str, since: datetime
) -> int:
    """Rebuild what is stale of these members' days first..last, and what this run's events have made stale elsewhere.

    An event is filed under a guessed day: the record's true day, and the one it has moved from, can be others.
    What lies between a member's stale days is built along where it is little. Returns how many summary rows changed.
    """
    with database.read() as connection:
        touched = claims.served(connection, by) & set(members)
        behind = stale_days.generations(connection, members, first, last)
        behind += stale_days.changed_since(connection, touched, since)
    spans = spans_of_members(((entry.user_id, entry.day) for entry in behind), apart=MAX_BRIDGED_GAP)
    return sum(rebuild_days(database, users, start, stop).changed for users, start, stop in spans)


def follow_touched(
    database: Database, members: Collection[int], first: date, last: date, *, by: str, since: datetime
) -> int:
    """Rebuild the trends that are behind on these members' days first..last, and on others for this run's sake.

    Returns how many rows of trends changed, on these days and on those that they reach.
    """
    with database.read() as connection:
        touched = claims.served(connection, by) & set(members)
        behind = STALE_TRENDS.generations(connection, members, first, last)
        behind += STALE_TRENDS.changed_since(connection, touched, since)
    return rebuild_stale_trends(database, behind)


def work_off(connection: Connection, *, by: str) -> list[Round]:
    """Load whatever events are due, of all days, and rebuild the summaries: what a run does for a day, without Dagster."""
    database = connection.database
    with database.read() as transaction:
        now = database.now(transaction)
        everybody = [member.user_id for member in members.chosen(transaction, (), with_disconnected=True)]
    rounds = []
    for stream in (CYCLES.name, *ANNOUNCED):
        order = Order(stream, BEFORE_ALL, AFTER_ALL, now.date(), until=now, since=now, lane=LANE, run_id=by)
        rounds.append(load_events(connection, order))
    rebuild_touched(database, everybody, BEFORE_ALL, AFTER_ALL, by=by, since=now)
    follow_touched(database, everybody, BEFORE_ALL, AFTER_ALL, by=by, since=now)
    return rounds
