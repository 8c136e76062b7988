"""Refreshes tokens that have not been used for days.

So a member without requests need not connect again.

WHOOP does not document how long a refresh token is valid. The refresh uses the same lease as any other and
costs no API request.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from whoop_assets.db.database import Database
from whoop_assets.errors import ReconnectionNeeded, WhoopError
from whoop_assets.tokens import store as token_store
from whoop_assets.tokens.refresh import MemberTokens

RENEW_AFTER = timedelta(days=3)


class TokenSession(Protocol):
    """The parts of a WHOOP session that `keep_alive` needs."""

    database: Database

    def require_key(self) -> None:
        """Raise ConfigurationError if new tokens could not be encrypted."""

    def tokens(self, user_id: int) -> MemberTokens: ...


@dataclass(slots=True)
class KeepAliveResult:
    """The outcome.

    Attributes:
        renewed: Members with refreshed tokens.
        to_reconnect: Members who must connect again -> the reason.
        failed: Members with a failed refresh, which will be retried -> the error.
    """

    renewed: list[int] = field(default_factory=list)
    to_reconnect: dict[int, str] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def due(database: Database) -> tuple[list[int], datetime]:
    """Return the connected members without a refresh since a time, and that time (now - `RENEW_AFTER`)."""
    with database.read() as connection:
        moment = database.now(connection) - RENEW_AFTER
        return token_store.unused_since(connection, moment), moment


def keep_alive(session: TokenSession) -> KeepAliveResult:
    """Refresh the tokens that are due. A failure of one member does not affect the others.

    Raises:
        ConfigurationError: The key that encrypts tokens is not available.
    """
    session.require_key()
    result = KeepAliveResult()
    members, moment = due(session.database)
    for user_id in members:
        try:
            session.tokens(user_id).renew_unless_since(moment)
        except ReconnectionNeeded as error:
            result.to_reconnect[user_id] = str(error)
        except WhoopError as error:
            result.failed[user_id] = str(error)
        else:
            result.renewed.append(user_id)
    return result
