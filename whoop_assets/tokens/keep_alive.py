"""Tokens that nothing has used for a while are renewed, so that a quiet month does not end in a new consent.

WHOOP does not say how long a refresh token lives. Whoever reads something every few days renews it by the way; this is
for a member who is left alone. It goes through the same lease as every other exchange, and costs no API request.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from whoop_assets.db.database import Database
from whoop_assets.errors import ReconnectionNeeded, WhoopError
from whoop_assets.sync.session import Connection
from whoop_assets.tokens import store as token_store

RENEW_AFTER = timedelta(days=3)


@dataclass(slots=True)
class KeptAlive:
    """Whose tokens were renewed, whose grant turned out to be gone, and what failed for whom (to be tried again)."""

    renewed: list[int] = field(default_factory=list)
    to_reconnect: dict[int, str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def due(database: Database) -> tuple[list[int], datetime]:
    """Connected members whose tokens have not been renewed for RENEW_AFTER, and the moment that counts. SQL only."""
    with database.read() as connection:
        moment = database.now(connection) - RENEW_AFTER
        return token_store.unused_since(connection, moment), moment


def keep_alive(connection: Connection) -> KeptAlive:
    """Renew what is due; one member's failure costs no other member anything.

    Raises ConfigurationError only when the token key as a whole is not at hand.
    """
    connection.require_key()
    done = KeptAlive()
    members, moment = due(connection.database)
    for user_id in members:
        try:
            connection.tokens(user_id).renew_unless_since(moment)
        except ReconnectionNeeded as error:
            done.to_reconnect[user_id] = str(error)
        except WhoopError as error:
            done.failed[user_id] = str(error)
        else:
            done.renewed.append(user_id)
    return done
