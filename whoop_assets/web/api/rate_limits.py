"""Rate limits for readers and web pages: a token bucket per key, refilled evenly over a minute.

The buckets are in this process: several services in front of one database allow that many times as much. They
protect the service from one runaway client. WHOOP's own limits are kept by the request budget.
"""

import math
import threading
import time
from collections.abc import Callable, Hashable

MINUTE = 60.0
MAX_BUCKETS = 10_000


class ClientRateLimits:
    """The buckets of all keys; `now` returns monotonic seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._buckets: dict[Hashable, tuple[float, float]] = {}

    def wait(self, key: Hashable, per_minute: int) -> int | None:
        """Take one request from the key's bucket.

        Returns:
            None if there was one, else the whole seconds after which there will be.
        """
        limit = float(per_minute)
        with self._lock:
            now = self._now()
            if key not in self._buckets and len(self._buckets) >= MAX_BUCKETS:
                self._drop_full(now)
            left, since = self._buckets.get(key, (limit, now))
            left = min(limit, left + (now - since) * limit / MINUTE)
            if left < 1.0:
                return math.ceil((1.0 - left) * MINUTE / limit)
            self._buckets[key] = (left - 1.0, now)
            return None

    def _drop_full(self, now: float) -> None:
        # After a minute without requests a bucket is full again, which is as good as none.
        self._buckets = {key: entry for key, entry in self._buckets.items() if now - entry[1] < MINUTE}
