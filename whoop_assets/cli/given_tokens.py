"""Connecting with tokens made elsewhere, of which neither the age nor the scopes are known, nor whose they are.

What the access token may read is tried first: nothing is spent by that. Then the refresh token is exchanged, which makes
the old pair worthless: only the exchange shows that the refresh token is good, and whose it is.
"""

from collections.abc import Callable
from typing import Any

from whoop_assets.cli.asking import ask
from whoop_assets.errors import WhoopError
from whoop_assets.ingest.connection import Connection
from whoop_assets.ingest.consent import Connected, connect_member
from whoop_assets.whoop.client import WhoopClient
from whoop_assets.whoop.errors import InvalidGrant, NotFound
from whoop_assets.whoop.oauth import TokenPair
from whoop_assets.whoop.scopes import OFFLINE, SCOPE_OF, SCOPES
from whoop_assets.whoop.streams import STREAMS


class TokensOfTwo(WhoopError):
    """The access token and the refresh token belong to two members."""


def connect_with_tokens(connection: Connection) -> Connected:
    """Ask for both tokens and connect the member they belong to."""
    access = _as_token(ask("Access token", hidden=True))
    refresh = _as_token(ask("Refresh token", hidden=True))
    return connect_member(connection, renewed(connection, access, refresh))


def renewed(connection: Connection, access: str, refresh: str) -> TokenPair:
    """A fresh pair, with what WHOOP lets the access token read; raises InvalidGrant, TokensOfTwo."""
    client = connection.client_for_new(access)
    owner, granted = None, frozenset[str]()
    if _allowed(client.profile):
        owner, granted = _owner(client), _granted(client)
    try:
        fresh = connection.oauth.refresh(refresh)
    except InvalidGrant:
        raise InvalidGrant(
            "WHOOP does not accept the refresh token, which is spent, revoked or another app's: nothing was stored; make"
            " a new pair of tokens and give both."
        ) from None
    if owner is not None and _owner(connection.client_for_new(fresh.access_token)) != owner:
        raise TokensOfTwo(
            "The access token and the refresh token belong to two members: nothing was stored, and the refresh token is"
            " spent; make a new pair of tokens of one member and give both."
        )
    if not granted:
        granted = fresh.scopes - {OFFLINE} or frozenset(SCOPES)
    return TokenPair(
        fresh.access_token, fresh.refresh_token or refresh, fresh.expires_in, granted | {OFFLINE}
    )


def _owner(client: WhoopClient) -> object:
    """The WHOOP user id in the profile, as it stands there."""
    return client.profile().payload.get("user_id")


def _granted(client: WhoopClient) -> frozenset[str]:
    """The scopes of what can be read, of a token that reads the profile."""
    reads: dict[str, Callable[[], Any]] = {
        name: lambda stream=stream: client.page(stream, limit=1)  # type: ignore[misc]
        for name, stream in STREAMS.items()
    }
    reads["body_measurement"] = client.body_measurement
    return frozenset(
        {SCOPE_OF["profile"], *(SCOPE_OF[name] for name, read in reads.items() if _allowed(read))}
    )


def _allowed(read: Callable[[], Any]) -> bool:
    """Whether WHOOP takes the token for this; raises what may pass by itself."""
    try:
        read()
    except NotFound:
        return True
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
