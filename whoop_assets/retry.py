"""Retries of HTTP requests: one parser for Retry-After and one policy for the waits, for WHOOP and Notion.

The policy is exponential backoff with full jitter. If the error has a `retry_after`, the wait is that long instead.
The callers decide when to stop. All waits use the injected clock.
"""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import tenacity

from whoop_assets.clock import Clock

MAX_RETRY_AFTER_SECONDS = 86_400.0
"""A longer wait is not plausible: a server that states one probably sent a Unix time."""
FIRST_BACKOFF_SECONDS = 0.5


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the wait that a Retry-After header asks for.

    Args:
        value: The header's value: a number of seconds or an HTTP date (RFC 9110).
        now: The time from which a date counts.

    Returns:
        Seconds, at least 0. None if the header is missing, cannot be read, or names more than
        `MAX_RETRY_AFTER_SECONDS`.
    """
    text = (value or "").strip()
    if text.isascii() and text.replace(".", "", 1).isdigit():
        seconds = float(text)
    else:
        try:
            moment = parsedate_to_datetime(text)
        except (ValueError, OverflowError):
            return None
        # A date without a zone ("-0000") is UTC.
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        seconds = max(0.0, (moment - now).total_seconds())
    return seconds if seconds <= MAX_RETRY_AFTER_SECONDS else None


class Backoff:
    """Computes the wait before the next attempt. Usable as the `wait` of tenacity."""

    def __init__(self, jitter: random.Random, *, max_seconds: float = 30.0) -> None:
        """Create the policy.

        Args:
            jitter: Source of the random part.
            max_seconds: Upper bound of a wait that the server did not ask for.
        """
        self._jitter = jitter
        self._max_seconds = max_seconds

    def seconds(self, attempts: int, retry_after: float | None = None) -> float:
        """Return the wait in seconds after `attempts` failed attempts.

        Args:
            attempts: Number of failed attempts, from 1.
            retry_after: Seconds that the server asked for. A short random wait is added.
        """
        if retry_after is not None:
            return retry_after + self._jitter.uniform(0.0, FIRST_BACKOFF_SECONDS)
        return self._jitter.uniform(0.0, min(self._max_seconds, FIRST_BACKOFF_SECONDS * 2**attempts))

    def __call__(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        return self.seconds(state.attempt_number, getattr(error, "retry_after", None))


def is_transient(error: BaseException) -> bool:
    """Return whether the error says that the same attempt may succeed later (see `WhoopError.transient`)."""
    return bool(getattr(error, "transient", False))


def retrying(
    clock: Clock,
    *,
    wait: Callable[[tenacity.RetryCallState], float],
    stop: Callable[[tenacity.RetryCallState], bool],
    retry: Callable[[BaseException], bool] = is_transient,
    before_sleep: Callable[[tenacity.RetryCallState], None] | None = None,
) -> tenacity.Retrying:
    """Return a caller that repeats a function: `retrying(...)(function, *arguments)`.

    Args:
        clock: Performs the waits.
        wait: The wait before the next attempt in seconds, usually a `Backoff`.
        stop: Whether to give up. It sees the coming wait as `state.upcoming_sleep`. Example:
            `tenacity.stop_after_attempt(5)`.
        retry: Which errors permit another attempt. Any other error is raised at once.
        before_sleep: Called before each wait, for logs and counters.

    Returns:
        The caller. It returns the function's result, or raises the function's last error unchanged.
    """
    return tenacity.Retrying(
        sleep=clock.sleep,
        wait=wait,
        stop=stop,
        retry=tenacity.retry_if_exception(retry),
        before_sleep=before_sleep,
        reraise=True,
    )
