"""A 401 that a renewed token has not mended: is it one stream's, or has the whole grant gone quiet?"""

from collections.abc import Callable
from typing import Any

from whoop_assets.errors import WhoopError
from whoop_assets.members import store as member_store
from whoop_assets.members.store import Member
from whoop_assets.sync.load import Loaded
from whoop_assets.sync.session import Connection
from whoop_assets.tokens import store as token_store
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.errors import NotFound, Unauthorized
from whoop_assets.whoop_api.scopes import SCOPE_OF, allows
from whoop_assets.whoop_api.streams import STREAMS

TRIALS = 3


class TokenReplaced(WhoopError):
    """What was refused was not the member's present token: there is nothing to conclude, and a newer one to try."""

    transient = True


def refuses_every_stream(
    connection: Connection, member: Member, refused: str, lane: str, loaded: Loaded
) -> bool:
    """Whether WHOOP takes the member's present token for no other granted stream either; then the member is marked.

    One request a stream, until one is answered; they count as the load's. Where all are refused, the token is renewed
    and all are tried again, TRIALS times in all: a token can end at WHOOP at any moment, and a grant that still gives
    tokens and takes none is rare. Whatever else goes wrong is no proof. Nor is it a refusal of a token that is no longer
    the one stored: the requests may take minutes, and another process may have renewed it, or the member have left or
    come back, meanwhile. Raises TokenReplaced when there is a newer one to try.
    """
    source = connection.tokens(member.user_id)
    tried = source.access_token()
    trial = 0
    while True:
        trial += 1
        if not _refused_by_all(connection, member, refused, tried, lane, loaded):
            if trial == 1:
                return False
            raise _replaced(member.user_id)
        with connection.database.write([member.user_id]) as transaction:
            if member_store.status(transaction, member.user_id) != member_store.CONNECTED:
                return False
            stored = token_store.load(transaction, member.user_id, connection.cipher)
            if stored is None:
                return False
            if stored.access_token != tried:
                raise _replaced(member.user_id)
            if trial == TRIALS:
                member_store.set_status(
                    transaction,
                    member.user_id,
                    member_store.RECONNECTION_NEEDED,
                    member_store.REFUSES_EVERYTHING,
                )
                return True
        tried = source.after_rejection(tried)


def _replaced(user_id: int) -> TokenReplaced:
    return TokenReplaced(
        f"WHOOP answered 401 to an access token of member {user_id} that was replaced meanwhile: try again with the new one."
    )


def _refused_by_all(
    connection: Connection, member: Member, refused: str, token: str, lane: str, loaded: Loaded
) -> bool:
    others = [stream for stream in SCOPE_OF if stream != refused and allows(member.scopes, stream)]
    client = connection.client_for_trial(token, lane)
    try:
        return all(_is_refused(_reading(client, stream)) for stream in others)
    except WhoopError:
        return False
    finally:
        loaded.requests += client.requests
        loaded.retries += client.retries
        loaded.limited += client.limited
        loaded.waited_seconds += client.waited_seconds


def _reading(client: WhoopClient, stream: str) -> Callable[[], Any]:
    """The cheapest request of the stream."""
    if stream == "profile":
        return client.profile
    if stream == "body_measurement":
        return client.body_measurement
    return lambda: client.page(STREAMS[stream], limit=1)


def _is_refused(read: Callable[[], Any]) -> bool:
    try:
        read()
    except Unauthorized:
        return True
    except NotFound:
        pass
    return False
