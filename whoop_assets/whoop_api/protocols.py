"""Protocols of the token source and the request budget. Both use the database; this package has no SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class RateLimitLike(Protocol):
    """The content of `X-RateLimit-*` headers; see `rate_limit_headers.RateLimit`."""

    @property
    def limits(self) -> tuple[tuple[int, int], ...]:
        """Pairs of (requests, window in seconds)."""

    @property
    def nearest(self) -> int:
        """The limit closest to exhaustion, in requests."""

    @property
    def remaining(self) -> int:
        """Requests left of that limit."""

    @property
    def reset_seconds(self) -> float:
        """Seconds until its window starts again."""


class Budget(Protocol):
    """The request budget that all processes share."""

    def acquire(self, lane: str) -> datetime:
        """Wait until one request of this lane may be sent.

        Returns:
            The request time by the database clock, aware UTC. It orders the responses.

        Raises:
            BudgetExhausted: The wait would be too long.
        """

    def observe(
        self, status: int, rate_limit: RateLimitLike | None, seconds_to_wait: float | None = None
    ) -> None:
        """Learn from a response: its status, its stated limits and the wait that it asks for."""


class TokenSource(Protocol):
    """One member's access token."""

    def access_token(self) -> str:
        """Return a valid token; refresh it first if necessary."""

    def after_rejection(self, rejected: str) -> str:
        """Return another token than the rejected one. Raises ReconnectionNeeded if there is none."""

    def stored_since(self, rejected: str) -> str | None:
        """Return the token that another process stored in place of the rejected one.

        None if the rejected one is still stored.
        """
