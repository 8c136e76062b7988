"""Reads a span of a stream completely, newest first, in pieces that are complete on their own.

WHOOP's page cursor is an offset. If a record before it is deleted during the read, all later records move up,
and one slips through the boundary between two pages. The next page is therefore requested by time: it ends
just after the start of the oldest record so far and returns that record again. Deletions and additions then
shift nothing, at the cost of one record per page that is read twice. The cursor is used, with a fixed `end`,
only where time makes no progress: if a page is not in order of time, ends where it began, or provides no time
(no record is valid, or no recovery's cycle is known).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from whoop_assets.errors import WhoopError
from whoop_assets.records.commit import StreamBatch
from whoop_assets.records.coverage import Span
from whoop_assets.records.parsed_record import ParsedRecord
from whoop_assets.records.quarantine import RejectedRecord
from whoop_assets.sync.parsing import parse_record
from whoop_assets.whoop_api.client import Cursor, WhoopClient
from whoop_assets.whoop_api.streams import Stream
from whoop_assets.whoop_day import CalendarCycle

PAGES_PER_PIECE = 8
"""A piece is committed as a whole. After a crash at most this many pages (200 records) are read again."""

_TIME_RESOLUTION = timedelta(milliseconds=1)


@dataclass(slots=True)
class Piece:
    """All records of the stream that start within `span`, and perhaps some neighbours.

    `read_at` is the send time of the oldest request.
    """

    span: Span
    read_at: datetime
    batch: StreamBatch = field(default_factory=StreamBatch)


def paginate(
    client: WhoopClient,
    stream: Stream,
    user_id: int,
    span: Span,
    cycle_by_id: Callable[[int], CalendarCycle | None],
    seen: set[Any],
) -> Iterator[Piece]:
    """Read the span piece by piece.

    Args:
        cycle_by_id: Returns a known cycle. Recoveries need it, because they have no times.
        seen: Collects the key of each record that came, valid or not; the content hash if the key is
            unreadable.

    Raises:
        WhoopError: An error of the client, after the pieces that are complete were yielded.
    """
    end, cursor = span.end, Cursor(stream)
    upper = span.end
    page = client.page(stream, start=span.start, end=end)
    piece = Piece(span, page.requested_at)
    pages = 0
    while True:
        records = [
            parse_record(stream, raw, user_id, page.requested_at, page.endpoint) for raw in page.records
        ]
        known = len(seen)
        for record in records:
            piece.batch.add(record)
            seen.add(record.key if isinstance(record, ParsedRecord) else record.key or record.content_hash)
        pages += 1
        if page.next_token is None:
            piece.span = Span(span.start, upper)
            yield piece
            return
        bound = _next_end(records, cycle_by_id)
        if bound is not None and span.start < bound < end:
            end, cursor = bound, Cursor(stream)
            if pages % PAGES_PER_PIECE == 0:
                piece.span = Span(bound, upper)
                yield piece
                upper, piece = bound, Piece(span, page.requested_at)
        else:
            cursor.follow(page, new=len(seen) - known)
        try:
            page = client.page(
                stream, start=span.start, end=end, next_token=cursor.token, followed=cursor.followed
            )
        except WhoopError:
            if end < upper:
                # The pages so far are complete down to the last time bound. A spent budget must not discard
                # them.
                piece.span = Span(end, upper)
                yield piece
            raise
        # A piece is as fresh as its oldest response.
        piece.read_at = min(piece.read_at, page.requested_at) if piece.batch else page.requested_at


def _next_end(
    records: Sequence[ParsedRecord | RejectedRecord], cycle_by_id: Callable[[int], CalendarCycle | None]
) -> datetime | None:
    """Return an end time for the next page that includes the page's oldest record; None if it is unknown."""
    times: list[tuple[datetime, datetime]] = []
    for record in records:
        if isinstance(record, RejectedRecord):
            continue
        if record.start is not None:
            times.append((record.start, record.start + _TIME_RESOLUTION))
            continue
        cycle = None if record.cycle_id is None else cycle_by_id(record.cycle_id)
        if cycle is None or cycle.end is None:
            # The time of this record is unknown. That does not matter if an older record of the page has one.
            continue
        # The recovery of a nap starts anywhere in its cycle, so the next page must include the whole cycle.
        times.append((cycle.start, cycle.end))
    if not times:
        return None
    starts = [start for start, _ in times]
    if any(later > earlier for earlier, later in pairwise(starts)):
        return None
    return max(end for start, end in times if start == starts[-1])
