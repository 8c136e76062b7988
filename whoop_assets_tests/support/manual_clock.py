"""The injected clock of tests."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class ManualClock:
    """A clock for tests: it advances only in `advance` and `sleep`.

    Attributes:
        after_sleep: Called after each `sleep`, as another process that acts during the wait.
    """

    after_sleep: Callable[[], object] | None = None

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("ManualClock needs an aware datetime.")
        self._now = now.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        if self.after_sleep is not None:
            self.after_sleep()

    def advance(self, by: timedelta | float) -> None:
        """Move the clock forward by a timedelta or a number of seconds."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=max(0.0, by))
        self._now += step
