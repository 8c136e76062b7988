"""The package's own errors. Each message is one sentence: the thing, the reason, the way out.

`whoop_api.errors` has the errors of the WHOOP API, `sinks.notion.errors` those of Notion.

No message contains a token, a secret, an e-mail address or a name. Members appear by their WHOOP user id.
"""

from datetime import datetime

RECONNECT = "whoop-assets connect"
"""The command that connects a member again."""


class WhoopError(Exception):
    """Base class of the package's own errors."""

    transient: bool = False
    """Whether the same call may succeed later without any change."""


class ConfigurationError(WhoopError):
    """A setting is missing or invalid."""


class DatabaseError(WhoopError):
    """The database cannot be used."""


class DatabaseUnreachable(DatabaseError):
    """The database does not respond."""

    transient = True


class SchemaMismatch(DatabaseError):
    """The schema of the database is older or newer than this program's."""


class CopyRefused(DatabaseError):
    """The database cannot be copied into the other one, or not now. Nothing was stored there."""


class UnknownEntry(WhoopError):
    """No open quarantine entry has that id, or several do."""


class UnknownMember(WhoopError):
    """No member with that WHOOP user id is stored."""


class UnknownEvent(WhoopError):
    """No webhook event with that trace id is stored."""


class UnknownReader(WhoopError):
    """No reader of the daily API has that number."""


class UnknownTable(WhoopError):
    """There is no such table to export."""


class SinkUnavailable(WhoopError):
    """The target of a delivery cannot be reached or written. The next delivery includes the missing data."""

    transient = True


class BudgetExhausted(WhoopError):
    """The request budget has no slot within the lane's maximum wait.

    `retry_at` is the time of the next one.
    """

    transient = True

    def __init__(self, message: str, *, retry_at: datetime) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class ReconnectionNeeded(WhoopError):
    """WHOOP no longer accepts the member's grant. The member must give consent again."""

    def __init__(self, reason: str, *, user_id: int) -> None:
        super().__init__(f"Member {user_id} must be connected again, because {reason}: run `{RECONNECT}`.")
