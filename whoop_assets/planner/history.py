"""Rules for days that were never read: a new member's history, and gaps between known days.

The coverage ledger is the only state. Unread days are requested newest first, in pieces that begin with a
calendar quarter, so that members who connect at different times share runs. A task skips what was read, so an
interrupted piece costs only its rest.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from whoop_assets.planner.facts import UnreadSpan
from whoop_assets.planner.fetch_tasks import LONG_AGO
from whoop_assets.planner.member_view import ONE_DAY, MemberView, Wanted, midnight
from whoop_assets.planner.pace import Pace
from whoop_assets.records.read_days import NEGLIGIBLE_GAP
from whoop_assets.whoop_day import local_date

LAST_MONTH = timedelta(days=30)
"""The last month comes first, in the schedule lane."""

MIN_PIECE = timedelta(days=30)

MAX_NEW_TIME = timedelta(days=3)
"""Time after the newest covered span counts as new, not as unread, up to this length."""

FIRST_DAY_TOLERANCE = timedelta(days=5)
"""The records of the first day may begin so much later, because its cycle or the one before may be long."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Progress of a member's import: the day down to which it is complete, and the share from 0 to 1."""

    back_to: date | None
    share: float

    @property
    def complete(self) -> bool:
        return self.share >= 1.0


def unread_last_month(view: MemberView, pace: Pace | None = None) -> list[Wanted]:
    """Reads unread days of the last month."""
    unread = _next_unread(view)
    first = view.today - LAST_MONTH
    return _piece(view, unread, first) if unread and _in_last_month(view, unread) else []


def unread_history(view: MemberView, pace: Pace | None = None) -> list[Wanted]:
    """Reads the newest piece of older unread days."""
    unread = _next_unread(view)
    if not unread or _in_last_month(view, unread):
        return []
    last = _last_day(view, _newest(unread))
    first = last - MIN_PIECE
    return _piece(view, unread, date(first.year, first.month - (first.month - 1) % 3, 1))


Unread = dict[str, list[UnreadSpan]]


def _next_unread(view: MemberView) -> Unread:
    """Returns the unread spans by stream. Failing streams come last, so that they do not block the others."""
    unread = {stream: spans for stream in view.streams if (spans := _unread(view, stream))}
    ready = {stream: spans for stream, spans in unread.items() if view.blocked_until(stream) <= view.now}
    return ready or unread


def _newest(unread: Unread) -> UnreadSpan:
    return max((span for spans in unread.values() for span in spans), key=lambda span: span.end)


def _in_last_month(view: MemberView, unread: Unread) -> bool:
    end = local_date(_newest(unread).end, view.facts.offset)
    return end > view.today - LAST_MONTH + ONE_DAY


def _last_day(view: MemberView, span: UnreadSpan) -> date:
    return min(local_date(span.end, view.facts.offset) + ONE_DAY, view.today)


def _piece(view: MemberView, unread: Unread, first: date) -> list[Wanted]:
    newest = _newest(unread)
    last, first_cycle_day = _last_day(view, newest), _complete_before(view)
    if first_cycle_day is not None and last <= first_cycle_day + ONE_DAY:
        first = view.settings.first_day  # there are no records, so one piece is enough
    else:
        spans = [span for spans in unread.values() for span in spans]
        oldest = min(
            (span.start for span in spans if span.end >= newest.end - LAST_MONTH), default=newest.start
        )
        first = max(first, local_date(oldest, view.facts.offset) - ONE_DAY)
    due = dict.fromkeys(unread, min(view.facts.connected_at, view.now))
    return [Wanted(due, first, last, LONG_AGO)]


def progress(view: MemberView) -> Progress:
    """Returns how far the history of all granted streams is read without a gap."""
    first, offset = _complete_before(view), view.facts.offset
    begin = midnight(max(first or view.settings.first_day, view.settings.first_day), timedelta(0))
    unread = [spans for stream in view.streams if (spans := _unread(view, stream))]
    if not unread:
        return Progress(local_date(begin, offset), 1.0)
    newest = max(begin, *(span.end for spans in unread for span in spans))
    total = view.now - begin
    share = min(0.999, max(0.0, (view.now - newest) / total)) if total > timedelta(0) else 0.0
    return Progress(None if newest >= view.now else local_date(newest, offset), share)


def _complete_before(view: MemberView) -> date | None:
    """Returns the day of the first cycle if everything before it was read; today without cycles."""
    read, first = view.facts.read.get("cycles"), view.facts.first_cycle
    if read is None or read.oldest > midnight(view.settings.first_day, timedelta(0)):
        return None
    until = first or view.now
    if any(span.start < until and span.end - span.start > NEGLIGIBLE_GAP for span in read.unread):
        return None
    return local_date(until, view.facts.offset)


def _unread(view: MemberView, stream: str) -> list[UnreadSpan]:
    """Returns the spans of the stream that were never read, from the first partition on."""
    start, required = midnight(view.settings.first_day, timedelta(0)), _first_required(view)
    read = view.facts.read.get(stream)
    if read is None:
        return [UnreadSpan(min(start, required), view.now)]
    found = [
        UnreadSpan(max(span.start, start), span.end)
        for span in read.unread
        if span.end > required and span.end - span.start > NEGLIGIBLE_GAP
    ]
    if read.oldest > required:
        found.append(UnreadSpan(start, read.oldest))
    newest = view.newest_span(stream)
    # Spans older than the facts reach are not known exactly.
    end = newest.end if newest is not None else view.now - LAST_MONTH - ONE_DAY
    if view.now - end > MAX_NEW_TIME:
        found.append(UnreadSpan(end, view.now))
    return found


def _first_required(view: MemberView) -> datetime:
    """Returns the time from which on everything must be read."""
    first = midnight(view.settings.first_day, timedelta(0)) + FIRST_DAY_TOLERANCE
    return min(first, view.now - NEGLIGIBLE_GAP)
