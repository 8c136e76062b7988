"""Decides whether a day of a stream was read completely, so that a missing record is absent and not unknown.

A day lasts from the start of its first cycle to the end of its last one. A day without a cycle lasts from
local midnight to local midnight, without the time of neighbouring cycles. The day rule assigns records in the
same way.
"""

from bisect import bisect_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, or_, select

from whoop_assets.records.coverage import Span
from whoop_assets.records.day_assignment import offset_of
from whoop_assets.records.tables import coverage, cycles
from whoop_assets.whoop_api.streams import STREAMS

NEGLIGIBLE_GAP = timedelta(hours=1)
"""Covered spans with at most this gap count as one.

Two loads meet at the start of a cycle, and an edit can move that.
"""

ONE_DAY = timedelta(days=1)
MARGIN = 3 * ONE_DAY
"""How far around the days cycles are read: a day without a cycle ends where its neighbours begin."""

MemberDay = tuple[int, date]


@dataclass(frozen=True, slots=True)
class DayCycle:
    """Day and times of a stored cycle. `end` is None while the cycle is open."""

    day: date
    start: datetime
    end: datetime | None
    offset: timedelta


def read_days(
    connection: Connection, days: Collection[MemberDay], streams: Iterable[str] = STREAMS
) -> dict[str, set[MemberDay]]:
    """Return stream -> the member-days among `days` that were read completely, by the coverage ledger."""
    wanted = tuple(streams)
    found: dict[str, set[MemberDay]] = {stream: set() for stream in wanted}
    by_member: dict[int, list[date]] = {}
    for user_id, day in days:
        by_member.setdefault(user_id, []).append(day)
    if not by_member:
        return found
    known = _cycles(connection, by_member)
    covered = _covered(connection, by_member, wanted)
    for user_id, member_days in by_member.items():
        calendar = known.get(user_id, [])
        for day, span in spans_of(member_days, calendar).items():
            for stream in wanted:
                if _holds(covered.get((user_id, stream), []), span):
                    found[stream].add((user_id, day))
    return found


def spans_of(days: Iterable[date], calendar: list[DayCycle]) -> dict[date, tuple[datetime, datetime | None]]:
    """Return start and end of each day. The end is None if the day's last cycle is the latest one and open.

    Args:
        days: WHOOP days of one member.
        calendar: The member's cycles around these days, by start.
    """
    of_day: dict[date, list[int]] = {}
    for place, cycle in enumerate(calendar):
        of_day.setdefault(cycle.day, []).append(place)
    return {
        day: _span_of_cycles(of_day[day], calendar) if day in of_day else _span_between(day, calendar)
        for day in days
    }


def _span_of_cycles(places: list[int], calendar: list[DayCycle]) -> tuple[datetime, datetime | None]:
    ends = [_end(place, calendar) for place in places]
    closed = [end for end in ends if end is not None]
    return calendar[places[0]].start, (max(closed) if len(closed) == len(ends) else None)


def _end(place: int, calendar: list[DayCycle]) -> datetime | None:
    """Return the cycle's own end, else the start of the next one, else None."""
    end = calendar[place].end
    if end is None and place + 1 < len(calendar):
        return calendar[place + 1].start
    return end


def _span_between(day: date, calendar: list[DayCycle]) -> tuple[datetime, datetime | None]:
    before = [place for place, cycle in enumerate(calendar) if cycle.day < day]
    after = [cycle for cycle in calendar if cycle.day > day]
    nearest = calendar[before[-1]] if before else (after[0] if after else None)
    offset = timedelta(0) if nearest is None else nearest.offset
    start = datetime.combine(day, time(), UTC) - offset
    end = start + ONE_DAY
    if before:
        start = max([start, *(e for place in before if (e := _end(place, calendar)) is not None)])
    if after:
        end = min(end, after[0].start)
    return start, max(start, end)


def _holds(spans: list[Span], span: tuple[datetime, datetime | None]) -> bool:
    start, end = span
    place = bisect_right(spans, start, key=lambda span: span.start) - 1
    if place < 0:
        return False
    return start < spans[place].end if end is None else end <= spans[place].end


def _cycles(connection: Connection, by_member: dict[int, list[date]]) -> dict[int, list[DayCycle]]:
    c = cycles.c
    first = min(min(days) for days in by_member.values())
    last = max(max(days) for days in by_member.values())
    query = select(c.user_id, c.day, c.start_time, c.end_time, c.timezone_offset).where(
        c.user_id.in_(list(by_member)),
        c.day.between(moved(first, -MARGIN), moved(last, MARGIN)),
        c.deleted_at.is_(None),
    )
    found: dict[int, list[DayCycle]] = {}
    for user_id, day, start, end, offset in connection.execute(query.order_by(c.start_time, c.id)):
        found.setdefault(user_id, []).append(DayCycle(day, start, end, offset_of(offset)))
    return found


def moved(day: date, by: timedelta) -> date:
    """Return the day shifted by `by`, limited to the range of `date`."""
    try:
        return day + by
    except OverflowError:
        return date.min if by < timedelta(0) else date.max


def _covered(
    connection: Connection, members: Collection[int], streams: Collection[str]
) -> dict[tuple[int, str], list[Span]]:
    """Return (member, stream) -> covered spans by start. Spans with a negligible gap are merged."""
    c = coverage.c
    query = select(c.user_id, c.stream, c.start_time, c.end_time).where(
        c.user_id.in_(list(members)), c.stream.in_(list(streams))
    )
    found: dict[tuple[int, str], list[Span]] = {}
    for user_id, stream, start, end in connection.execute(query.order_by(c.start_time)):
        spans = found.setdefault((user_id, stream), [])
        if spans and start - spans[-1].end <= NEGLIGIBLE_GAP:
            spans[-1] = Span(spans[-1].start, max(spans[-1].end, end))
        else:
            spans.append(Span(start, end))
    return found


def days_touching(connection: Connection, user_id: int, span: Span) -> set[MemberDay]:
    """Return the member's days that have a cycle in the span."""
    c = cycles.c
    query = (
        select(c.day)
        .where(
            c.user_id == user_id,
            c.deleted_at.is_(None),
            c.start_time < span.end,
            or_(c.end_time.is_(None), c.end_time > span.start),
        )
        .distinct()
    )
    return {(user_id, day) for day in connection.scalars(query)}
