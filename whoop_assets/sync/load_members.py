"""Loads a stream for several members in turn. One member's failure never affects another member's data."""

from dataclasses import dataclass, field
from datetime import date, datetime

from whoop_assets.db.database import Database
from whoop_assets.errors import (
    RECONNECT,
    BudgetExhausted,
    DatabaseError,
    ReconnectionNeeded,
    UnknownMember,
    WhoopError,
)
from whoop_assets.members import store as members
from whoop_assets.members.store import Member
from whoop_assets.records import load_failures
from whoop_assets.records.load_failures import Failure
from whoop_assets.sync.auth_failure import is_rejected_by_every_stream
from whoop_assets.sync.load import RangeLoad
from whoop_assets.sync.load_stats import LoadStats
from whoop_assets.sync.session import WhoopSession
from whoop_assets.sync.snapshots import load_snapshot
from whoop_assets.sync.stream_reader import StreamReader
from whoop_assets.whoop_api.errors import RateLimited, Unauthorized
from whoop_assets.whoop_api.scopes import SCOPE_OF, allows
from whoop_assets.whoop_api.streams import SNAPSHOT_STREAMS
from whoop_assets.whoop_api.token_response import TOKEN_PATH


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """A request to load a stream for a range of days.

    Attributes:
        until: The time at which the run began; nothing is read beyond it.
        since: Spans that were read completely since then are not read again.
        members: User ids; empty for all members.
    """

    stream: str
    first: date
    last: date
    today: date
    until: datetime
    since: datetime
    lane: str = "backfill"
    members: tuple[int, ...] = ()
    run_id: str = ""

    def failure(self, user_id: int, error: WhoopError) -> Failure:
        """Return the failure of this request for a member."""
        cause, transient = str(error), error.transient
        return Failure(user_id, self.stream, self.first, self.last, cause, transient, self.run_id)


@dataclass(slots=True)
class LoadResult:
    """Result of a load request over all members. `to_reconnect` lists members who must be connected again."""

    loads: list[LoadStats] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    to_reconnect: list[int] = field(default_factory=list)

    def total(self, name: str) -> float:
        """Return the sum of a number of the loads, for example `requests`."""
        return float(sum(getattr(load, name) for load in self.loads))

    @property
    def warnings(self) -> list[str]:
        return self.skipped + [warning for load in self.loads for warning in load.warnings]


def load_members(session: WhoopSession, request: LoadRequest) -> LoadResult:
    """Load the stream for each member. A failure is recorded, and the load continues with the next member.

    Raises:
        UnknownMember: A requested member is not stored here.
        DatabaseError: The database failed.
        ConfigurationError: The encryption key is missing. Tokens of one member that cannot be decrypted are
            that member's failure only.
    """
    database = session.database
    result = LoadResult()
    chosen = _connected_to_whoop(database, request, result)
    if any(member.status == members.CONNECTED for member in chosen):
        session.require_key()
    for member in chosen:
        if not allows(member.scopes, request.stream):
            result.skipped.append(
                f"Member {member.user_id} has not granted {SCOPE_OF[request.stream]}: {request.stream} is"
                f" skipped. Run `{RECONNECT}` and grant it to change that."
            )
            continue
        stats = LoadStats(member.user_id, request.stream)
        # Added before the load, so that the requests of a failing load count too.
        result.loads.append(stats)
        try:
            requested = _load(session, member, request, stats)
        except DatabaseError:
            raise
        except UnknownMember:
            continue  # erased during the load: not even the failure may be stored
        except WhoopError as error:
            if stops_all_requests(error):
                # WHOOP limits the requests of the app, not of a member. Members that need no request
                # continue.
                session = session.without_requests(error)
            if isinstance(error, ReconnectionNeeded):
                result.to_reconnect.append(member.user_id)
            result.failures.append(_record_failure(database, request.failure(member.user_id, error)))
        else:
            if requested:
                with database.write([member.user_id]) as connection:
                    load_failures.clear(
                        connection, member.user_id, request.stream, request.first, request.last, request.until
                    )
    return result


def _connected_to_whoop(database: Database, request: LoadRequest, result: LoadResult) -> list[Member]:
    """Return the requested members without those from exports. A named one is reported as skipped."""
    with database.read() as connection:
        chosen = members.chosen(connection, request.members)
    if request.members:
        result.skipped += [
            f"Member {member.user_id} comes from an export alone: there is nothing to read from WHOOP."
            for member in chosen
            if member.status == members.EXPORT_ONLY
        ]
    return [member for member in chosen if member.status != members.EXPORT_ONLY]


def stops_all_requests(error: WhoopError) -> bool:
    """Return whether no request of this app can be sent for now.

    A 429 of the token endpoint does not count.
    """
    return isinstance(error, BudgetExhausted) or (isinstance(error, RateLimited) and error.path != TOKEN_PATH)


def require_connected(member: Member) -> None:
    """Raise ReconnectionNeeded if WHOOP rejects the member's tokens."""
    if member.status != members.CONNECTED:
        reason = member.status_reason or member.status.replace("_", " ")
        raise ReconnectionNeeded(reason, user_id=member.user_id)


def _load(session: WhoopSession, member: Member, request: LoadRequest, stats: LoadStats) -> bool:
    """Load one member's stream. Returns False if no request was necessary."""
    require_connected(member)
    try:
        return _load_stream(session, request, stats)
    except Unauthorized:
        # The token was refreshed just before, so the 401 concerns this stream, unless every stream answers
        # 401.
        if not is_rejected_by_every_stream(session, member, request.stream, request.lane, stats):
            raise
    raise ReconnectionNeeded(members.REFUSES_EVERYTHING, user_id=member.user_id)


def _load_stream(session: WhoopSession, request: LoadRequest, stats: LoadStats) -> bool:
    if request.stream not in SNAPSHOT_STREAMS:
        reader = StreamReader(
            session,
            stats,
            lane=request.lane,
            until=request.until,
            since=request.since,
            closed_by=request.run_id or request.lane,
        )
        RangeLoad(reader).load(request.first, request.last)
        return True
    # WHOOP keeps no history of snapshots: a past day keeps its snapshot and costs no request.
    if not request.first <= request.today <= request.last:
        return False
    return load_snapshot(session, request.today, lane=request.lane, stats=stats, since=request.until)


def _record_failure(database: Database, failure: Failure) -> Failure:
    with database.write([failure.user_id]) as connection:
        if members.exists(connection, failure.user_id):
            load_failures.record(connection, failure, database.now(connection))
    return failure
