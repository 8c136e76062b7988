"""Reading a span of a stream completely, newest first, in pieces that each are complete by themselves.

WHOOP's page cursor is an offset: when a record in front of it is deleted while the pages are read, everything moves up
and one record slips through the seam between two pages unseen. So the next page is not asked for by the cursor but by
time: it ends just after the start of the oldest record so far, which it shows again. What is deleted or added meanwhile
then shifts nothing, at the price of one record per page that is read twice. The cursor is followed, with `end` fixed,
only where time leads no further: when a page is not in order of time, ends where it began, or gives no time at all
(nothing on it is valid, or no recovery's cycle is known).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from whoop_assets.errors import WhoopError
from whoop_assets.records.coverage import Span
from whoop_assets.records.quarantine import Rejected
from whoop_assets.sync.parsing import Taken, take
from whoop_assets.whoop_api.client import Cursor, WhoopClient
from whoop_assets.whoop_api.streams import Stream
from whoop_assets.whoop_day import CalendarCycle

PAGES_PER_PIECE = 8
"""A piece is committed as a whole: at most 200 records are read again after a crash."""

_TICK = timedelta(milliseconds=1)  # the resolution of WHOOP's times


@dataclass(slots=True)
class Piece:
    """All records of the stream that start within `span`, and perhaps some neighbours."""

    span: Span
    read_at: datetime
    taken: list[Taken] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def crawl(
    client: WhoopClient,
    stream: Stream,
    user_id: int,
    span: Span,
    cycle: Callable[[int], CalendarCycle | None],
    seen: set[Any],
) -> Iterator[Piece]:
    """Read the span. `cycle` gives the known cycle of an id, for recoveries, which have no times of their own.

    `seen` collects the keys of every record that came, valid or not. Raises what the client raises, after giving out
    what was read until then; every piece is complete all the same.
    """
    end, cursor = span.end, Cursor(stream)
    upper = span.end
    page = client.page(stream, start=span.start, end=end)
    piece = Piece(span, page.requested_at)
    pages = 0
    while True:
        batch = [take(stream, raw, user_id, page.requested_at, page.endpoint) for raw in page.records]
        known = len(seen)
        # What has no readable key is told apart by its content.
        seen.update(
            one.incoming.key if isinstance(one, Taken) else one.key or one.content_hash for one in batch
        )
        piece.taken += [one for one in batch if isinstance(one, Taken)]
        piece.rejected += [one for one in batch if isinstance(one, Rejected)]
        pages += 1
        if page.next_token is None:
            piece.span = Span(span.start, upper)
            yield piece
            return
        bound = _next_end(batch, cycle)
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
                # Down to where the last page was asked for by time everything came: a spent budget must not cost it.
                piece.span = Span(end, upper)
                yield piece
            raise
        # A span is as fresh as its oldest answer.
        piece.read_at = (
            min(piece.read_at, page.requested_at) if piece.taken or piece.rejected else page.requested_at
        )


def _next_end(batch: list[Taken | Rejected], cycle: Callable[[int], CalendarCycle | None]) -> datetime | None:
    """An end behind which the oldest record of the page, and everything older, still lies; None: it cannot be told."""
    starts: list[tuple[datetime, datetime]] = []
    for one in batch:
        if isinstance(one, Rejected):
            continue
        if one.start is not None:
            starts.append((one.start, one.start + _TICK))
            continue
        found = cycle(one.cycle_id) if one.cycle_id is not None else None
        if found is None or found.end is None:
            # No time is known for it. As long as an older record of the page has one, that does not matter.
            continue
        # The recovery of a nap starts anywhere in its cycle: the whole cycle has to come again.
        starts.append((found.start, found.end))
    if not starts:
        return None
    order = [start for start, _ in starts]
    if any(later > earlier for earlier, later in pairwise(order)):
        return None
    return max(end for start, end in starts if start == order[-1])
