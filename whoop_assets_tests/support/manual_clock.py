"""The injected clock of tests."""

from datetime import UTC, datetime, timedelta


class ManualClock:
    """A clock for tests: it advances only in `advance` and `sleep`."""

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("ManualClock needs an aware datetime.")
        self._now = now.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, by: timedelta | float) -> None:
        """Move the clock forward by a timedelta or a number of seconds."""
        step = by if isinstance(by, timedelta) else timedelta(seconds=max(0.0, by))
        self._now += step
