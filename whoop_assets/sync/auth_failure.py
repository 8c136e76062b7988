"""Decides whether a 401 that persists after a token refresh affects one stream or the whole grant."""

from whoop_assets.errors import WhoopError
from whoop_assets.members import store as member_store
from whoop_assets.members.store import Member
from whoop_assets.sync.load_stats import LoadStats
from whoop_assets.sync.session import WhoopSession
from whoop_assets.tokens import store as token_store
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.errors import Unauthorized
from whoop_assets.whoop_api.scopes import allows
from whoop_assets.whoop_api.streams import ALL_STREAMS, SnapshotStream, Stream

MAX_TOKENS_TRIED = 3


class TokenReplaced(WhoopError):
    """The rejected token was not the member's current one. The caller can try again with the new one."""

    transient = True


def is_rejected_by_every_stream(
    session: WhoopSession, member: Member, stream: str, lane: str, stats: LoadStats
) -> bool:
    """Return whether every other granted stream rejects the member's current token too; then mark the member.

    Sends one request per stream until one succeeds. If all answer 401, the token is refreshed and all are
    tried again, up to MAX_TOKENS_TRIED times: a token can expire at any moment. Another error proves nothing.
    Neither does a 401 for a token that is no longer stored: meanwhile another process may have refreshed it,
    or the member may have left or reconnected.

    Args:
        stream: The stream that answered 401.
        stats: The requests are added to these.

    Raises:
        TokenReplaced: There is a newer token to try.
    """
    source = session.tokens(member.user_id)
    tried = source.access_token()
    trial = 0
    while True:
        trial += 1
        if not _all_reject(session, member, stream, tried, lane, stats):
            if trial == 1:
                return False
            raise _replaced(member.user_id)
        with session.database.write([member.user_id]) as connection:
            if member_store.status(connection, member.user_id) != member_store.CONNECTED:
                return False
            stored = token_store.load(connection, member.user_id, session.cipher)
            if stored is None:
                return False
            if stored.access_token != tried:
                raise _replaced(member.user_id)
            if trial == MAX_TOKENS_TRIED:
                member_store.set_status(
                    connection,
                    member.user_id,
                    member_store.RECONNECTION_NEEDED,
                    member_store.REFUSES_EVERYTHING,
                )
                return True
        tried = source.after_rejection(tried)


def _replaced(user_id: int) -> TokenReplaced:
    return TokenReplaced(
        f"WHOOP answered 401 to an access token of member {user_id} that was replaced meanwhile: try again"
        " with the new one."
    )


def _all_reject(
    session: WhoopSession, member: Member, stream: str, token: str, lane: str, stats: LoadStats
) -> bool:
    others = [other for name, other in ALL_STREAMS.items() if name != stream and allows(member.scopes, name)]
    client = session.client_for_trial(token, lane)
    try:
        return all(_is_rejected(client, other) for other in others)
    except WhoopError:
        return False
    finally:
        stats.requests += client.requests
        stats.retries += client.retries
        stats.limited += client.limited
        stats.waited_seconds += client.waited_seconds


def _is_rejected(client: WhoopClient, stream: Stream | SnapshotStream) -> bool:
    try:
        client.probe(stream)
    except Unauthorized:
        return True
    return False
