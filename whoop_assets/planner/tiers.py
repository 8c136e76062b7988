"""Re-reading for corrections that no event announced, in three tiers, as rarely as the budget asks for.

In real data closed cycles are restated up to 9 days later, workouts up to 6, and 99 of 100 corrections come within
three days; cycles have no webhooks at all. So the last days are read often, the last month sometimes, and all of it
rarely: the older, the more rarely. With webhooks, which announce most of it, the first two tiers take their time.

Let `cost` be the requests of one reading of a tier and `interval` its interval. The members' demand, in requests a day, is

    demand = sum over members and tiers of cost / interval

and what it may use is a share of what the day's limit leaves after its reserves (`allowance`). Every interval is
multiplied by

    stretch = max(1, demand / allowance)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from whoop_assets.planner.facts import Facts, Read
from whoop_assets.planner.fetch_tasks import BACKFILL, Reading, Reason, Rules, on_grid, pages
from whoop_assets.planner.habits import ONE_DAY, PROVEN, Webhooks
from whoop_assets.planner.member_view import View, midnight, soonest
from whoop_assets.whoop_day import local_date

RECENT_DAYS, RECENT_DAYS_WITH_WEBHOOKS, MONTH_DAYS = 3, 14, 30
"""So many days before today. A page holds 25 records, so that 14 days cost no more than three: where webhooks work the
last days are read once a day, and all the restatements that have been seen are among them."""

PIECE_DAYS = 90
GRID = timedelta(minutes=15)

HOUR = timedelta(hours=1)
WITHOUT_WEBHOOKS = {Reason.RECENT: HOUR, Reason.MONTH: ONE_DAY}
WITH_WEBHOOKS = {Reason.RECENT: ONE_DAY, Reason.MONTH: 7 * ONE_DAY}
RAREST_RECENT = ONE_DAY
"""Of a member who has been silent the last days are re-read more and more rarely, but so often at least."""

SILENT_FROM, SILENT_SHARE = timedelta(hours=24), 1 / 8
AGE_SHARE, MOST_OFTEN, MOST_RARELY = 0.5, timedelta(days=14), timedelta(days=365)
"""A piece of the past is re-read when its age has grown by half, within these limits."""

EVENT_REQUESTS = 8.0
"""Expected requests a day for a member's webhooks: a sleep, a recovery, one or two workouts, each read by its own URL
with its cycle, some of them twice."""
REQUESTS_AN_EVENT = 1.8
"""For one event on average, seen over weeks of simulated members: the record, and where it is a night its cycle."""
LOOKS = 20.0
"""Expected requests a day for a member's mornings without webhooks: an hour and a half of looking every five minutes."""
LOOKS_WITH_WEBHOOKS = 1.0
SNAPSHOT_REQUESTS = 2.0
MORNINGS_SHARE, IMPORTS_SHARE, LEAST_SHARE = 0.2, 0.3, 0.05
"""Shares of the day's limit: at most for mornings, for first imports while there are any, at least for the tiers."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often things are done, given the members and the budget; requests a day."""

    stretch: float
    look_stretch: float
    demand: float
    allowance: float
    mornings: float
    snapshots: float
    events: float
    imports: float


def pace(views: Sequence[View], hooks: Webhooks, rules: Rules, per_day: int, *, importing: bool) -> Pace:
    """The stretch of the tiers and of the looks in the morning.

    Mornings may use a fifth of the day's limit; where the members' looks would come to more, the five minutes between
    two of them are stretched alike. Reserved before the tiers: mornings, snapshots, webhooks where they work (8 a
    member), and three tenths of the limit while there is history to import.
    """
    members = len(views)
    looks = members * (LOOKS_WITH_WEBHOOKS if hooks.working else LOOKS)
    mornings = min(looks, MORNINGS_SHARE * per_day)
    snapshots, events = members * SNAPSHOT_REQUESTS, members * EVENT_REQUESTS if hooks.working else 0.0
    imports = IMPORTS_SHARE * per_day if importing else 0.0
    left = per_day - mornings - snapshots - events - imports
    allowance = max(left * rules.reread_share, LEAST_SHARE * per_day)
    demand = sum(_demand(view, hooks) for view in views)
    return Pace(
        stretch=max(1.0, demand / allowance),
        look_stretch=max(1.0, looks / mornings) if mornings else 1.0,
        demand=demand,
        allowance=allowance,
        mornings=mornings,
        snapshots=snapshots,
        events=events,
        imports=imports,
    )


