"""Waiting for a condition that another thread or process fulfils."""

import time
from collections.abc import Callable
from typing import Any

TIMEOUT_SECONDS = 180.0


def wait_until(condition: Callable[[], Any], what: str, timeout: float = TIMEOUT_SECONDS) -> Any:
    """Wait until the condition is true, and return its value.

    Args:
        condition: Called every 2 ms.
        what: Name of the condition for the error.
        timeout: Maximum wait in seconds.
    """
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"timed out waiting for {what}"
        time.sleep(0.002)
    return value
