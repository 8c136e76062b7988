"""Habits: when a member usually wakes, and whether webhooks come as they usually do."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import median

from whoop_assets.planner.facts import HABITS, SHORT_SILENCE, EventFacts, Hole
from whoop_assets.planner.member_view import View
from whoop_assets.whoop_day import local_date

ONE_DAY = timedelta(days=1)
UNKNOWN_HABIT = (timedelta(hours=6), timedelta(hours=7, minutes=30))
"""Earliest and usual waking, local time, of a member of whom fewer than three nights are known."""

EARLY = 0.1
"""The share of mornings on which the member was awake before the time at which the looking begins."""

AWAKE_FOR = timedelta(hours=12)
"""So long after a waking the next one is expected at the earliest."""

PROVEN = timedelta(days=3)
FEWEST_EVENTS = 6
"""Webhooks are relied on once they have come for so long, and so many."""

UNUSUAL = 1.5
SHORTEST_OUTAGE = timedelta(minutes=45)
OUTAGES_BACK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Waking:
    """The next waking: from when on it is looked for, and when it is usual. Instants."""

    early: datetime
    usual: datetime


def next_waking(view: View) -> Waking:
    """When the member wakes next, judged by the main sleeps of the last three weeks in local time.

    Times of day lie on a circle: they are taken as distances from their circular mean, of which the tenth percentile is
    `early` and the median `usual`; somebody who sleeps by day is no exception. Local is the offset of the day's
    cycle, since a sleep's own offset is not to be trusted.
    """
    early, usual = _times_of_waking(view)
    after = _awake_at(view) + AWAKE_FOR
    offset = view.facts.offset
    day = local_date(after, offset) - ONE_DAY
    while True:
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) - offset
        if midnight + usual > after:
            return Waking(max(after, midnight + early), midnight + usual)
        day += ONE_DAY


def _awake_at(view: View) -> datetime:
    """When the member last woke, as far as is known: from a sleep, or from a night without one."""
    latest = view.facts.latest_cycle
    sleeps = view.facts.sleeps
    if latest is None:
        return view.facts.connected_at - AWAKE_FOR
    if sleeps and sleeps[-1].end >= latest:
        return sleeps[-1].end
    return latest


def _times_of_waking(view: View) -> tuple[timedelta, timedelta]:
    offsets = {cycle.day: cycle.offset for cycle in view.facts.cycles}
    minutes = []
    for sleep in view.facts.sleeps:
        if sleep.day < view.today - HABITS:
            continue
        local = sleep.end + offsets.get(sleep.day, view.facts.offset)
        minutes.append(local.hour * 60 + local.minute)
    if len(minutes) < 3:
        return UNKNOWN_HABIT
    angles = [minute * math.tau / 1440 for minute in minutes]
    centre = math.atan2(sum(map(math.sin, angles)), sum(map(math.cos, angles))) * 1440 / math.tau
    apart = sorted((minute - centre + 720) % 1440 - 720 for minute in minutes)
    early, usual = apart[int(EARLY * (len(apart) - 1))], median(apart)
    shift = (centre + usual) % 1440
    return timedelta(minutes=shift + early - usual), timedelta(minutes=shift)


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Whether webhooks come as they usually do, and the times of the last week at which they did not.

    `paused`: they do not, but have done so within the last day.
    """

    working: bool
    outages: tuple[Hole, ...] = ()
    paused: bool = False


def webhooks(events: EventFacts, now: datetime) -> Webhooks:
    """Judge by the silences between events of all members, as WHOOP has one URL for the app.

    Usual is the median, over the last two weeks, of each day's longest silence, but not of the last 24 hours'. What is
    more than half as long again, and longer than 45 minutes, is an outage: with one member that is about a day, with
    fifty some hours, with five hundred less than one.
    """
    if events.first_at is None or events.last_at is None:
        return Webhooks(False)
    if events.count < FEWEST_EVENTS or now - events.first_at < PROVEN:
        return Webhooks(False)
    longest = []
    days_known = min(13, (now - events.first_at) // ONE_DAY)
    for back in range(1, days_known + 1):
        start, end = now - (back + 1) * ONE_DAY, now - back * ONE_DAY
        ended = [one.end - one.start for one in events.silences if start <= one.end < end]
        if not ended and any(one.start <= start and one.end >= end for one in events.silences):
            continue  # nothing came all day: that says nothing about a day on which something comes
        longest.append(max(ended, default=SHORT_SILENCE))
    usual = sorted(longest)[len(longest) // 2] if longest else ONE_DAY
    unusual = max(SHORTEST_OUTAGE, usual * UNUSUAL)
    outages = [
        one for one in events.silences if one.end - one.start > unusual and one.end > now - OUTAGES_BACK
    ]
    silent = now - events.last_at
    return Webhooks(silent <= unusual, tuple(outages), paused=unusual < silent <= ONE_DAY)