def announced(facts: Facts, hooks: Webhooks) -> float:
    """Requests that webhooks are expected to need in a day: as many events a member as have come to those who have had any.

    Until events have come for a day there is nothing to go by but `EVENT_REQUESTS`. Nothing is kept where somebody has been
    connected for `PROVEN` and no event has come, nor while webhooks that have proven themselves do not come: their work
    is done by readings.
    """
    events, members = facts.events, facts.members
    oldest = min((one.connected_at for one in members), default=facts.now)
    known = timedelta(0) if events.first_at is None else facts.now - events.first_at
    if (events.first_at is None and facts.now - oldest >= PROVEN) or (known >= PROVEN and not hooks.working):
        return 0.0
    heard = sum(one.last_event_at is not None for one in members)
    if known < ONE_DAY or not heard:
        return len(members) * EVENT_REQUESTS
    return len(members) * min(EVENT_REQUESTS, REQUESTS_AN_EVENT * events.count * (ONE_DAY / known) / heard)


def tiers(view: View, hooks: Webhooks, stretch: float) -> list[Reading]:
    """The next reading of each tier; none when re-reading is switched off."""
    if view.rules.reread_share <= 0:
        return []
    today = view.today
    found = [
        _last_days(view, Reason.RECENT, _recent_days(hooks), _recent_interval(view, hooks) * stretch),
        _last_days(view, Reason.MONTH, MONTH_DAYS, _month_interval(hooks) * stretch),
        _older(view, today - (MONTH_DAYS + 1) * ONE_DAY, stretch),
    ]
    return soonest(found)


def _base(hooks: Webhooks) -> dict[Reason, timedelta]:
    return WITH_WEBHOOKS if hooks.working else WITHOUT_WEBHOOKS


def _month_interval(hooks: Webhooks) -> timedelta:
    """What is lost in a short outage is in the last days: the month goes on as with webhooks for a day."""
    return (WITH_WEBHOOKS if hooks.working or hooks.paused else WITHOUT_WEBHOOKS)[Reason.MONTH]


def _recent_days(hooks: Webhooks) -> int:
    return RECENT_DAYS_WITH_WEBHOOKS if hooks.working else RECENT_DAYS


def _recent_interval(view: View, hooks: Webhooks) -> timedelta:
    """The base interval; for a member who has been silent for more than a day, an eighth of the silence beyond it."""
    base = _base(hooks)[Reason.RECENT]
    silent = view.now - view.sign_of_life() - SILENT_FROM
    return max(base, min(silent * SILENT_SHARE, RAREST_RECENT))


def _last_days(view: View, reason: Reason, days: int, interval: timedelta) -> Reading | None:
    first = view.today - days * ONE_DAY
    due = {
        stream: on_grid(read_at + interval, GRID)
        for stream in view.streams
        if (read_at := view.stalest(stream, first, view.today)) is not None
    }
    return view.reading(reason, due, first, view.today, lane=BACKFILL)


def _older(view: View, last: date, stretch: float) -> Reading | None:
    """The piece of the past whose time has come, or comes first: 90 days that end where the stalest span does."""
    first_cycle = view.facts.first_cycle
    if first_cycle is None:
        return None
    # A reading of `last` reaches to the end of that day in UTC at least, and one of the first day begins before it.
    until = midnight(last, timedelta(0))
    begin = max(first_cycle, midnight(view.rules.first_day, timedelta(0))) + ONE_DAY
    older = [one for one in view.spans("cycles") if one.start < until and one.end > begin]
    if not older:
        return None
    due, span = min((_due(one, until, view.now, stretch), one) for one in older)
    end = min(last, local_date(span.end, view.facts.offset))
    first = max(end - (PIECE_DAYS - 1) * ONE_DAY, local_date(first_cycle, view.facts.offset))
    streams = dict.fromkeys(view.streams, on_grid(due, GRID))
    return view.reading(Reason.ALL, streams, min(first, end), end, lane=BACKFILL)


def _due(span: Read, until: datetime, now: datetime, stretch: float) -> datetime:
    return span.read_at + _piece_interval(now - min(span.end, until)) * stretch


def _piece_interval(age: timedelta) -> timedelta:
    return min(MOST_RARELY, max(MOST_OFTEN, age * AGE_SHARE))


def _demand(view: View, hooks: Webhooks) -> float:
    """What the member's tiers cost a day when nothing is stretched."""
    demand = pages(view.streams, _recent_days(hooks) + 1) * (ONE_DAY / _recent_interval(view, hooks))
    demand += pages(view.streams, MONTH_DAYS + 1) * (ONE_DAY / _month_interval(hooks))
    first = view.facts.first_cycle
    if first is not None:
        age, piece = (MONTH_DAYS + 1) * ONE_DAY, PIECE_DAYS * ONE_DAY
        while age < view.now - first:
            demand += pages(view.streams, PIECE_DAYS) * (ONE_DAY / _piece_interval(age))
            age += piece
    return demand
