"""From a member's consent to a stored member, and back: connecting and disconnecting."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from whoop_assets.errors import RECONNECT, ConfigurationError, ReconnectionNeeded, WhoopError
from whoop_assets.members import sessions
from whoop_assets.members import store as member_store
from whoop_assets.records import load_failures, snapshots
from whoop_assets.sync.parsing import profile_fields
from whoop_assets.sync.session import CONNECT_LANE, Connection
from whoop_assets.tokens import store as token_store
from whoop_assets.webhooks import deliveries, inbox
from whoop_assets.whoop_api.errors import Unauthorized
from whoop_assets.whoop_api.models import UserProfile
from whoop_assets.whoop_api.oauth import TokenPair
from whoop_assets.whoop_api.scopes import OFFLINE, SCOPE_OF, SCOPES, allows, missing
from whoop_assets.whoop_api.transport import Answer
from whoop_assets.whoop_api.validation import validation_reason


class ScopesMissing(WhoopError):
    """The member did not grant what nothing works without."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A member who has just been connected, and the streams that the grant leaves out."""

    user_id: int
    left_out: list[str]


def connect_with_code(connection: Connection, code: str, requested: Iterable[str] = SCOPES) -> Connected:
    """Exchange the code of a consent and connect whoever gave it.

    Raises BudgetExhausted before the code is spent when there is no request left to ask whose it is, and what
    connect_member raises.
    """
    connection.budget.require(CONNECT_LANE)
    return connect_member(connection, connection.oauth.exchange_code(code, requested))


def connect_member(connection: Connection, pair: TokenPair) -> Connected:
    """Find out whose tokens these are, and store member, tokens and profile in one transaction.

    Raises ScopesMissing before anything is stored, and the client's errors.
    """
    require_scopes(pair.scopes if pair.refresh_token is not None else pair.scopes - {OFFLINE})
    answer = connection.client_for_new(pair.access_token).profile()
    user_id = profile_owner(answer)
    store_member(connection, user_id, pair, answer)
    return connected(user_id, pair)


def connected(user_id: int, pair: TokenPair) -> Connected:
    """What to say of a member who is stored."""
    return Connected(user_id, [stream for stream in SCOPE_OF if not allows(pair.scopes, stream)])


def profile_owner(answer: Answer) -> int:
    """Whose profile this is."""
    try:
        return UserProfile.model_validate(answer.payload).user_id
    except ValidationError as error:
        raise WhoopError(
            f"WHOOP's profile of the new member cannot be read: {validation_reason(error)} Nothing was stored."
        ) from None


def store_member(
    connection: Connection, user_id: int, pair: TokenPair, answer: Answer
) -> member_store.Before:
    """Store member, tokens and the profile that was answered, in one transaction; what `take_back` needs to undo it.

    What WHOOP announced of this user before, and was parked, is taken up again.
    """
    fields = profile_fields(answer.payload)
    database = connection.database
    with database.write([user_id]) as transaction:
        now = database.now(transaction)
        before = member_store.before(transaction, user_id)
        who = {name: fields[name] for name in ("email", "first_name", "last_name")}
        member_store.connect(transaction, user_id, pair.scopes, who, now)
        token_store.save(
            transaction,
            user_id,
            connection.cipher,
            access_token=pair.access_token,
            refresh_token=pair.refresh_token,
            expires_at=now + timedelta(seconds=pair.expires_in),
            at=now,
        )
        today = now.astimezone(ZoneInfo(connection.settings.timezone)).date()
        snapshots.store(transaction, "profile", user_id, today, fields, answer.requested_at)
        inbox.replay(transaction, deliveries.read_again(inbox.parked_of(transaction, user_id)), now)
    return before


def take_back(connection: Connection, user_id: int, before: member_store.Before) -> None:
    """Undo `store_member`: the tokens turned out to be somebody else's."""
    with connection.database.write([user_id]) as transaction:
        member_store.put_back(transaction, user_id, before)


def require_scopes(scopes: frozenset[str]) -> None:
    """Raise ScopesMissing without those that nothing works without."""
    lacking = missing(scopes)
    if lacking:
        wanted = ", ".join(sorted(lacking))
        raise ScopesMissing(
            f"The consent leaves out {wanted}, without which nothing can be kept up to date: run `{RECONNECT}`"
            " again and grant it; nothing was stored."
        )


@dataclass(frozen=True, slots=True)
class Disconnected:
    """What became of a disconnected member: rows erased, and whether the grant has ended at WHOOP."""

    rows: int
    revoked: bool


def disconnect_member(connection: Connection, user_id: int, *, erase: bool) -> Disconnected:
    """End the member's grant at WHOOP and forget the tokens; with `erase` every row of the member too.

    A grant counts as ended when WHOOP says so: by a 204, or by refusing tokens that nothing of ours can have spent. Raises UnknownMember, and the client's errors when WHOOP
    cannot be reached: then nothing is forgotten, so that it can be tried again. Who wants to be erased is erased even
    when the tokens cannot be read, and who leaves after the key was given up as lost is let go: the grant then has to be
    ended at WHOOP by the member.
    """
    database = connection.database
    with database.read() as transaction:
        (member,) = member_store.chosen(transaction, [user_id])
    if member.status == member_store.DISCONNECTED:
        revoked = member.status_reason != member_store.LEFT_WITH_GRANT
    else:
        try:
            revoked = _revoke(connection, user_id)
        except ConfigurationError:
            if not erase and member.status_reason != member_store.KEY_LOST:
                raise
            revoked = False
    with database.write([user_id]) as transaction:
        if erase:
            return Disconnected(member_store.erase(transaction, user_id), revoked)
        token_store.forget(transaction, user_id)
        load_failures.forget(transaction, [user_id])
        sessions.end(transaction, user_id)
        reason = member_store.LEFT if revoked else member_store.LEFT_WITH_GRANT
        member_store.set_status(transaction, user_id, member_store.DISCONNECTED, reason)
    return Disconnected(0, revoked)


def _revoke(connection: Connection, user_id: int) -> bool:
    """Whether the grant has ended at WHOOP, by our request or before."""
    with connection.database.read() as transaction:
        token_store.load(transaction, user_id, connection.cipher)
    try:
        connection.client(user_id, "schedule").revoke_access()
    except Unauthorized:
        return not _may_be_spent_by_us(connection, user_id)
    except ReconnectionNeeded:
        return _whoop_said_so(connection, user_id) and not _may_be_spent_by_us(connection, user_id)
    return True


def _whoop_said_so(connection: Connection, user_id: int) -> bool:
    """Whether what is on record of the member is WHOOP's refusal, and not something that went wrong here."""
    with connection.database.read() as transaction:
        reason = member_store.reason_to_reconnect(transaction, user_id) or ""
    return reason.startswith((member_store.NO_LONGER_ACCEPTED, member_store.REFUSES_EVERYTHING))


def _may_be_spent_by_us(connection: Connection, user_id: int) -> bool:
    """Whether an exchange is on record whose answer never arrived: a refusal then says nothing of the grant."""
    with connection.database.read() as transaction:
        pair = token_store.load(transaction, user_id, connection.cipher)
    return pair is None or pair.intent_at is not None
