"""Pace: how often known days are read again, so that all members fit into the request budget.

Closed cycles change up to 9 days later, workouts up to 6, and 99 of 100 corrections come within three days.
Cycles have no webhooks. The last days are therefore read often, the last month sometimes, and older days
rarely. Working webhooks announce most corrections, so the first two tiers slow down.

With `cost` the requests for one read of a tier, the demand in requests per day is

    demand = sum over members and tiers of cost / interval

and the allowance is a share of the daily limit after its reserves. All intervals are multiplied by

    stretch = max(1, demand / allowance)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from whoop_assets.planner.facts import EventFacts, Facts
from whoop_assets.planner.fetch_tasks import PlannerSettings, pages
from whoop_assets.planner.member_view import ONE_DAY, MemberView

RECENT_DAYS, RECENT_DAYS_WITH_WEBHOOKS, MONTH_DAYS = 3, 14, 30
"""Days before today. A page contains 25 records, so 14 days cost as much as three."""

PIECE_DAYS = 90
HOUR = timedelta(hours=1)
MAX_RECENT_INTERVAL = ONE_DAY
INACTIVE_AFTER, INACTIVE_SHARE = timedelta(hours=24), 1 / 8
AGE_SHARE, MIN_PIECE_INTERVAL, MAX_PIECE_INTERVAL = 0.5, timedelta(days=14), timedelta(days=365)
"""Older days are read again when their age has grown by half, within these limits."""

MIN_EVENTS, MIN_EVENT_TIME = 6, timedelta(days=3)
MAX_SILENCE = timedelta(hours=30)
"""Webhooks work if that many came within that time, and the last one is not older than this.

A member who sleeps once a day causes an event each day.
"""

EVENT_REQUESTS = 8.0
"""Expected requests per member and day for webhooks: a sleep, a recovery and one or two workouts, some of
them twice.
"""
REQUESTS_PER_EVENT = 1.8
"""Average over weeks of simulated members: the record, and for a night its cycle."""
MORNING_REQUESTS, MORNING_REQUESTS_WITH_WEBHOOKS = 20.0, 1.0
"""Expected requests per member and day of the rule `morning`: an hour and a half of looks every five minutes.
"""
SNAPSHOT_REQUESTS = 2.0
MORNING_SHARE, IMPORT_SHARE, MIN_REREAD_SHARE = 0.2, 0.3, 0.05
"""Shares of the daily limit: at most for mornings, for first imports if there are any, at least for known
days.
"""

LOOK_EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Pace:
    """Whether webhooks work, intervals of all rules, and the expected requests per day by purpose."""

    webhooks: bool
    stretch: float
    look_every: timedelta
    expected: dict[str, float]


def webhooks_work(events: EventFacts, now: datetime) -> bool:
    """Returns whether webhooks arrive. WHOOP has one URL per app, so the events of all members count."""
    if events.first_at is None or events.last_at is None or events.count < MIN_EVENTS:
        return False
    return now - events.first_at >= MIN_EVENT_TIME and now - events.last_at <= MAX_SILENCE


def pace(
    views: Sequence[MemberView], *, webhooks: bool, settings: PlannerSettings, per_day: int, importing: bool
) -> Pace:
    """Returns the pace that fits into the daily limit.

    Args:
        per_day: Daily request limit.
        importing: Whether a member's history is being imported.
    """
    members = len(views)
    looks = members * (MORNING_REQUESTS_WITH_WEBHOOKS if webhooks else MORNING_REQUESTS)
    mornings = min(looks, MORNING_SHARE * per_day)
    snapshots, events = members * SNAPSHOT_REQUESTS, members * EVENT_REQUESTS if webhooks else 0.0
    imports = IMPORT_SHARE * per_day if importing else 0.0
    left = per_day - mornings - snapshots - events - imports
    allowance = max(left * settings.reread_share, MIN_REREAD_SHARE * per_day)
    demand = sum(_demand(view, webhooks) for view in views)
    expected = {
        "webhooks": events,
        "mornings": mornings,
        "snapshots": snapshots,
        "re-reading": min(demand, allowance) if settings.reread_share > 0 else 0.0,
    }
    return Pace(
        webhooks=webhooks,
        stretch=max(1.0, demand / allowance),
        look_every=LOOK_EVERY * (max(1.0, looks / mornings) if mornings else 1.0),
        expected={purpose: round(requests, 1) for purpose, requests in expected.items()},
    )


def expected_event_requests(facts: Facts, webhooks: bool) -> float:
    """Returns the requests per day that webhooks are expected to cause, by the events of the last days.

    Before a day of events `EVENT_REQUESTS` applies. The result is 0 if no event came since a member connected
    three days ago, and if webhooks stopped.
    """
    events, members = facts.events, facts.members
    oldest = min((member.connected_at for member in members), default=facts.now)
    known = timedelta(0) if events.first_at is None else facts.now - events.first_at
    never_came = events.first_at is None and facts.now - oldest >= MIN_EVENT_TIME
    if never_came or (known >= MIN_EVENT_TIME and not webhooks):
        return 0.0
    heard = sum(member.last_event_at is not None for member in members)
    if known < ONE_DAY or not heard:
        return len(members) * EVENT_REQUESTS
    per_member = REQUESTS_PER_EVENT * events.count * (ONE_DAY / known) / heard
    return len(members) * min(EVENT_REQUESTS, per_member)


def recent_days(webhooks: bool) -> int:
    return RECENT_DAYS_WITH_WEBHOOKS if webhooks else RECENT_DAYS


def recent_interval(view: MemberView, webhooks: bool) -> timedelta:
    """Returns the interval of the tier `recent`, longer for a member without activity for more than a day."""
    inactive = view.now - view.last_activity() - INACTIVE_AFTER
    return max(ONE_DAY if webhooks else HOUR, min(inactive * INACTIVE_SHARE, MAX_RECENT_INTERVAL))


def month_interval(webhooks: bool) -> timedelta:
    return 7 * ONE_DAY if webhooks else ONE_DAY


def piece_interval(age: timedelta) -> timedelta:
    return min(MAX_PIECE_INTERVAL, max(MIN_PIECE_INTERVAL, age * AGE_SHARE))


def _demand(view: MemberView, webhooks: bool) -> float:
    demand = pages(view.streams, recent_days(webhooks) + 1) * (ONE_DAY / recent_interval(view, webhooks))
    demand += pages(view.streams, MONTH_DAYS + 1) * (ONE_DAY / month_interval(webhooks))
    first = view.facts.first_cycle
    if first is not None:
        age = (MONTH_DAYS + 1) * ONE_DAY
        while age < view.now - first:
            demand += pages(view.streams, PIECE_DAYS) * (ONE_DAY / piece_interval(age))
            age += PIECE_DAYS * ONE_DAY
    return demand
