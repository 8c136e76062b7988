"""Days that were never read: a new member's history, and what lies between days that were read.

The ledger of coverage is the only memory: what is unread is asked for, newest first, in pieces that end where calendar
quarters begin, so that members who connect at different times still share runs. Whatever is killed, the next look finds
the same ledger. Pieces skip what was read (`since` is long ago), so an interrupted one costs only what is left of it.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from whoop_assets.planner.facts import Hole
from whoop_assets.planner.fetch_tasks import BACKFILL, LONG_AGO, SCHEDULE, Reading, Reason
from whoop_assets.planner.habits import ONE_DAY
from whoop_assets.planner.member_view import View, midnight
from whoop_assets.records.read_days import NEGLIGIBLE_GAP
from whoop_assets.whoop_day import local_date

FIRST_PIECE = timedelta(days=30)
"""A new member's last month comes first, in the schedules' lane: it is what people look at."""

SHORTEST_PIECE = timedelta(days=30)
NEGLIGIBLE = NEGLIGIBLE_GAP

FRONTIER = timedelta(days=3)
"""What lies behind the end of what was read is new, not unread, until it is older than this: so far back the last days
are re-read, however rarely."""

EDGE = timedelta(days=5)
"""The first day's records may begin so late: its cycle, or the one before it, may be a long one."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a member's history is read: the day down to which it is complete, and the share of the whole, 0 to 1."""

    back_to: date | None
    share: float

    @property
    def complete(self) -> bool:
        return self.share >= 1.0


def history(view: View) -> Reading | None:
    """The next piece that was never read, of all streams that lack something at once."""
    by_stream = {stream: found for stream in view.streams if (found := _unread(view, stream))}
    # What fails must not keep the other streams' next pieces waiting.
    ready = {stream: found for stream, found in by_stream.items() if view.held_until(stream) <= view.now}
    by_stream = ready or by_stream
    unread = [hole for found in by_stream.values() for hole in found]
    if not unread:
        return None
    newest = max(unread, key=lambda hole: hole.end)
    offset = view.facts.offset
    new = not view.facts.read.get("cycles")
    end = local_date(newest.end, offset)
    last = min(end + ONE_DAY, view.today)
    if end > view.today - FIRST_PIECE + ONE_DAY:
        first, reason, lane = view.today - FIRST_PIECE, Reason.NEW_MEMBER if new else Reason.UNREAD, SCHEDULE
    else:
        first, reason, lane = _start_of_quarter(last - SHORTEST_PIECE), Reason.HISTORY, BACKFILL
    nothing_before = _nothing_before(view)
    if nothing_before is not None and last <= nothing_before + ONE_DAY:
        first = view.rules.first_day  # it need not be read in pieces
    else:
        oldest = min(
            (hole.start for hole in unread if hole.end >= newest.end - FIRST_PIECE), default=newest.start
        )
        first = max(first, local_date(oldest, offset) - ONE_DAY)
    due = dict.fromkeys(by_stream, min(view.facts.connected_at, view.now))
    return view.reading(reason, due, first, last, lane=lane, since=LONG_AGO)


def progress(view: View) -> Progress:
    """How far the history of all the streams that the member has granted is read, without a hole."""
    begin = _begin(view)
    if all(not _unread(view, stream) for stream in view.streams):
        return Progress(local_date(begin, view.facts.offset), 1.0)
    down_to = []
    for stream in view.streams:
        holes = _unread(view, stream)
        down_to.append(max((hole.end for hole in holes), default=begin))
    newest = max(down_to)
    whole = view.now - begin
    share = min(0.999, max(0.0, (view.now - newest) / whole)) if whole > timedelta(0) else 0.0
    return Progress(None if newest >= view.now else local_date(newest, view.facts.offset), share)


def _begin(view: View) -> datetime:
    """From where on there can be records: the first partition, or the first cycle when older ones were looked for."""
    known = _nothing_before(view)
    first = view.rules.first_day if known is None else max(known, view.rules.first_day)
    return midnight(first, timedelta(0))


def _nothing_before(view: View) -> date | None:
    """The day of the member's first cycle, once everything before it was read; without any cycle, today."""
    read, first = view.facts.read.get("cycles"), view.facts.first_cycle
    if read is None or read.oldest > midnight(view.rules.first_day, timedelta(0)):
        return None
    until = first or view.now
    if any(hole.start < until and hole.end - hole.start > NEGLIGIBLE for hole in read.holes):
        return None
    return local_date(until, view.facts.offset)


def _unread(view: View, stream: str) -> list[Hole]:
    """The spans of the stream that were never read, from the first partition to the present."""
    start, edge = midnight(view.rules.first_day, timedelta(0)), _edge(view)
    read = view.facts.read.get(stream)
    if read is None:
        return [Hole(min(start, edge), view.now)]
    found = [
        Hole(max(hole.start, start), hole.end)
        for hole in read.holes
        if hole.end > edge and hole.end - hole.start > NEGLIGIBLE
    ]
    if read.oldest > edge:
        found.append(Hole(start, read.oldest))
    frontier = view.frontier(stream)
    # Its newest span may be older than what is given of this stream: then all that is known is that it is old.
    end = frontier.end if frontier is not None else view.now - FIRST_PIECE - ONE_DAY
    if view.now - end > FRONTIER:
        found.append(Hole(end, view.now))
    return found


def _edge(view: View) -> datetime:
    """From where on everything must have been read; of a first day that is no longer ago than that, a part of today."""
    return min(midnight(view.rules.first_day, timedelta(0)) + EDGE, view.now - NEGLIGIBLE)


def _start_of_quarter(day: date) -> date:
    return date(day.year, day.month - (day.month - 1) % 3, 1)
