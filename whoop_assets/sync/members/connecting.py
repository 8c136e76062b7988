"""Connects a member after the consent, and disconnects a member."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from whoop_assets.db.database import Transaction
from whoop_assets.errors import RECONNECT, ConfigurationError, ReconnectionNeeded, WhoopError
from whoop_assets.members import sessions
from whoop_assets.members import store as member_store
from whoop_assets.records import load_failures, snapshots
from whoop_assets.sync.members import membership
from whoop_assets.sync.parsing import parse_snapshot
from whoop_assets.sync.session import CONNECT_LANE, WhoopSession
from whoop_assets.tokens import store as token_store
from whoop_assets.webhooks import inbox
from whoop_assets.whoop_api.errors import Unauthorized
from whoop_assets.whoop_api.fields import validation_reason
from whoop_assets.whoop_api.http.transport import ApiResponse
from whoop_assets.whoop_api.models import UserProfile
from whoop_assets.whoop_api.oauth import TokenPair
from whoop_assets.whoop_api.scopes import OFFLINE, missing, not_granted
from whoop_assets.whoop_api.streams import PROFILE


class ScopesMissing(WhoopError):
    """The member did not grant a required scope."""


@dataclass(frozen=True, slots=True)
class Connected:
    """A newly connected member. `left_out` lists the streams that were not granted."""

    user_id: int
    left_out: list[str]


def connect_with_code(session: WhoopSession, code: str) -> Connected:
    """Exchange the authorization code and connect the member who gave the consent.

    Raises:
        BudgetExhausted: No request is left to read the profile. The code was not used.
        WhoopError: As for `connect_member`.
    """
    session.budget.require(CONNECT_LANE)
    return connect_member(session, session.oauth.exchange_code(code))


def connect_member(session: WhoopSession, pair: TokenPair) -> Connected:
    """Read the profile to find the member, then store member, tokens and profile in one transaction.

    Raises:
        ScopesMissing: A required scope was not granted. Nothing was stored.
        WhoopError: An error of the client.
    """
    require_scopes(pair.scopes if pair.refresh_token is not None else pair.scopes - {OFFLINE})
    profile = session.client_for_new(pair.access_token).profile()
    user_id = profile_owner(profile)
    store_member(session, user_id, pair, profile)
    return Connected(user_id, not_granted(pair.scopes))


def profile_owner(answer: ApiResponse) -> int:
    """Return the user id of the profile."""
    try:
        return UserProfile.model_validate(answer.payload).user_id
    except ValidationError as error:
        raise WhoopError(
            f"WHOOP's profile of the new member cannot be read: {validation_reason(error)} Nothing was"
            " stored."
        ) from None


def store_member(
    session: WhoopSession, user_id: int, pair: TokenPair, answer: ApiResponse, *, only_known: bool = False
) -> membership.MemberBackup:
    """Store member, tokens and profile in one transaction, and replay the member's parked events.

    Args:
        answer: The member's profile.
        only_known: Whether a member who is not stored yet is rejected.

    Returns:
        The state before, for `take_back`.

    Raises:
        UnknownMember: The member is not stored, and `only_known` is set. Nothing was stored.
    """
    fields = parse_snapshot(PROFILE, answer.payload)
    database = session.database
    with database.write([user_id]) as connection:
        if only_known:
            member_store.require(connection, user_id)
        now = database.now(connection)
        before = membership.back_up(connection, user_id)
        names = {name: fields[name] for name in PROFILE.columns}
        member_store.connect(connection, user_id, pair.scopes, names, now)
        load_failures.forget(connection, [user_id])
        token_store.save(connection, user_id, session.cipher, pair, now)
        today = session.settings.today(now)
        snapshots.store(connection, PROFILE.name, user_id, today, fields, answer.requested_at)
        _replay_parked(connection, user_id, now)
    with database.write([user_id]) as connection:
        # An event received during the transaction above did not see the member, and was parked.
        _replay_parked(connection, user_id, database.now(connection))
    return before


def _replay_parked(connection: Transaction, user_id: int, at: datetime) -> None:
    inbox.replay(connection, inbox.read_again(inbox.parked_of(connection, user_id)), at)


def take_back(session: WhoopSession, user_id: int, before: membership.MemberBackup) -> None:
    """Undo `store_member`, because the tokens belong to another member."""
    with session.database.write([user_id]) as connection:
        membership.restore(connection, user_id, before)


def require_scopes(scopes: frozenset[str]) -> None:
    """Raise ScopesMissing unless all required scopes are granted."""
    not_granted = missing(scopes)
    if not_granted:
        raise ScopesMissing(
            f"The consent leaves out {', '.join(sorted(not_granted))}, without which no data can be kept up"
            f" to date: run `{RECONNECT}` again and grant it; nothing was stored."
        )


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A disconnected member: number of erased rows, and whether the grant has ended at WHOOP."""

    rows: int
    revoked: bool


