"""Waiting for a condition that another thread or process fulfils."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

TIMEOUT_SECONDS = 180.0
SLOW_POLL_SECONDS = 0.25
"""For conditions that send a request or start a process."""


def wait_until(
    condition: Callable[[], T | None],
    what: str,
    timeout: float = TIMEOUT_SECONDS,
    poll_seconds: float = 0.002,
) -> T:
    """Waits until the condition is true, and returns its value.

    Args:
        condition: Called every `poll_seconds`.
        what: Name of the condition for the error.
        timeout: Maximum wait in seconds.
        poll_seconds: Pause between two calls.
    """
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(poll_seconds)
    return value
