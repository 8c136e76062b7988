"""Estimates when a member wakes next."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from whoop_assets.planner.member_view import ONE_DAY, MemberView, midnight
from whoop_assets.whoop_day import local_date

SLEEP_WINDOW = timedelta(days=21)
"""Main sleeps of three weeks count: three of every weekday."""

MIN_SLEEPS = 3
DEFAULT_WAKING = (timedelta(hours=6), timedelta(hours=7, minutes=30))
"""Early and usual waking in local time, for a member with fewer sleeps."""

EARLY_QUANTILE = 0.1
MIN_TIME_AWAKE = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Waking:
    """The next waking: an early and the usual instant."""

    early: datetime
    usual: datetime


def next_waking(view: MemberView) -> Waking:
    """Returns the member's next waking, estimated from recent main sleeps in local time.

    Times of day are points on a circle, so the estimate works for members who sleep by day. `early` is the
    tenth percentile and `usual` the median of the distances from the circular mean. Local time uses the
    offset of the day's cycle, because a sleep's own offset is unreliable.
    """
    early, usual = _times_of_waking(view)
    after = _last_waking(view) + MIN_TIME_AWAKE
    offset = view.facts.offset
    day = local_date(after, offset) - ONE_DAY
    while midnight(day, offset) + usual <= after:
        day += ONE_DAY
    return Waking(max(after, midnight(day, offset) + early), midnight(day, offset) + usual)


def _last_waking(view: MemberView) -> datetime:
    latest, sleeps = view.facts.latest_cycle, view.facts.sleeps
    if latest is None:
        return view.facts.connected_at - MIN_TIME_AWAKE
    if sleeps and sleeps[-1].end >= latest:
        return sleeps[-1].end
    return latest


def _times_of_waking(view: MemberView) -> tuple[timedelta, timedelta]:
    offsets = {cycle.day: cycle.offset for cycle in view.facts.cycles}
    minutes = []
    for sleep in view.facts.sleeps:
        if sleep.day >= view.today - SLEEP_WINDOW:
            local = sleep.end + offsets.get(sleep.day, view.facts.offset)
            minutes.append(local.hour * 60 + local.minute)
    if len(minutes) < MIN_SLEEPS:
        return DEFAULT_WAKING
    angles = [minute * math.tau / 1440 for minute in minutes]
    centre = math.atan2(sum(map(math.sin, angles)), sum(map(math.cos, angles))) * 1440 / math.tau
    distances = sorted((minute - centre + 720) % 1440 - 720 for minute in minutes)
    early, usual = distances[int(EARLY_QUANTILE * (len(distances) - 1))], median(distances)
    time_of_day = (centre + usual) % 1440
    return timedelta(minutes=time_of_day + early - usual), timedelta(minutes=time_of_day)
