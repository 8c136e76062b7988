"""What can go wrong with Notion. No message carries the token, or a value of anybody's day.

NotionError
├── NotionUnavailable   no answer, or one that says to come back later
├── OutcomeUnknown      a page was asked for, and whether it was made is not known
├── NotionDenied        the token is not valid, or may not do this
├── NotionMissing       there is no such thing, or it is not shared with the integration
└── NotionRefused       the request was refused
"""

from datetime import datetime

from whoop_assets.errors import WhoopError


class NotionError(WhoopError):
    """Root of what Notion answered, or did not."""


class NotionUnavailable(NotionError):
    """Notion does not answer, or asks to come back later."""

    transient = True

    def __init__(self, message: str, *, retry_at: datetime | None = None) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class OutcomeUnknown(NotionError):
    """The answer to a request that must not be repeated blindly did not arrive."""

    transient = True


class NotionDenied(NotionError):
    """Notion does not accept the token, or not for this."""


class NotionMissing(NotionError):
    """What was asked for does not exist, or is not shared with the integration."""


class NotionRefused(NotionError):
    """Notion refused the request as it was."""


class NotionNotInstalled(NotionError):
    """The optional extra is not there."""
