"""Fetch tasks: what the planner requests, why, and the expected cost."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from enum import StrEnum

from whoop_assets.whoop_api.streams import SNAPSHOT_STREAMS, STREAMS

SCHEDULE, BACKFILL = "schedule", "backfill"
LANES_IN_ORDER = (SCHEDULE, BACKFILL)

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""As `since` of a task: only unread days are read."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

RECORDS_PER_PAGE = 24
"""Pages contain 25 records, and each but the first repeats one."""


class Reason(StrEnum):
    """Why a task exists, most urgent first, with a sentence for users."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> "Reason":
        reason = str.__new__(cls, value)
        reason._value_ = value
        reason.sentence = sentence
        return reason

    MORNING = "morning", "The member is usually awake by now, and the night's cycle is not stored yet."
    RECOVERY = "recovery", "A night's sleep or recovery is missing, or is not scored yet."
    ASKED = "asked", "A reader of the daily API opened today while its recovery was stale."
    CYCLE = "cycle", "A cycle is still open or unscored, or a day between two others has no cycle."
    EVENT = "event", "A webhook announced a change, and its loads failed."
    UNREAD = "unread", "Days of the last month were never read."
    FAILED = "failed", "An earlier load failed and may succeed now."
    OPEN_CYCLE = "open_cycle", "The strain of the open cycle is due for an update."
    SNAPSHOT = "snapshot", "Profile and body measurements are read once a day."
    FORCED = "forced", "The member requested on the web page to read the last months again."
    HISTORY = "history", "The member's history was never read; the newest days come first."
    RECENT = "recent", "The last days are read again, to find unannounced corrections."
    MONTH = "month", "The last month is read again, to find unannounced corrections."
    ALL = "all", "Older days are read again, to find unannounced corrections."

    @property
    def rank(self) -> int:
        """Urgency; 0 is the most urgent."""
        return _RANKS[self]


_RANKS = {reason: rank for rank, reason in enumerate(Reason)}


@dataclass(frozen=True, slots=True)
class FetchTask:
    """Streams of a member to read for the days first..last, inclusive.

    Attributes:
        due: When to read them.
        requests: Expected number of requests.
        since: Spans that were read completely at or after this time are skipped.
    """

    user_id: int
    streams: tuple[str, ...]
    first: date
    last: date
    lane: str
    reason: Reason
    due: datetime
    requests: int
    since: datetime

    def covers(self, other: "FetchTask") -> bool:
        """Returns whether this task includes the other, in the same lane or a faster one."""
        return (
            self.user_id == other.user_id
            and set(other.streams) <= set(self.streams)
            and self.first <= other.first
            and other.last <= self.last
            and LANES_IN_ORDER.index(self.lane) <= LANES_IN_ORDER.index(other.lane)
            and self.since >= other.since
        )


@dataclass(frozen=True, slots=True)
class PlannerSettings:
    """Settings of the planner.

    Attributes:
        first_day: First partition.
        last_day: Today's partition.
        reread_share: Share of the daily budget, after reserves, for reading known days again; 0 for none.
        open_cycle_every: Interval between reads of the open cycle for its strain; None for no such reads.
        zone: Time zone of the partitions.
    """

    first_day: date
    last_day: date
    reread_share: float = 0.5
    open_cycle_every: timedelta | None = None
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class Plan:
    """The tasks of one moment.

    Attributes:
        due: Due tasks within the budget, most urgent first.
        held: Due tasks that wait for the budget.
        later: Tasks that are not due, soonest first.
        stretch: Factor on the intervals between two reads of known days.
        expected: Expected requests per day by purpose.
        webhooks: Whether webhooks work.
    """

    now: datetime
    due: tuple[FetchTask, ...]
    held: tuple[FetchTask, ...]
    later: tuple[FetchTask, ...]
    stretch: float
    expected: dict[str, float] = field(default_factory=dict)
    webhooks: bool = False

    @property
    def next_at(self) -> datetime | None:
        """When the next task becomes due; None if there is none."""
        return min((task.due for task in (*self.held, *self.later)), default=None)


def pages(streams: Iterable[str], days: int) -> int:
    """Returns the expected number of requests for that number of days of the streams."""
    return sum(
        1
        if stream in SNAPSHOT_STREAMS
        else max(1, -int(-days * STREAMS[stream].records_per_day // RECORDS_PER_PAGE))
        for stream in streams
    )


def on_grid(moment: datetime, step: timedelta) -> datetime:
    """Rounds to the nearest multiple of the step, so that tasks of several members share a run."""
    return EPOCH + ((moment - EPOCH + step / 2) // step) * step
