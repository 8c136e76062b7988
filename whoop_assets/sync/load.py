"""Loads one stream of one member for a range of days: reads it completely and stores it piece by piece.

Cycles come first, because they are the calendar. A load of another stream first makes sure that the cycles of
its days are known and bounded, then reads over their real spans.
"""

from datetime import UTC, date, datetime, timedelta

from whoop_assets.records.coverage import Span
from whoop_assets.sync.stream_reader import StreamReader
from whoop_assets.sync.time_windows import bounded_after, cycle_span, last_before, record_span
from whoop_assets.whoop_api.streams import CYCLES, STREAMS
from whoop_assets.whoop_day import Calendar

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
