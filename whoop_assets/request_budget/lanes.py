"""Lanes: how requests of different urgency share WHOOP's limits.

A limit of N requests in W seconds allows another request when the N-th latest is older than W. A lane limits
its use of a short window (up to an hour) further:

    requests in the last s seconds  <=  burst + (total - burst) * s / W        for every s up to W

`total` and `burst` are shares of N. A backfill that finds an idle window may send 60 % of it immediately.
After that it is paced evenly over the window. So the other lanes never wait for long: at any moment N * (1 -
0.98) slots are free, and within h seconds at least N * (0.98 - 0.6) * h / W more. With 100 requests per
minute these are two slots at once and another every 1.6 seconds. The formula is the arrival curve of a token
bucket, enforced over the window only, so that `total` is also the sustainable rate.

A day is not paced. Each lane leaves a share of it to the more urgent ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MAX_PACED_WINDOW_SECONDS = 3600
"""Longer windows are not paced."""
MARGIN = timedelta(milliseconds=750)
"""Added to each window. A request leaves up to 0.35 s after its slot's transaction and up to 0.35 s after the
check of its token, and requests that leave evenly can arrive closer together."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane.

    Attributes:
        rank: Order in the wait queue; 0 goes first.
        total: Share of a short window's limit.
        burst: The part of it that may be sent without pacing.
        total_of_day: Share of a long window's limit.
        max_wait: How long one request may wait.
    """

    rank: int
    total: float
    burst: float
    total_of_day: float
    max_wait: timedelta


LANES = {
    "webhook": Lane(0, 1.0, 1.0, 1.0, timedelta(seconds=90)),
    "schedule": Lane(1, 0.99, 0.8, 0.95, timedelta(minutes=3)),
    "backfill": Lane(2, 0.98, 0.6, 0.9, timedelta(minutes=5)),
}


@dataclass(frozen=True, slots=True)
class LaneLimit:
    """A lane's limit in one window.

    Attributes:
        window: Length of the window, with the margin.
        total: Requests in the window, at least 1.
        burst: Requests without pacing, at least 1.
    """

    window: timedelta
    total: int
    burst: int

    @property
    def unpaced(self) -> int:
        """Number of the latest requests that delay nothing."""
        return self.burst - 1

    @property
    def paced(self) -> int:
        """Number of earlier requests that each delay the next one."""
        return self.total - self.unpaced

    def opens_at(self, latest: Sequence[datetime]) -> datetime | None:
        """Return when one more request is allowed; None if at once.

        Args:
            latest: The window's `paced` requests, latest first, without the `unpaced` ones.
        """
        step = self.window / self.paced
        return max((sent + step * (place + 1) for place, sent in enumerate(latest)), default=None)


def lane_limit(lane: Lane, window_seconds: int, requests: int, share: float = 1.0) -> LaneLimit:
    """Return the lane's limit in a window.

    Args:
        requests: WHOOP's limit for the window.
        share: The part of the limit in use after a 429. Below 1 there is nearly no burst.
    """
    window = timedelta(seconds=window_seconds) + MARGIN
    if window_seconds > MAX_PACED_WINDOW_SECONDS:
        total = max(1, int(requests * lane.total_of_day))
        return LaneLimit(window, total, total)
    total = max(1, int(requests * lane.total * share))
    burst = max(1, int(requests * lane.burst)) if share >= 1.0 else max(1, total // 10)
    return LaneLimit(window, total, min(total, burst))
