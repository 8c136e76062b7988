"""Loads webhook events for several members in turn. One member's failure never affects another's data."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

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
from whoop_assets.records.stale_days import STALE_DAYS, STALE_TRENDS, Ledger, StaleDay
from whoop_assets.summaries.rebuild import rebuild_stale_days, rebuild_stale_trends
from whoop_assets.sync.auth_failure import TokenReplaced, is_rejected_by_every_stream
from whoop_assets.sync.events.event_load import LANE, EventLoad
from whoop_assets.sync.load_members import LoadRequest, LoadResult, require_connected, stops_all_requests
from whoop_assets.sync.load_stats import LoadStats
from whoop_assets.sync.session import WhoopSession
from whoop_assets.webhooks import attempts, inbox
from whoop_assets.webhooks.inbox import Event
from whoop_assets.whoop_api.errors import RateLimited, Unauthorized
from whoop_assets.whoop_api.scopes import SCOPE_OF, allows
from whoop_assets.whoop_api.streams import ANNOUNCED_STREAMS, CYCLES

_RATE_LIMIT_WAIT = timedelta(minutes=1)
_OUTDATED = "WHOOP answered with an older state than the one that is stored."


@dataclass(frozen=True, slots=True)
class PartitionBounds:
    """The first and last day that have a partition. Events are assigned to these days."""

    first: date = date.min
    last: date = date.max


def load_events(
    session: WhoopSession,
    request: LoadRequest,
    *,
    streams: Collection[str] = ANNOUNCED_STREAMS,
    bounds: PartitionBounds | None = None,
) -> LoadResult:
    """Claim the due events of the request's days and members, and load those of its stream.

    For `cycles`, which have no events: claim the events of all `streams` and read their members' cycles. If a
    member's cycles cannot be read, all events of the member are set back.

    Args:
        request: `run_id` names the claim.
        streams: Streams to claim events of, if the request is for cycles.
        bounds: The days that have a partition; all days if None.

    Raises:
        DatabaseError: An error that concerns all members, like ConfigurationError.
    """
    database = session.database
    wanted = streams if request.stream == CYCLES.name else (request.stream,)
    bounds = bounds or PartitionBounds()
    session.require_key()
    with database.write() as connection:
        at = database.now(connection)
        attempts.assign_days(connection, at, bounds.first, bounds.last)
    # In another transaction: each locks its own events in order, and two such sets could deadlock.
    with database.write() as connection:
        days, by = (request.first, request.last), request.run_id
        events = attempts.claim(connection, wanted, *days, at, by=by, members=request.members)
        known = {member.user_id: member for member in members.listed(connection)}
    by_member: dict[int, list[Event]] = {}
    for event in events:
        by_member.setdefault(event.user_id, []).append(event)
    work = _EventWork(session, request)
    for user_id, member_events in by_member.items():
        work.load(known.get(user_id), member_events)
    return work.result


@dataclass
class _EventWork:
    """Loads the events of one request, member by member.

    `stopped_by`: the error after which no request can be sent.
    """

    session: WhoopSession
    request: LoadRequest
    result: LoadResult = field(default_factory=LoadResult)
    stopped_by: WhoopError | None = None

    def load(self, member: Member | None, events: list[Event]) -> None:
        """Load one member's events. Each one is closed, set back or parked afterwards."""
        if member is None or member.status == members.DISCONNECTED:
            self._park(events, inbox.NOT_A_MEMBER)
            return
        stream = self.request.stream
        if not allows(member.scopes, stream):
            reason = (
                f"Member {member.user_id} has not granted {SCOPE_OF[stream]}: run `whoop-assets connect`,"
                " grant it, and replay the event."
            )
            self._park(events, reason)
            self.result.skipped.append(reason)
            return
        stats = LoadStats(member.user_id, stream)
        self.result.loads.append(stats)
        try:
            errors = self._load(member, events, stats)
        except DatabaseError:
            raise
        except UnknownMember:
            return  # erased during the load, together with the events
        except WhoopError as error:
            errors = {event.trace_id: error for event in events}
        if any(isinstance(error, Unauthorized) for error in errors.values()):
            errors = self._after_401(member, errors, stats)
        self._set_back(member.user_id, events, errors)

    def _after_401(
        self, member: Member, errors: dict[str, WhoopError], stats: LoadStats
    ) -> dict[str, WhoopError]:
        """Return the errors of the events, after finding out whether every stream answers 401."""
        try:
            if not is_rejected_by_every_stream(self.session, member, self.request.stream, LANE, stats):
                return errors
        except TokenReplaced as error:
            return dict.fromkeys(errors, error)
        gone = ReconnectionNeeded(members.REFUSES_EVERYTHING, user_id=member.user_id)
        return dict.fromkeys(errors, gone)

    def _load(self, member: Member, events: list[Event], stats: LoadStats) -> dict[str, WhoopError]:
        if self.stopped_by is not None:
            raise self.stopped_by
        require_connected(member)
        load = EventLoad(self.session, member, stats, closed_by=self.request.run_id or LANE)
        if self.request.stream == CYCLES.name:
            load.load_cycles()
            return {}
        return load.load_events(events)

    def _set_back(self, user_id: int, events: Sequence[Event], errors: dict[str, WhoopError]) -> None:
        database = self.session.database
        for error in {id(error): error for error in errors.values()}.values():
            if stops_all_requests(error):
                # WHOOP limits the requests of the app, so other members' requests would fail too.
                self.stopped_by = error
            if isinstance(error, ReconnectionNeeded):
                self.result.to_reconnect.append(user_id)
            trace_ids = [trace_id for trace_id, event_error in errors.items() if event_error is error]
            _fail(database, trace_ids, error)
            self.result.failures.append(self.request.failure(user_id, error))
        if self.request.stream == CYCLES.name:
            return
        with database.write() as connection:
            claimed = attempts.claimed(connection, self.request.run_id, ANNOUNCED_STREAMS)
            unanswered = {event.trace_id for event in claimed} & {event.trace_id for event in events}
            attempts.failed(connection, unanswered, _OUTDATED, database.now(connection))

    def _park(self, events: Sequence[Event], reason: str) -> None:
        with self.session.database.write() as connection:
            attempts.park(connection, [event.trace_id for event in events], reason)


