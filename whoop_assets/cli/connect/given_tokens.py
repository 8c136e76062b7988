"""Connects a member with tokens from another program, of unknown age, scopes and owner.

The command first tests what the access token can read, which changes nothing. Then it exchanges the refresh
token, which invalidates the old pair; only this shows that the refresh token is valid and who owns it. The
command stores the new pair before it asks WHOOP for the owner, under the member of the old access token,
because no second copy exists.
"""

from whoop_assets.cli.prompts import ask
from whoop_assets.errors import WhoopError
from whoop_assets.sync.members.connecting import (
    Connected,
    connect_member,
    profile_owner,
    require_scopes,
    store_member,
    take_back,
)
from whoop_assets.sync.session import WhoopSession
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.errors import InvalidGrant
from whoop_assets.whoop_api.http.transport import ApiResponse
from whoop_assets.whoop_api.oauth import TokenPair
from whoop_assets.whoop_api.scopes import OFFLINE, SCOPES, not_granted
from whoop_assets.whoop_api.streams import ALL_STREAMS, PROFILE, SnapshotStream, Stream


class NotConfirmed(WhoopError):
    """The new pair is stored, but WHOOP did not confirm its owner."""


class TokensOfTwo(WhoopError):
    """The access token and the refresh token belong to two members."""


def connect_with_tokens(connection: WhoopSession) -> Connected:
    """Ask for both tokens and connect the member they belong to."""
    access = _as_token(ask("Access token", hidden=True))
    refresh = _as_token(ask("Refresh token", hidden=True))
    return connect_pair(connection, access, refresh)


def connect_pair(connection: WhoopSession, access: str, refresh: str) -> Connected:
    """Renew the pair and connect its member.

    Raises InvalidGrant, TokensOfTwo and the errors of `connect_member`.
    """
    client = connection.client_for_new(access)
    profile = _profile(client)
    if profile is None:
        return connect_member(connection, _renewed(connection, refresh, frozenset()))
    owner, granted = profile_owner(profile), _granted(client)
    require_scopes(granted | {OFFLINE})
    pair = _renewed(connection, refresh, granted)
    before = store_member(connection, owner, pair, profile)
    try:
        whose = profile_owner(connection.client_for_new(pair.access_token).profile())
    except WhoopError as error:
        raise NotConfirmed(
            f"Member {owner} is connected with the new tokens, but WHOOP did not confirm the member. If both"
            f" tokens come from one consent, you need do nothing. {error}"
        ) from None
    if whose != owner:
        take_back(connection, owner, before)
        raise TokensOfTwo(
            "The access token and the refresh token belong to two members: nothing was stored, and the"
            " refresh token is spent; make a new pair of tokens of one member and give both."
        )
    return Connected(owner, not_granted(pair.scopes))


def _renewed(connection: WhoopSession, refresh: str, granted: frozenset[str]) -> TokenPair:
    """Return a new token pair with the tested scopes, or the scopes of the response."""
    try:
        fresh = connection.oauth.refresh(refresh)
    except InvalidGrant:
        raise InvalidGrant(
            "WHOOP does not accept the refresh token, which is spent, revoked or another app's: nothing"
            " was stored; make a new pair of tokens and give both."
        ) from None
    scopes = granted or fresh.scopes - {OFFLINE} or frozenset(SCOPES)
    return TokenPair(fresh.access_token, fresh.refresh_token or refresh, fresh.expires_in, scopes | {OFFLINE})


def _profile(client: WhoopClient) -> ApiResponse | None:
    """Return the profile; None if the token cannot read it. Raises transient errors."""
    try:
        return client.profile()
    except WhoopError as error:
        if error.transient:
            raise
        return None


def _granted(client: WhoopClient) -> frozenset[str]:
    """The scopes of what can be read, of a token that reads the profile."""
    return frozenset(
        stream.scope for stream in ALL_STREAMS.values() if stream is PROFILE or _allowed(client, stream)
    )


def _allowed(client: WhoopClient, stream: Stream | SnapshotStream) -> bool:
    """Return whether WHOOP accepts the token for this stream. Raises transient errors."""
    try:
        client.probe(stream)
    except WhoopError as error:
        if error.transient:
            raise
        return False
    return True


def _as_token(text: str) -> str:
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise WhoopError(
            "This is not a token: a token is one word of visible ASCII characters; nothing was done."
        )
    return text
