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
"""Above this number, the key that was used longest ago gets a new bucket with its next request."""


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
            bucket = self._buckets.pop(key, (limit, now))
            left = min(limit, bucket[0] + (now - bucket[1]) * limit / MINUTE)
            enough = left >= 1.0
            # Put back last, so that the first is the one that was used longest ago.
            self._buckets[key] = (left - 1.0, now) if enough else bucket
            if len(self._buckets) > MAX_BUCKETS:
                del self._buckets[next(iter(self._buckets))]
            return None if enough else math.ceil((1.0 - left) * MINUTE / limit)
