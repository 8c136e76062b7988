"""Protocols of the token source and the request budget. Both use the database; this package has no SQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class RateLimit:
    """The limits that a response states.

    Attributes:
        limits: Pairs of (requests, window in seconds).
        nearest: The limit closest to exhaustion, in requests.
        remaining: Requests left of it.
        reset_seconds: Seconds until its window starts again.
    """

    limits: tuple[tuple[int, int], ...]
    nearest: int
    remaining: int
    reset_seconds: float


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
        self, status: int, rate_limit: RateLimit | None, seconds_to_wait: float | None = None
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
