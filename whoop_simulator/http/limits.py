"""Rate limits of the app across its members, per minute and per day, with WHOOP's headers.

The windows are fixed and aligned to the clock (each minute, each UTC day), and `X-RateLimit-Reset` is the
time to the end of the window, as in the usual implementation of these headers. WHOOP might use sliding
windows, so `worst_minute` records the largest number of requests in any 60 seconds.
"""

from collections import deque
from dataclasses import dataclass

from whoop_simulator.http.validation import whole
from whoop_simulator.timestamps import DAY, MINUTE, SECOND


@dataclass
class LimitWindow:
    limit: int
    span: int
    """Milliseconds."""
    number: int = -1
    used: int = 0

    def count(self, now: int) -> None:
        if now // self.span != self.number:
            self.number, self.used = now // self.span, 0
        self.used += 1

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    def reset_seconds(self, now: int) -> int:
        return -(-((self.number + 1) * self.span - now) // SECOND)


@dataclass(frozen=True)
class Verdict:
    allowed: bool
    headers: tuple[tuple[str, str], ...]


class AppRateLimits:
    """Counts all requests, including refused ones. Refuses none if `enabled` is False."""

    def __init__(self, per_minute: int, per_day: int, *, enabled: bool = True) -> None:
        self.enabled = enabled
        self.minute = LimitWindow(per_minute, MINUTE)
        self.day = LimitWindow(per_day, DAY)
        self.worst_minute = 0
        """The largest number of requests within any 60 seconds."""
        self._recent: deque[int] = deque()

    def count(self, now: int) -> Verdict:
        self._record(now)
        windows = (self.minute, self.day)
        for window in windows:
            window.count(now)
        if not self.enabled:
            return Verdict(True, ())
        # The limit with the fewest requests left; if two are equal, the one that resets later.
        nearest = min(windows, key=lambda window: (window.remaining, -window.reset_seconds(now)))
        policy = ", ".join(f"{window.limit};window={window.span // SECOND}" for window in windows)
        return Verdict(
            all(window.used <= window.limit for window in windows),
            (
                ("X-RateLimit-Limit", f"{nearest.limit}, {policy}"),
                ("X-RateLimit-Remaining", str(nearest.remaining)),
                ("X-RateLimit-Reset", str(nearest.reset_seconds(now))),
            ),
        )

    def change(self, per_minute: int | None, per_day: int | None) -> None:
        """Change the limits. None keeps a limit; 0 refuses every request."""
        minute = self.minute.limit if per_minute is None else whole("per_minute", per_minute, 0)
        day = self.day.limit if per_day is None else whole("per_day", per_day, 0)
        self.enabled, self.minute.limit, self.day.limit = True, minute, day

    def _record(self, now: int) -> None:
        recent = self._recent
        if recent and now < recent[-1]:
            recent.clear()
        recent.append(now)
        while recent[0] <= now - MINUTE:
            recent.popleft()
        self.worst_minute = max(self.worst_minute, len(recent))
