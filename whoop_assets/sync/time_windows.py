"""Computes the span of time to read for a range of days, from the member's calendar and the current time."""

from datetime import UTC, date, datetime, timedelta

from whoop_assets.records.coverage import Span
from whoop_assets.whoop_day import Calendar, CalendarCycle, utc_bounds

ONE_DAY = timedelta(days=1)


def cycle_span(first: date, last: date, now: datetime) -> Span:
    """Return the span in which the cycles of the days first..last start, in any time zone.

    It ends at `now` at the latest.
    """
    start, end = utc_bounds(first, last)
    return Span(start, min(end, now))


def last_before(calendar: Calendar, first: date) -> tuple[CalendarCycle, datetime] | None:
    """Return the last cycle of an earlier day, with its end."""
    earlier = [(cycle, end) for cycle, end in calendar.spans() if cycle.day < first]
    return max(earlier, key=lambda entry: entry[0].start, default=None)


def bounded_after(calendar: Calendar, last: date, read_until: datetime) -> bool:
    """Return whether the day `last`, or a later one, has a cycle that starts before `read_until`."""
    return any(cycle.day >= last and cycle.start < read_until for cycle in calendar.cycles)


def record_span(calendar: Calendar, first: date, last: date, now: datetime) -> Span:
    """Return the span in which sleeps, recoveries and workouts of the days start: that of the days' cycles.

    If the first or last day has no cycle, its records get their day from their local date or from the +12 h
    rule. The span then includes the times for which these rules give the day, but no cycle of a neighbouring
    day.
    """
    inside = [(cycle.start, end) for cycle, end in calendar.spans() if first <= cycle.day <= last]
    before = [end for cycle, end in calendar.spans() if cycle.day < first]
    after = [cycle.start for cycle, _ in calendar.spans() if cycle.day > last]
    if len(calendar) == 0:
        earliest, latest = utc_bounds(first, last + ONE_DAY)
        return Span(earliest, min(latest, now))
    local_noon = datetime(first.year, first.month, first.day, 12, tzinfo=UTC) - ONE_DAY
    local_midnight = datetime(last.year, last.month, last.day, tzinfo=UTC) + ONE_DAY
    # Between two cycles with different offsets the nearer one decides, so the span allows for both.
    start = local_noon - max(_offsets(calendar, local_noon))
    end = local_midnight - min(_offsets(calendar, local_midnight))
    if before:
        start = max(start, max(before))
    if after:
        end = min(end, min(after))
    if inside:
        start = min(start, min(begin for begin, _ in inside))
        end = max(end, max(finish for _, finish in inside))
    return Span(start, min(end, now))


def _offsets(calendar: Calendar, instant: datetime) -> set[timedelta]:
    """Return the offsets of the cycles within a day around an instant."""
    around = [calendar.nearest(instant + shift) for shift in (-ONE_DAY, timedelta(0), ONE_DAY)]
    before = [cycle for cycle in calendar.cycles if cycle.start <= instant][-1:]
    after = [cycle for cycle in calendar.cycles if cycle.start > instant][:1]
    return {cycle.offset for cycle in (*around, *before, *after) if cycle is not None}
