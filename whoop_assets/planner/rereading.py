"""Rules that read known days again, to find corrections that no event announced.

`pace` explains the intervals.
"""

from datetime import timedelta

from whoop_assets.planner.fetch_tasks import on_grid
from whoop_assets.planner.member_view import ONE_DAY, MemberView, Wanted, midnight
from whoop_assets.planner.pace import (
    MONTH_DAYS,
    PIECE_DAYS,
    Pace,
    month_interval,
    piece_interval,
    recent_days,
    recent_interval,
)
from whoop_assets.whoop_day import local_date

GRID = timedelta(minutes=15)


def recent(view: MemberView, pace: Pace) -> list[Wanted]:
    """Reads the last days again."""
    interval = recent_interval(view, pace.webhooks) * pace.stretch
    return _last_days(view, recent_days(pace.webhooks), interval)


def month(view: MemberView, pace: Pace) -> list[Wanted]:
    """Reads the last month again."""
    return _last_days(view, MONTH_DAYS, month_interval(pace.webhooks) * pace.stretch)


def _last_days(view: MemberView, days: int, interval: timedelta) -> list[Wanted]:
    if view.settings.reread_share <= 0:
        return []
    first = view.today - days * ONE_DAY
    due = {
        stream: on_grid(read_at + interval, GRID)
        for stream in view.streams
        if (read_at := view.stalest(stream, first, view.today)) is not None
    }
    return [Wanted(due, first, view.today)]


def older(view: MemberView, pace: Pace) -> list[Wanted]:
    """Reads 90 older days again, which end where the span that is due first ends."""
    first_cycle = view.facts.first_cycle
    if first_cycle is None or view.settings.reread_share <= 0:
        return []
    last = view.today - (MONTH_DAYS + 1) * ONE_DAY
    # A read of `last` reaches the end of that day in UTC, and one of the first day begins before it.
    until = midnight(last, timedelta(0))
    begin = max(first_cycle, midnight(view.settings.first_day, timedelta(0))) + ONE_DAY
    known = [span for span in view.spans("cycles") if span.start < until and span.end > begin]
    if not known:
        return []
    at, span = min(
        (span.read_at + piece_interval(view.now - min(span.end, until)) * pace.stretch, span)
        for span in known
    )
    end = min(last, local_date(span.end, view.facts.offset))
    first = max(end - (PIECE_DAYS - 1) * ONE_DAY, local_date(first_cycle, view.facts.offset))
    return [Wanted(dict.fromkeys(view.streams, on_grid(at, GRID)), min(first, end), end)]