def _fail(database: Database, trace_ids: Iterable[str], error: WhoopError) -> None:
    """Record the failed attempt. An exhausted budget or a 429 does not count as an attempt."""
    with database.write() as connection:
        at = database.now(connection)
        if isinstance(error, BudgetExhausted):
            attempts.postpone(connection, trace_ids, str(error), error.retry_at)
        elif isinstance(error, RateLimited):
            wait = _RATE_LIMIT_WAIT if error.retry_after is None else timedelta(seconds=error.retry_after)
            attempts.postpone(connection, trace_ids, str(error), at + wait)
        else:
            attempts.failed(connection, trace_ids, str(error), at)


def rebuild_days_of_run(
    database: Database, members: Collection[int], first: date, last: date, *, by: str, since: datetime
) -> int:
    """Rebuild stale summaries of the members' days first..last, and of days that this run's events changed.

    An event is assigned to a guessed day. The record's true day, and the day it moved from, can be others.

    Args:
        by: The run that claimed the events.
        since: Other days are rebuilt only if they changed at or after this time.

    Returns:
        The number of summary rows that changed.
    """
    return rebuild_stale_days(database, _stale_of_run(database, STALE_DAYS, members, first, last, by, since))


def rebuild_trends_of_run(
    database: Database, members: Collection[int], first: date, last: date, *, by: str, since: datetime
) -> int:
    """Rebuild stale trends of the members' days first..last, and of days that this run's events changed.

    Returns:
        The number of rows of trends that changed, on these days and on later ones that depend on them.
    """
    return rebuild_stale_trends(
        database, _stale_of_run(database, STALE_TRENDS, members, first, last, by, since)
    )


def _stale_of_run(
    database: Database,
    ledger: Ledger,
    members: Collection[int],
    first: date,
    last: date,
    by: str,
    since: datetime,
) -> list[StaleDay]:
    """Return what is stale of the members' days first..last, and on days that this run's events changed."""
    with database.read() as connection:
        touched = attempts.served_members(connection, by) & set(members)
        return [
            *ledger.generations(connection, members, first, last),
            *ledger.changed_since(connection, touched, since),
        ]
