"""The day rule: which WHOOP day a record belongs to.

A WHOOP day is the date that the member would name. It begins with a night: day 2026-11-20 contains the sleep
that ended on the morning of the 20th, that sleep's recovery, the cycle that the sleep started, and all
activity until the next sleep.

1. A cycle belongs to the local date of its start + 12 hours. "Local" uses the cycle's own offset. Two
   examples: a cycle that starts at 23:10 on the 19th belongs to the 20th (23:10 + 12 h is 11:10 on the 20th),
   and one that starts at 01:30 on the 20th belongs to the 20th too. Of 2,444 real cycles, this rule gives 5
   dates two cycles; the local date of the start itself gives 264 dates two cycles.
2. A sleep or recovery belongs to the day of the cycle that its `cycle_id` names. A workout belongs to the day
   of the cycle that contains its start.
3. If that cycle is not known: a main sleep belongs to the local date of its start + 12 h, a nap or workout to
   its local date. Local then means the offset of the member's nearest known cycle, or the record's own offset
   if no cycle is known. A recovery belongs to its sleep's day, or to the local date of its creation if the
   sleep is not known either.

The record's own offset comes last because WHOOP often reports a member's present offset in old sleeps and
workouts. This module only computes. `records.day_assignment` applies it in the transaction that stores the
records.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate

HALF_A_DAY = timedelta(hours=12)
EASTERNMOST = timedelta(hours=14)
WESTERNMOST = timedelta(hours=-12)

MAX_ONSET_DELAY = timedelta(hours=3)
"""How long after the start of a cycle its main sleep may begin. In 346 of 346 recorded cycles both begin at
the same time. The earliest nap in a recorded export began 5.4 hours after the start of its cycle."""

_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")


def parse_offset(text: str) -> timedelta:
    """Parse an offset from UTC: `+hh:mm`, `-hh:mm` or `Z`. Raises ValueError for anything else."""
    if text == "Z":
        return timedelta(0)
    match = _OFFSET.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an offset of the form +hh:mm, -hh:mm or Z.")
    sign, hours, minutes = match.groups()
    size = timedelta(hours=int(hours), minutes=int(minutes))
    return size if sign == "+" else -size


def local_date(instant: datetime, offset: timedelta) -> date:
    """Return the calendar date at that time in a zone that is `offset` ahead of UTC."""
    return (instant.astimezone(UTC) + offset).date()


def cycle_day(start: datetime, offset: timedelta) -> date:
    """Return the WHOOP day of a cycle: the local date of start + 12 h.

    Also gives the day of a main sleep without a known cycle.
    """
    return local_date(start, offset + HALF_A_DAY)


def begins_as_nap(cycle_start: datetime, onset: datetime) -> bool:
    """Return whether a sleep without a nap flag is a nap.

    A nap begins more than `MAX_ONSET_DELAY` after its cycle.
    """
    return onset - cycle_start > MAX_ONSET_DELAY


def utc_bounds(first: date, last: date) -> tuple[datetime, datetime]:
    """Return the half-open UTC range in which every cycle of the days first..last starts, in any time zone.

    A cycle of day D starts locally in [D-1 12:00, D 12:00). Local time is UTC-12 to UTC+14.
    """
    noon_before = datetime(first.year, first.month, first.day, tzinfo=UTC) - HALF_A_DAY
    noon_of_last = datetime(last.year, last.month, last.day, tzinfo=UTC) + HALF_A_DAY
    return noon_before - EASTERNMOST, noon_of_last - WESTERNMOST


@dataclass(frozen=True, slots=True)
class CalendarCycle:
    """A cycle in the calendar.

    Attributes:
        id: WHOOP's cycle id.
        start: Begin, aware.
        end: End, aware; None while the cycle is open.
        offset: The cycle's own offset from UTC.
        day: Its WHOOP day.
    """

    id: int
    start: datetime
    end: datetime | None
    offset: timedelta
    day: date = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "day", cycle_day(self.start, self.offset))


class Calendar:
    """One member's cycles. They determine the days of all other records.

    A cycle without an end counts until the next one starts, because an open cycle may have been read before
    its successor began.
    """

    def __init__(self, cycles: Iterable[CalendarCycle]) -> None:
        self._cycles: Sequence[CalendarCycle] = sorted(cycles, key=lambda cycle: (cycle.start, cycle.id))
        self._starts = [cycle.start for cycle in self._cycles]
        self._by_id = {cycle.id: cycle for cycle in self._cycles}
        # The latest end of all cycles up to and including this one. Cycles can overlap.
        self._latest_ends = list(accumulate((end for _, end in self.spans()), max))

    def __len__(self) -> int:
        return len(self._cycles)

    @property
    def cycles(self) -> Sequence[CalendarCycle]:
        """All cycles, by start."""
        return self._cycles

    def spans(self) -> Iterator[tuple[CalendarCycle, datetime]]:
        """Yield each cycle with its end (see `end_of`)."""
        for index, cycle in enumerate(self._cycles):
            yield cycle, self.end_of(index)

    def by_id(self, cycle_id: int) -> CalendarCycle | None:
        """Return the cycle with that id; None if it is not known."""
        return self._by_id.get(cycle_id)

    def end_of(self, index: int) -> datetime:
        """Return the end of the cycle at this index.

        Its own, else the next one's start, else the maximum time.
        """
        end = self._cycles[index].end
        if end is not None:
            return end
        if index + 1 < len(self._cycles):
            return self._cycles[index + 1].start
        return datetime.max.replace(tzinfo=UTC)

    def containing(self, instant: datetime) -> CalendarCycle | None:
        """Return the cycle with start <= instant < end; the latest one if there are several."""
        index = bisect_right(self._starts, instant) - 1
        while index >= 0 and self._latest_ends[index] > instant:
            if self.end_of(index) > instant:
                return self._cycles[index]
            index -= 1
        return None

    def nearest(self, instant: datetime) -> CalendarCycle | None:
        """Return the cycle with the smallest distance from the instant.

        The earlier one if equal; None without cycles.
        """
        inside = self.containing(instant)
        if inside is not None:
            return inside
        after = bisect_right(self._starts, instant)
        best: CalendarCycle | None = None
        distance = timedelta.max
        # Cycles can overlap, so the latest start need not have the latest end. Go back while a nearer end is
        # possible.
        for index in range(after - 1, -1, -1):
            if instant - self._latest_ends[index] > distance:
                break
            gap = instant - self.end_of(index)
            if gap < distance or (gap == distance and best is not None):
                best, distance = self._cycles[index], gap
        if after < len(self._cycles) and self._starts[after] - instant < distance:
            best = self._cycles[after]
        return best

    def neighbours(
        self, low: datetime, high: datetime, *, without: frozenset[int]
    ) -> tuple[datetime | None, datetime | None]:
        """Return the start of the last cycle before `low`, and of the first cycle from `high` on.

        Args:
            low: Lower limit.
            high: Upper limit.
            without: Cycle ids to ignore.

        Returns:
            Both starts; None where there is no such cycle.
        """
        others = [cycle.start for cycle in self._cycles if cycle.id not in without]
        before = bisect_left(others, low)
        after = bisect_left(others, high)
        return (others[before - 1] if before else None), (others[after] if after < len(others) else None)

    def sleep_day(self, *, cycle_id: int | None, start: datetime, nap: bool, own_offset: timedelta) -> date:
        """Return the day of a sleep: its cycle's, else by start + 12 h (main sleep) or local date (nap)."""
        cycle = self._by_id.get(cycle_id) if cycle_id is not None else None
        if cycle is not None:
            return cycle.day
        offset = self._offset_near(start, own_offset)
        return local_date(start, offset) if nap else cycle_day(start, offset)

    def workout_day(self, *, start: datetime, own_offset: timedelta) -> date:
        """Return the day of a workout: of the cycle that contains its start, else its local date."""
        cycle = self.containing(start)
        if cycle is not None:
            return cycle.day
        return local_date(start, self._offset_near(start, own_offset))

    def recovery_day(self, *, cycle_id: int, sleep_day: date | None, created_at: datetime) -> date:
        """Return the day of a recovery: its cycle's, else its sleep's, else the local date of its creation.

        WHOOP creates a recovery minutes after waking, so the creation date is the day of waking too.
        """
        cycle = self._by_id.get(cycle_id)
        if cycle is not None:
            return cycle.day
        if sleep_day is not None:
            return sleep_day
        return local_date(created_at, self._offset_near(created_at, timedelta(0)))

    def _offset_near(self, instant: datetime, own_offset: timedelta) -> timedelta:
        nearest = self.nearest(instant)
        return own_offset if nearest is None else nearest.offset
