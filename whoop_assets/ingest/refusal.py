"""A 401 that a renewed token has not mended: is it one stream's, or has the whole grant gone quiet?"""

from collections.abc import Callable
from typing import Any

from whoop_assets.errors import WhoopError
from whoop_assets.ingest.connection import Connection
from whoop_assets.ingest.load import Loaded
from whoop_assets.warehouse import members
from whoop_assets.warehouse.members import Member
from whoop_assets.whoop.client import WhoopClient
from whoop_assets.whoop.errors import NotFound, Unauthorized
from whoop_assets.whoop.scopes import SCOPE_OF, allows
from whoop_assets.whoop.streams import STREAMS

REFUSES_EVERYTHING = "WHOOP answers 401 to every stream, also with a token that it has just renewed"


def refuses_every_stream(
    connection: Connection, member: Member, refused: str, lane: str, loaded: Loaded
) -> bool:
    """Whether WHOOP takes the member's present token for no other granted stream either; then the member is marked.

    One request a stream, until one is answered; they count as the load's. Whatever else goes wrong is no proof.
    """
    others = [stream for stream in SCOPE_OF if stream != refused and allows(member.scopes, stream)]
    client = connection.client_for_trial(member.user_id, lane)
    try:
        if not all(_is_refused(_reading(client, stream)) for stream in others):
            return False
    except WhoopError:
        return False
    finally:
        loaded.requests += client.requests
    with connection.database.write([member.user_id]) as transaction:
        members.set_status(transaction, member.user_id, members.RECONNECTION_NEEDED, REFUSES_EVERYTHING)
    return True


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
