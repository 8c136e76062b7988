"""Facts that the planner decides by: plain values without SQL, built by `gather.py`.

All times are aware and in UTC. Days are WHOOP days.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

RECENT = timedelta(days=35)
"""Age of the oldest cycles, sleeps and coverage in the facts.

Only the coverage of cycles goes back further.
"""

EVENT_WINDOW = timedelta(days=14)
"""Webhook events of this time count."""

MAX_REQUEST_AGE = timedelta(hours=1)
"""A read that a reader of the daily API requested is dropped after this time.

The reader requests it again.
"""


class KnownCycle(NamedTuple):
    """A stored cycle. `end` is None while it is open. `pending`: WHOOP has not scored it.

    `made_at` is when WHOOP created it, which is also when WHOOP created the night's sleep and recovery.
    """

    start: datetime
    end: datetime | None
    day: date
    offset: timedelta
    pending: bool
    made_at: datetime


class KnownSleep(NamedTuple):
    """A stored main sleep with its score state, and that of its recovery (None: there is no recovery)."""

    start: datetime
    end: datetime
    day: date
    state: str
    recovery_state: str | None
    made_at: datetime


class CoveredSpan(NamedTuple):
    """A span of time that was read completely at `read_at`."""

    start: datetime
    end: datetime
    read_at: datetime


class UnreadSpan(NamedTuple):
    """A span of time that was never read."""

    start: datetime
    end: datetime


class StreamCoverage(NamedTuple):
    """Coverage of one stream: its beginning, its spans (oldest first), and the unread spans in between.

    `spans` contains all spans of cycles, and of other streams those that end within `RECENT`.
    """

    oldest: datetime
    spans: tuple[CoveredSpan, ...]
    unread: tuple[UnreadSpan, ...] = ()


class FailedLoad(NamedTuple):
    """A load of a stream that failed, with the first and last failure since its last success."""

    stream: str
    first_day: date
    last_day: date
    transient: bool
    first_failed_at: datetime
    last_failed_at: datetime


class FailedEvent(NamedTuple):
    """A webhook event with failed attempts; `day` is None if it is unknown."""

    stream: str
    day: date | None
    open_since: datetime


class ForcedReading(NamedTuple):
    """Streams that were not completely read since `asked_at`, from `first_day` on: a member forced it."""

    asked_at: datetime
    first_day: date
    streams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MemberFacts:
    """Facts of one connected member.

    Attributes:
        scopes: Granted scopes.
        first_cycle: Start of the first stored cycle; `latest_cycle` likewise.
        cycles: Cycles within `RECENT`, oldest first; `sleeps` likewise.
        read: Coverage by stream.
        profile_read_at: Time of today's profile snapshot.
        body_read: Whether today has a snapshot of body measurements.
        asked_at: When a reader of the daily API last opened today with a stale recovery, within
            `MAX_REQUEST_AGE`.
    """

    user_id: int
    scopes: frozenset[str]
    connected_at: datetime
    offset: timedelta = timedelta(0)
    first_cycle: datetime | None = None
    latest_cycle: datetime | None = None
    cycles: tuple[KnownCycle, ...] = ()
    sleeps: tuple[KnownSleep, ...] = ()
    read: Mapping[str, StreamCoverage] = field(default_factory=dict)
    last_event_at: datetime | None = None
    failures: tuple[FailedLoad, ...] = ()
    events: tuple[FailedEvent, ...] = ()
    profile_read_at: datetime | None = None
    body_read: bool = False
    asked_at: datetime | None = None
    forced: ForcedReading | None = None


@dataclass(frozen=True, slots=True)
class EventFacts:
    """Number, first and last of the webhook events of all members within `EVENT_WINDOW`."""

    count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """The daily request limit and its use in the last 24 hours.

    Attributes:
        oldest: Time of the oldest request in the last 24 hours.
        closed_until: End of the last pause after a 429 response, also if it is over.
        webhooks: Requests of the webhook lane among `used`; `backfills` likewise.
    """

    per_day: int
    used: int = 0
    oldest: datetime | None = None
    closed_until: datetime | None = None
    webhooks: int = 0
    backfills: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """All facts. `now` is the time of the database clock."""

    now: datetime
    members: tuple[MemberFacts, ...]
    events: EventFacts
    budget: BudgetFacts
