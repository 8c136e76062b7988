"""Connecting with tokens made elsewhere, of which neither the age nor the scopes are known.

The access token is tried first and nothing is spent by that. Only when WHOOP does not take it any more is the refresh
token exchanged, which makes the old pair worthless.
"""

from collections.abc import Callable
from typing import Any

from whoop_assets.cli.asking import ask
from whoop_assets.errors import WhoopError
from whoop_assets.ingest.connection import Connection
from whoop_assets.ingest.consent import Connected, connect_member
from whoop_assets.whoop.errors import NotFound
from whoop_assets.whoop.oauth import TokenPair
from whoop_assets.whoop.scopes import OFFLINE, SCOPE_OF, SCOPES
from whoop_assets.whoop.streams import STREAMS

_AT_ONCE = 0  # seconds until the token is renewed: at its first use, since its age is not known


def connect_with_tokens(connection: Connection) -> Connected:
    """Ask for both tokens and connect the member they belong to."""
    access = _as_token(ask("Access token", hidden=True))
    refresh = _as_token(ask("Refresh token", hidden=True))
    return connect_member(connection, tried(connection, access, refresh))


def tried(connection: Connection, access: str, refresh: str) -> TokenPair:
    """The pair with what WHOOP lets it read; a fresh pair when the access token has ended."""
    client = connection.client_for_new(access)
    if not _allowed(client.profile):
        fresh = connection.oauth.refresh(refresh)
        known = fresh.scopes - {OFFLINE}
        return TokenPair(
            fresh.access_token,
            fresh.refresh_token or refresh,
            fresh.expires_in,
            fresh.scopes | {OFFLINE} if known else frozenset(SCOPES),
        )
    reads: dict[str, Callable[[], Any]] = {
        name: lambda stream=stream: client.page(stream, limit=1)  # type: ignore[misc]
        for name, stream in STREAMS.items()
    }
    reads["body_measurement"] = client.body_measurement
    granted = {SCOPE_OF[name] for name, read in reads.items() if _allowed(read)}
    return TokenPair(access, refresh, _AT_ONCE, frozenset(granted | {OFFLINE, SCOPE_OF["profile"]}))


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
