"""What can go wrong, as one family: each message is one sentence naming the thing, the reason and the way out.

    WhoopError
    ├── ConfigurationError      a setting is missing or wrong
    ├── DatabaseError
    │   ├── DatabaseUnreachable nobody answers at WHOOP_DATABASE_URL
    │   ├── SchemaMismatch      the database is older or newer than this program
    │   └── CopyRefused         a database cannot be copied into that one, or not now
    ├── UnknownMember           the member is not connected here
    ├── UnknownEvent            no webhook event of that trace id is stored
    ├── UnknownEntry            no open entry of the quarantine begins so
    ├── UnknownReader           no reader of the daily API has that number
    ├── BudgetExhausted         WHOOP's request limits leave nothing before the stated time
    ├── ReconnectionNeeded      the member's grant is gone and must be given again
    ├── UnknownTable            there is no such table to export
    ├── SinkUnavailable         where data are delivered to cannot be reached or written
    ├── (whoop_assets.whoop_api.errors: what the WHOOP API answered)
    └── (whoop_assets.sinks.notion.errors: what Notion answered)

No message carries a token, a secret, an e-mail address or a name; members appear by their WHOOP user id.
"""

from datetime import datetime
from typing import Self

RECONNECT = "whoop-assets connect"
"""The command that mends a grant that is gone."""


class WhoopError(Exception):
    """Root of every error this package raises on purpose."""

    transient: bool = False
    """Whether the same attempt may succeed later without anybody doing anything."""


class ConfigurationError(WhoopError):
    """A setting is missing or cannot be used."""


class DatabaseError(WhoopError):
    """The warehouse cannot be used."""


class DatabaseUnreachable(DatabaseError):
    """Nobody answers at the database's address."""

    transient = True


class SchemaMismatch(DatabaseError):
    """The database's schema is older or newer than this program's."""


class CopyRefused(DatabaseError):
    """The database cannot be copied into the other one, or not now; nothing was kept there."""


class UnknownEntry(WhoopError):
    """No open entry of the quarantine is named so, or several are."""


class UnknownMember(WhoopError):
    """No member of that WHOOP user id is connected here."""


class UnknownEvent(WhoopError):
    """No webhook event of that trace id is stored."""


class UnknownReader(WhoopError):
    """No reader of the daily API has that number."""


class UnknownTable(WhoopError):
    """There is no such table to export."""


class SinkUnavailable(WhoopError):
    """What data are delivered to cannot be reached or written; what is behind stays so and is delivered later."""

    transient = True


class BudgetExhausted(WhoopError):
    """The request budget has nothing to give within the wait that the lane allows."""

    transient = True

    def __init__(self, message: str, *, retry_at: datetime) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class ReconnectionNeeded(WhoopError):
    """WHOOP no longer honours the member's grant; only a new consent mends it."""

    def __init__(self, message: str, *, user_id: int) -> None:
        super().__init__(message)
        self.user_id = user_id

    @classmethod
    def because(cls, reason: str, *, user_id: int) -> Self:
        """The error for a member whose status says this reason."""
        sentence = f"Member {user_id} must be connected again, because {reason}: run `{RECONNECT}`."
        return cls(sentence, user_id=user_id)
