"""A load for several members, one after the other: one member's failure never costs another member's data."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

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
from whoop_assets.records import load_failures as failures
from whoop_assets.records.load_failures import Failure
from whoop_assets.sync.auth_failure import refuses_every_stream
from whoop_assets.sync.load import Loaded, MemberLoad
from whoop_assets.sync.session import Connection
from whoop_assets.sync.snapshots import load_snapshot
from whoop_assets.whoop_api.errors import RateLimited, Unauthorized
from whoop_assets.whoop_api.scopes import SCOPE_OF, allows
from whoop_assets.whoop_api.token_response import TOKEN_PATH

SNAPSHOTS = ("profile", "body_measurement")
SNAPSHOT_EVERY = timedelta(hours=6)
"""How often a schedule looks at what hardly ever changes; whoever materializes it by hand gets it anew."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to load: a stream, for days, for members (none named: all), in a lane, on behalf of a run.

    `until` is the present of the run; `since`: what was read completely since then is not read again.
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


@dataclass(slots=True)
class Round:
    """What became of an order, over all members; `to_reconnect` names those who must be connected again."""

    loads: list[Loaded] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    to_reconnect: list[int] = field(default_factory=list)

    def total(self, name: str) -> float:
        """The sum of a figure of the loads, e.g. requests."""
        return float(sum(getattr(load, name) for load in self.loads))

    @property
    def warnings(self) -> list[str]:
        return self.skipped + [warning for load in self.loads for warning in load.warnings]


def load_everybody(connection: Connection, order: Order) -> Round:
    """Load the order's stream for each of its members; what fails is recorded and the others go on.

    Raises UnknownMember for a member who is not here, DatabaseError, and ConfigurationError when the key that encrypts is
    not at hand: these concern everybody. One member's pair that cannot be read is that member's failure.
    """
    database = connection.database
    result = Round()
    chosen = _to_be_read(database, order, result)
    if any(member.status == members.CONNECTED for member in chosen):
        connection.require_key()
    for member in chosen:
        if not allows(member.scopes, order.stream):
            result.skipped.append(
                f"Member {member.user_id} has not granted {SCOPE_OF[order.stream]}: {order.stream} is skipped; to"
                f" change that, run `{RECONNECT}` and grant it."
            )
            continue
        loaded = Loaded(member.user_id, order.stream)
        # Before it begins: what a load that fails has cost counts too.
        result.loads.append(loaded)
        try:
            asked = _load(connection, member, order, loaded)
        except DatabaseError:
            raise
        except UnknownMember:
            # Erased while it was being loaded: nothing of the member is to be kept, not even this.
            continue
        except WhoopError as error:
            if ends_everybodys_requests(error):
                # WHOOP counts the app's requests, not the member's: nobody else has a chance now. What needs none goes on.
                connection = connection.without_requests(error)
            if isinstance(error, ReconnectionNeeded):
                result.to_reconnect.append(member.user_id)
            result.failures.append(_record(connection, member.user_id, order, error))
        else:
            if asked:
                with database.write([member.user_id]) as transaction:
                    failures.clear(
                        transaction, member.user_id, order.stream, order.first, order.last, order.until
                    )
    return result


def _to_be_read(database: Database, order: Order, result: Round) -> list[members.Member]:
    """The order's members of whom WHOOP can be asked; who was never connected is left out, with a word if named."""
    with database.read() as transaction:
        chosen = members.chosen(transaction, order.members)
    result.skipped += [
        f"Member {member.user_id} comes from an export alone: there is nothing to read from WHOOP."
        for member in chosen
        if member.status == members.EXPORT_ONLY and order.members
    ]
    return [member for member in chosen if member.status != members.EXPORT_ONLY]


def ends_everybodys_requests(error: WhoopError) -> bool:
    """Whether nobody of this app can send for now; a 429 of the token endpoint says nothing of the API's requests."""
    return isinstance(error, BudgetExhausted) or (isinstance(error, RateLimited) and error.path != TOKEN_PATH)


def _load(connection: Connection, member: members.Member, order: Order, loaded: Loaded) -> bool:
    """Load one member's stream; False when there was nothing to ask WHOOP for."""
    if member.status != members.CONNECTED:
        reason = member.status_reason or member.status.replace("_", " ")
        raise ReconnectionNeeded.because(reason, user_id=member.user_id)
    try:
        return _load_stream(connection, member, order, loaded)
    except Unauthorized:
        # A good refresh came before it, so it is this stream's own, unless there is no stream left that answers.
        if not refuses_every_stream(connection, member, order.stream, order.lane, loaded):
            raise
    raise ReconnectionNeeded.because(members.REFUSES_EVERYTHING, user_id=member.user_id)


def _load_stream(connection: Connection, member: members.Member, order: Order, loaded: Loaded) -> bool:
    if order.stream in SNAPSHOTS:
        # WHOOP keeps no history of these: a past day holds what was observed on it, and costs no request.
        if not order.first <= order.today <= order.last:
            return False
        return load_snapshot(
            connection, order.today, lane=order.lane, loaded=loaded, since=_fresh_snapshot(order)
        )
    loading = MemberLoad(
        connection, loaded, lane=order.lane, until=order.until, since=order.since, by=order.run_id
    )
    loading.load(order.first, order.last)
    return True


def _fresh_snapshot(order: Order) -> datetime:
    """From when on a snapshot of today need not be taken again: for what runs every hour, some hours."""
    return order.until - SNAPSHOT_EVERY if order.lane == "schedule" else order.until


def _record(connection: Connection, user_id: int, order: Order, error: WhoopError) -> Failure:
    failure = Failure(
        user_id=user_id,
        stream=order.stream,
        first_day=order.first,
        last_day=order.last,
        cause=str(error),
        transient=error.transient,
        run_id=order.run_id,
    )
    with connection.database.write([user_id]) as transaction:
        if members.exists(transaction, user_id):
            failures.record(transaction, failure, connection.database.now(transaction))
    return failure
