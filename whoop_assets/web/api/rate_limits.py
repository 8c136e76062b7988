"""How often a reader may ask: a bucket of a minute's requests, which fills again evenly.

Kept in this process, where it costs nothing: several services in front of one database allow as many times as much. It
keeps a dashboard that has run wild from the others and from the webhooks; WHOOP's limits are not at stake, because the
API never asks WHOOP.
"""

import math
import threading
import time
from collections.abc import Callable

from whoop_assets.members.readers import Reader

MINUTE = 60.0


class RateLimits:
    """The buckets of all readers; `now` gives seconds on a clock that never goes back."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._buckets: dict[int, tuple[float, float]] = {}

    def wait(self, reader: Reader) -> int | None:
        """None: go on, one request is taken. Else the whole seconds after which one will be there."""
        most = float(reader.requests_per_minute)
        with self._lock:
            now = self._now()
            left, since = self._buckets.get(reader.id, (most, now))
            left = min(most, left + (now - since) * most / MINUTE)
            if left < 1.0:
                return math.ceil((1.0 - left) * MINUTE / most)
            self._buckets[reader.id] = (left - 1.0, now)
            return None
