"""What the ledgers say, as the planner is given it: plain values, no SQL. `planning.py` gathers them.

All times are aware and in UTC; days are WHOOP days.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple

RECENT = timedelta(days=35)
"""Cycles, sleeps and the coverage of all streams are given this far back; further back only the coverage of cycles."""

HABITS = timedelta(days=21)
"""So many days of main sleeps tell when a member usually wakes: three weeks hold three of every weekday."""

EVENTS = timedelta(days=14)
"""So far back the silences between webhook events are given."""

ASKED_FOR = timedelta(hours=1)
"""So long a reading that was asked for by opening a day is waited for; whoever still wants it has asked again."""

SHORT_SILENCE = timedelta(minutes=30)
"""Silences between webhook events of any member are given from this length on."""


class KnownCycle(NamedTuple):
    """A cycle that is stored. `end` is None while WHOOP calls it open; `pending`: its score is being made.

    `made_at`: when WHOOP made it, which is when the night was processed: its sleep and recovery are made then too.
    """

    start: datetime
    end: datetime | None
    day: date
    offset: timedelta
    pending: bool
    made_at: datetime


class KnownSleep(NamedTuple):
    """A main sleep that is stored, with the score states of itself and of its recovery (None: there is none)."""

    start: datetime
    end: datetime
    day: date
    state: str
    recovery_state: str | None
    made_at: datetime


class Read(NamedTuple):
    """A span that was read completely at `read_at`."""

    start: datetime
    end: datetime
    read_at: datetime


class Hole(NamedTuple):
    """A span between two covered ones that was never read."""

    start: datetime
    end: datetime


class StreamRead(NamedTuple):
    """The coverage of one stream: since when anything was read, the covered spans oldest first, the holes in between.

    Of cycles all spans are given, of the other streams those that end within `RECENT`.
    """

    oldest: datetime
    spans: tuple[Read, ...]
    holes: tuple[Hole, ...] = ()


class FailedLoad(NamedTuple):
    """A load of a stream that did not complete; first and last time that it failed since it last did."""

    stream: str
    first_day: date
    last_day: date
    transient: bool
    first_failed_at: datetime
    last_failed_at: datetime


class UnsettledEvent(NamedTuple):
    """A webhook event whose attempts have failed so far; `day` as it was filed, None if it was not."""

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
    """What is known of one member who is connected.

    `scopes` as granted; `first_cycle` and `latest_cycle` are starts; `cycles` and `sleeps` oldest first. `profile_read_at`
    is the time of today's snapshot of the profile, `body_read` whether there is one of body measurements. `asked_at`: when
    a reader of the daily API last opened today with an old recovery, within `ASKED_FOR`.
    """

    user_id: int
    scopes: frozenset[str]
    connected_at: datetime
    offset: timedelta = timedelta(0)
    first_cycle: datetime | None = None
    latest_cycle: datetime | None = None
    cycles: tuple[KnownCycle, ...] = ()
    sleeps: tuple[KnownSleep, ...] = ()
    read: Mapping[str, StreamRead] = field(default_factory=dict)
    last_event_at: datetime | None = None
    failures: tuple[FailedLoad, ...] = ()
    events: tuple[UnsettledEvent, ...] = ()
    profile_read_at: datetime | None = None
    body_read: bool = False
    asked_at: datetime | None = None
    forced: ForcedReading | None = None


@dataclass(frozen=True, slots=True)
class EventFacts:
    """Webhook events of all members within `EVENTS`: how many, the first and the last, and the silences in between.

    Silences are given from `SHORT_SILENCE` on, oldest first; the one that lasts until now is not among them.
    """

    count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    silences: tuple[Hole, ...] = ()


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """The day's request budget: the limit, what was sent in the last 24 hours, and the oldest of that.

    `closed_until`: WHOOP has answered 429 and lets nobody through before then. `webhooks`, `backfills`: what of `used` was
    sent in these lanes.
    """

    per_day: int
    used: int = 0
    oldest: datetime | None = None
    closed_until: datetime | None = None
    webhooks: int = 0
    backfills: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything the planner looks at. `now` is the time by the database's clock."""

    now: datetime
    members: tuple[MemberFacts, ...]
    events: EventFacts
    budget: BudgetFacts
