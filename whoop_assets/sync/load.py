"""Loads one stream of one member for a range of days: reads it completely and stores it piece by piece.

Cycles come first, because they are the calendar. A load of another stream first makes sure that the cycles of
its days are known and bounded, then reads over their real spans.
"""

from datetime import UTC, date, datetime, timedelta

from whoop_assets.records.coverage import Span
from whoop_assets.sync.stream_reader import StreamReader
from whoop_assets.whoop_api.streams import CYCLES, STREAMS
from whoop_assets.whoop_day import Calendar, CalendarCycle, utc_bounds

ONE_DAY = timedelta(days=1)
_FIRST_EXTENSION = timedelta(days=4)
_BEFORE_WHOOP = datetime(2010, 1, 1, tzinfo=UTC)


class RangeLoad:
    """Loads the stream that the reader's stats name, for a range of days."""

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader
        self._until = reader.until

    def load(self, first: date, last: date) -> None:
        """Read and store the stream's records of the days first..last.

        Raises the client's errors. Pieces that were committed before stay, and a load with the same `since`
        does not read them again.
        """
        reader, stream = self._reader, STREAMS[self._reader.stats.stream]
        span = cycle_span(first, last, self._until)
        try:
            if stream is CYCLES:
                reader.read(CYCLES, span, reader.since)
                reader.read_unclosed_cycles()
                self._bound(span, first, last, reader.calendar())
            else:
                days = self._known_cycles(span, first, last)
                records = record_span(days, first, last, self._until)
                reader.read(stream, records, reader.since, days, (first, last))
        finally:
            reader.count_requests()

    def _known_cycles(self, span: Span, first: date, last: date) -> Calendar:
        """Return the calendar, after reading cycles that are unknown or may have changed."""
        reader = self._reader
        days = reader.calendar()
        latest = days.cycles[-1] if len(days) else None
        if latest is not None and latest.day <= last and latest.start < span.end:
            # The latest cycle may have closed, and another begun, since it was read.
            reader.read(CYCLES, Span(max(latest.start, span.start), span.end), reader.since)
        reader.read(CYCLES, span, None)
        reader.read_unclosed_cycles()
        return self._bound(span, first, last, reader.calendar())

    def _bound(self, span: Span, first: date, last: date, days: Calendar) -> Calendar:
        """Read further until cycles are known on both sides of the days, or there are none.

        A known cycle far away does not count if there may be unread ones before it.
        """
        if not span:
            return days
        reader = self._reader
        if not self._bounded_before(days, first, span):
            beginning = Span(_BEFORE_WHOOP, span.start)
            if reader.unread(CYCLES, beginning, None):
                reader.extend_back(beginning)
                days = reader.calendar()
        end, step = span.end, _FIRST_EXTENSION
        while not bounded_after(days, last, end) and end < self._until:
            further = Span(end, min(end + step, self._until))
            if reader.read(CYCLES, further, None):
                days = reader.calendar()
            end, step = further.end, step * 2
        return days

    def _bounded_before(self, days: Calendar, first: date, span: Span) -> bool:
        before = last_before(days, first)
        if before is None:
            return False
        cycle, end = before
        return end >= span.start or not self._reader.unread(CYCLES, Span(cycle.start, span.start), None)


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