def disconnect_member(session: WhoopSession, user_id: int, *, erase: bool) -> Disconnected:
    """End the grant at WHOOP and delete the tokens; with `erase`, delete every row of the member too.

    The grant has ended if WHOOP answers 204, or if it rejects tokens that this program cannot have used up
    itself. Erasing works even if the tokens cannot be decrypted, and leaving works after the key was declared
    lost. The member must then end the grant in the WHOOP app.

    A member from an export alone has no grant; without `erase`, only the sessions on the pages end.

    Raises:
        UnknownMember: The member is not stored here.
        WhoopError: WHOOP cannot be reached. Nothing was deleted, so that the command can be repeated.
    """
    database = session.database
    with database.read() as connection:
        (member,) = member_store.chosen(connection, [user_id])
    is_export = member.status == member_store.EXPORT_ONLY
    if is_export:
        revoked = True
    elif member.status == member_store.DISCONNECTED:
        revoked = member.status_reason != member_store.LEFT_WITH_GRANT
    else:
        try:
            revoked = _revoke(session, user_id)
        except ConfigurationError:
            if not erase and member.status_reason != member_store.KEY_LOST:
                raise
            revoked = False
    with database.write([user_id]) as connection:
        if erase:
            return Disconnected(membership.erase_member(connection, user_id), revoked)
        sessions.end(connection, user_id)
        if is_export:
            return Disconnected(0, revoked)
        token_store.forget(connection, user_id)
        load_failures.forget(connection, [user_id])
        reason = member_store.LEFT if revoked else member_store.LEFT_WITH_GRANT
        member_store.set_status(connection, user_id, member_store.DISCONNECTED, reason)
    return Disconnected(0, revoked)


def _revoke(session: WhoopSession, user_id: int) -> bool:
    """Return whether the grant has ended at WHOOP, by this request or before."""
    with session.database.read() as connection:
        token_store.load(connection, user_id, session.cipher)
    try:
        session.client(user_id, "schedule").revoke_access()
    except Unauthorized:
        return not _has_unanswered_refresh(session, user_id)
    except ReconnectionNeeded:
        return _whoop_rejected_tokens(session, user_id) and not _has_unanswered_refresh(session, user_id)
    return True


def _whoop_rejected_tokens(session: WhoopSession, user_id: int) -> bool:
    """Return whether WHOOP rejected the tokens, as opposed to a local error."""
    with session.database.read() as connection:
        reason = member_store.reason_to_reconnect(connection, user_id) or ""
    return reason.startswith((member_store.NO_LONGER_ACCEPTED, member_store.REFUSES_EVERYTHING))


def _has_unanswered_refresh(session: WhoopSession, user_id: int) -> bool:
    """Return whether a refresh was sent and its response never arrived. A rejection then proves nothing."""
    with session.database.read() as connection:
        pair = token_store.load(connection, user_id, session.cipher)
    return pair is None or pair.intent_at is not None
