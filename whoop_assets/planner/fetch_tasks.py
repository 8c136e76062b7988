"""What the planner asks for: readings, their reasons, and what they cost."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

RECORDS = ("cycles", "sleeps", "recoveries", "workouts")
SNAPSHOTS = ("profile", "body_measurement")

SCHEDULE, BACKFILL = "schedule", "backfill"
LANES_IN_ORDER = (SCHEDULE, BACKFILL)

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""As `since` of a reading: only what was never read is read."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

RECORDS_A_PAGE = 24
"""Pages hold 25 records, and each but the first repeats one."""

RECORDS_A_DAY = {"cycles": 1.0, "sleeps": 1.2, "recoveries": 1.0, "workouts": 1.0}
"""What a day is expected to hold: every fifth day has a nap."""


class Reason(StrEnum):
    """Why something is read, the most urgent first. `sentence` says it to people."""

    MORNING = "morning"
    RECOVERY = "recovery"
    ASKED = "asked"
    CYCLE = "cycle"
    OUTAGE = "outage"
    EVENT = "event"
    SILENCE = "silence"
    NEW_MEMBER = "new_member"
    UNREAD = "unread"
    FAILED = "failed"
    OPEN_CYCLE = "open_cycle"
    SNAPSHOT = "snapshot"
    FORCED = "forced"
    HISTORY = "history"
    RECENT = "recent"
    MONTH = "month"
    ALL = "all"

    @property
    def sentence(self) -> str:
        """The reason, as a sentence."""
        return _SENTENCES[self]

    @property
    def rank(self) -> int:
        """0 for the most urgent."""
        return _RANKS[self]

    @property
    def tier(self) -> bool:
        """Whether it is re-reading for corrections that nobody announced."""
        return self in (Reason.RECENT, Reason.MONTH, Reason.ALL)


_SENTENCES = {
    Reason.MORNING: "The member is usually awake by now, and the night is not here yet.",
    Reason.RECOVERY: "A night's sleep or recovery is missing, or is not scored yet.",
    Reason.ASKED: "A reader of the daily API has opened today, and its recovery may have changed since it was read.",
    Reason.CYCLE: "A cycle must have closed or been scored, or a day between two others has none.",
    Reason.OUTAGE: "No webhook came to anybody for unusually long: what it would have announced is read.",
    Reason.EVENT: "A webhook announced a change, and the loads of it have failed.",
    Reason.SILENCE: "Webhooks work, but none has come for this member for more than a day.",
    Reason.NEW_MEMBER: "The member is new: the newest days come first.",
    Reason.UNREAD: "These days lie between others that were read, and never were.",
    Reason.FAILED: "A load of these days failed, and may succeed now.",
    Reason.OPEN_CYCLE: "The open cycle's strain is to be followed.",
    Reason.SNAPSHOT: "Profile and body measurements are kept once a day.",
    Reason.FORCED: "The member has requested on the web page that the last months are read again.",
    Reason.HISTORY: "The member's history is read, newest first.",
    Reason.RECENT: "The last days are read again for corrections that nobody announced.",
    Reason.MONTH: "The last month is read again for corrections that nobody announced.",
    Reason.ALL: "Older days are read again for corrections that nobody announced, the older the more rarely.",
}
_RANKS = {reason: rank for rank, reason in enumerate(Reason)}


@dataclass(frozen=True, slots=True)
class Reading:
    """Streams of a member to be read for the days first..last, both included.

    `due`: from then on; `requests`: what it is expected to cost. What was read completely at or after `since` is not
    read again.
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

    def holds(self, other: "Reading") -> bool:
        """Whether doing this does the other too, of the same member and not later in line."""
        return (
            self.user_id == other.user_id
            and set(other.streams) <= set(self.streams)
            and self.first <= other.first
            and other.last <= self.last
            and LANES_IN_ORDER.index(self.lane) <= LANES_IN_ORDER.index(other.lane)
            and self.since >= other.since
        )


@dataclass(frozen=True, slots=True)
class Rules:
    """What is configured. `first_day` and `last_day`: the first partition and today's.

    `reread_share`: of what of the day's budget is left after the reserves, so much is for re-reading in tiers; 0: none.
    `open_cycle_every`: how often the open cycle is read for its passing strain; None: not for its own sake.
    """

    first_day: date
    last_day: date
    reread_share: float = 0.5
    open_cycle_every: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is due, the most urgent first; what is due but waits for the budget; what comes later, the soonest first.

    `stretch`: the tiers' intervals are multiplied by it; `expected`: requests a day, by purpose; `webhooks`: whether
    they work.
    """

    now: datetime
    due: tuple[Reading, ...]
    held: tuple[Reading, ...]
    later: tuple[Reading, ...]
    stretch: float
    expected: dict[str, float] = field(default_factory=dict)
    webhooks: bool = False

    @property
    def next_at(self) -> datetime | None:
        """When something will be due that is not yet, as far as can be told; None: nothing ever."""
        return min((reading.due for reading in (*self.held, *self.later)), default=None)


def pages(streams: Iterable[str], days: int) -> int:
    """The requests that so many days of these streams are expected to cost."""
    return sum(
        1 if stream in SNAPSHOTS else max(1, -int(-days * RECORDS_A_DAY[stream] // RECORDS_A_PAGE))
        for stream in streams
    )


def on_grid(moment: datetime, step: timedelta) -> datetime:
    """The whole multiple of the step that is nearest, so that members' readings fall together into one run."""
    return EPOCH + ((moment - EPOCH + step / 2) // step) * step
