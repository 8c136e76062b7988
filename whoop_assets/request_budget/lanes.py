"""Lanes: how requests of different urgency share WHOOP's limits.

A limit of N requests in W seconds is kept by the log of the requests that were let through: the N-th latest must be
older than W before there is room for one more. A lane adds to that a line below which its use of a short window stays:

    requests in the last s seconds  <=  at_once + (most - at_once) * s / W        for every s up to W

with `most` and `at_once` as shares of N. A backfill that finds an idle window may thus send six tenths of it at once,
and is paced from there on, until its requests are spread evenly over the window. What that leaves to others never
comes in one lump: seen from any moment, N * (1 - 0.98) slots are free at once, and within h seconds at least
N * (0.98 - 0.6) * h / W more, however hard a backfill tries; with WHOOP's 100 a minute, two at once and a further one
every 1.6 seconds. (It is the arrival curve of a token bucket, enforced over the window alone, so that `most` is also the
rate that can be kept up; a bucket with the same burst would sustain only `most - at_once`.)

A day is not paced, as nobody waits for hours: the lanes leave a share of it to each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

SHORT = 3600
"""Windows up to this many seconds are paced; longer ones are shared out."""

MARGIN = timedelta(milliseconds=750)
"""Added to each window: a request leaves a little after its slot (0.35 s for the slot's own transaction and as much for a
look at the token, at most), and requests that leave evenly can arrive closer together than they left."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What a lane may use of a window's limit, as shares of it, and how long one of its requests may wait.

    `rank`: who goes first of several that wait, 0 before all others.
    """

    rank: int
    most: float
    at_once: float
    of_a_day: float
    longest_wait: timedelta


LANES = {
    "webhook": Lane(0, 1.0, 1.0, 1.0, timedelta(seconds=90)),
    "schedule": Lane(1, 0.99, 0.8, 0.95, timedelta(minutes=3)),
    "backfill": Lane(2, 0.98, 0.6, 0.9, timedelta(minutes=5)),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A lane's line in one window, in requests: never less than one, or nobody would find out that it has been raised."""

    window: timedelta
    most: int
    at_once: int

    @property
    def unpaced(self) -> int:
        """So many of the window's requests, the latest, hold nobody up."""
        return self.at_once - 1

    @property
    def paced(self) -> int:
        """So many more of them matter, each by another part of the window."""
        return self.most - self.unpaced

    def opens(self, latest: Sequence[datetime]) -> datetime | None:
        """When there is room for one more; None: as far as this window goes, at once.

        `latest` are the window's `paced` requests, the latest first.
        """
        step = self.window / self.paced
        return max((sent + step * (place + 1) for place, sent in enumerate(latest)), default=None)


@lru_cache(maxsize=256)
def line(lane: Lane, window_seconds: int, requests: int, share: float = 1.0) -> Line:
    """The lane's line in a window of so many requests.

    `share` < 1: what is in use of the limit after a 429; it opens without a burst.
    """
    window = timedelta(seconds=window_seconds) + MARGIN
    if window_seconds > SHORT:
        most = max(1, int(requests * lane.of_a_day))
        return Line(window, most, most)
    most = max(1, int(requests * lane.most * share))
    at_once = max(1, int(requests * lane.at_once)) if share >= 1.0 else max(1, most // 10)
    return Line(window, most, min(most, at_once))
