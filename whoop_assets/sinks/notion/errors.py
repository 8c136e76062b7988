"""Errors of the Notion sink. No message contains the token or a value of a member's day.

NotionError
├── NotionUnavailable   no response, or one that asks to retry later
├── OutcomeUnknown      a page was requested, and may exist
├── NotionDenied        the token is invalid or lacks a permission
├── NotionMissing       the object does not exist, or is not shared with the integration
└── NotionRefused       Notion rejected the request
"""

from datetime import datetime

from whoop_assets.errors import WhoopError


class NotionError(WhoopError):
    """Base class. `retryable`: the client repeats the request; `retry_after`: seconds that Notion stated."""

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        retry_after: float | None = None,
        retry_at: datetime | None = None,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after = retry_after
        self.retry_at = retry_at


class NotionUnavailable(NotionError):
    """Notion does not respond, or asks to retry later (`retry_at`)."""

    transient = True


class OutcomeUnknown(NotionError):
    """There is no response to a request that must not be repeated blindly."""

    transient = True


class NotionDenied(NotionError):
    """Notion rejects the token, or its permissions."""


class NotionMissing(NotionError):
    """The object does not exist, or is not shared with the integration."""


class NotionRefused(NotionError):
    """Notion rejects the request."""


class NotionNotInstalled(NotionError):
    """The optional extra is not installed."""
