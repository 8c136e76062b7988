"""Which span of time to read for which days: pure functions of the days, the member's calendar and the clock."""

from datetime import UTC, date, datetime, timedelta

from whoop_assets.records.coverage import Span
from whoop_assets.whoop_day import Calendar, CalendarCycle, utc_bounds

ONE_DAY = timedelta(days=1)


def cycle_span(first: date, last: date, now: datetime) -> Span:
    """Where every cycle of these days starts, wherever the member was; nothing is read beyond the present."""
    start, end = utc_bounds(first, last)
    return Span(start, min(end, now))


def last_before(calendar: Calendar, first: date) -> tuple[CalendarCycle, datetime] | None:
    """The last cycle of an earlier day, with its end."""
    earlier = [(cycle, end) for cycle, end in calendar.spans() if cycle.day < first]
    return max(earlier, key=lambda entry: entry[0].start, default=None)


def bounded_after(calendar: Calendar, last: date, read_until: datetime) -> bool:
    """Whether the last of these days, or a later one, has a cycle in what was read up to then without a gap."""
    return any(cycle.day >= last and cycle.start < read_until for cycle in calendar.cycles)


def record_span(calendar: Calendar, first: date, last: date, now: datetime) -> Span:
    """Where the sleeps, recoveries and workouts of these days start: over the real spans of the days' cycles.

    Where the first or the last day has no cycle at that end, a record there would be filed by its local date, or by
    the +12 h rule; the span then reaches as far as those rules do, but not into a neighbouring day's cycle.
    """
    inside = [(cycle.start, end) for cycle, end in calendar.spans() if first <= cycle.day <= last]
    before = [end for cycle, end in calendar.spans() if cycle.day < first]
    after = [cycle.start for cycle, _ in calendar.spans() if cycle.day > last]
    if len(calendar) == 0:
        earliest, latest = utc_bounds(first, last + ONE_DAY)
        return Span(earliest, min(latest, now))
    local_noon = datetime(first.year, first.month, first.day, 12, tzinfo=UTC) - ONE_DAY
    local_midnight = datetime(last.year, last.month, last.day, tzinfo=UTC) + ONE_DAY
    # Between two cycles of different offsets a record is filed by the nearer one: the span allows for both.
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
    """The offsets of the cycles around an instant that is within a day of it somewhere on Earth."""
    around = [calendar.nearest(instant + shift) for shift in (-ONE_DAY, timedelta(0), ONE_DAY)]
    before = [cycle for cycle in calendar.cycles if cycle.start <= instant][-1:]
    after = [cycle for cycle in calendar.cycles if cycle.start > instant][:1]
    return {cycle.offset for cycle in (*around, *before, *after) if cycle is not None}
