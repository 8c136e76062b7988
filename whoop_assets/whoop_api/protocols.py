"""What the client is given from outside: its tokens and its budget. Both are kept in the database, one floor
beside; here are only the shapes, so that this folder stays HTTP alone."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class RateLimitLike(Protocol):
    """What an answer's `X-RateLimit-*` headers said."""

    @property
    def limits(self) -> tuple[tuple[int, int], ...]:
        """(requests, window in seconds) of every window WHOOP counts in."""

    @property
    def nearest(self) -> int:
        """The limit of the window that is nearest to being used up."""

    @property
    def remaining(self) -> int:
        """Requests left in that window."""

    @property
    def reset_seconds(self) -> float:
        """Seconds until that window starts afresh (a duration, not a time)."""


class Budget(Protocol):
    """The one shared count of requests, whichever process sends them."""

    def acquire(self, lane: str) -> datetime:
        """Wait until one request may be sent in this lane.

        Returns the time (database clock, aware UTC) that orders this request's answer among others.
        Raises BudgetExhausted when the wait would be too long.
        """

    def observe(
        self, status: int, rate_limit: RateLimitLike | None, seconds_to_wait: float | None = None
    ) -> None:
        """Learn from an answer: its status; when it had them, its limits; and how long it asks to wait."""


class TokenSource(Protocol):
    """One member's access token, renewed by whoever holds the refresh token."""

    def access_token(self) -> str:
        """A token that should be good now."""

    def after_rejection(self, rejected: str) -> str:
        """A token other than the rejected one. Raises ReconnectionNeeded when there is none to be had."""

    def stored_since(self, rejected: str) -> str | None:
        """The token that somebody else has stored in place of the rejected one; None when it is still the newest."""
