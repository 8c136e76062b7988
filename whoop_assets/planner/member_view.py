"""A member as the rules look at it: what may be read, when what was read last, what is held back after a failure."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from whoop_assets.planner.facts import KnownCycle, MemberFacts, Read, StreamRead
from whoop_assets.planner.fetch_tasks import RECORDS, SCHEDULE, Reading, Reason, Rules, pages
from whoop_assets.whoop_api.scopes import allows
from whoop_assets.whoop_day import local_date

_PASSING = (timedelta(minutes=5), timedelta(hours=6))
_LASTING = (timedelta(hours=1), timedelta(days=1))
_NEVER_READ = StreamRead(datetime.max, ())


class View:
    """One member at one moment."""

    def __init__(self, facts: MemberFacts, rules: Rules, now: datetime) -> None:
        self.facts, self.rules, self.now = facts, rules, now
        self.streams = tuple(stream for stream in RECORDS if allows(facts.scopes, stream))
        self._held = _held(facts)

    @property
    def today(self) -> date:
        """The member's local date."""
        return local_date(self.now, self.facts.offset)

    @property
    def latest(self) -> KnownCycle | None:
        """The latest cycle, if it is not weeks old."""
        return self.facts.cycles[-1] if self.facts.cycles else None

    def sign_of_life(self) -> datetime:
        """The last that is known of the member: the connection, an event, a cycle's start, a sleep's end."""
        signs = [self.facts.connected_at]
        signs += [sleep.end for sleep in self.facts.sleeps[-1:]]
        signs += [at for at in (self.facts.last_event_at, self.facts.latest_cycle) if at is not None]
        return min(max(signs), self.now)

    def spans(self, stream: str) -> tuple[Read, ...]:
        return self.facts.read.get(stream, _NEVER_READ).spans

    def read_at(self, stream: str, instant: datetime) -> datetime | None:
        """When the span that holds the instant was read; None: never."""
        spans = self.spans(stream)
        place = bisect_right(spans, instant, key=lambda one: one.start) - 1
        return spans[place].read_at if place >= 0 and instant < spans[place].end else None

    def stalest(self, stream: str, first: date, last: date) -> datetime | None:
        """Of the days first..last, when that one was read that was read longest ago; None: none of them ever was.

        Looked for at the starts of the days' cycles, which a reading of these days always covers: where it begins and
        ends beside them depends on the neighbouring cycles. A day that was never read does not count: if it is new it
        has not been missed, and if it is old it is for `history`. Nor does a day before the first partition: records of
        one may be here, but no reading of days that have a partition would renew it.
        """
        first, last = max(first, self.rules.first_day), min(last, self.rules.last_day)
        spans, place, found = self.spans(stream), 0, None
        for cycle in self.facts.cycles:
            if not first <= cycle.day <= last:
                continue
            while place < len(spans) and spans[place].end <= cycle.start:
                place += 1
            if place < len(spans) and spans[place].start <= cycle.start:
                at = spans[place].read_at
                found = at if found is None or at < found else found
        return found

    def frontier(self, stream: str) -> Read | None:
        """The newest span that was read."""
        spans = self.spans(stream)
        return spans[-1] if spans else None

    def held_until(self, stream: str) -> datetime:
        """Until when the stream is left alone because loads of it fail."""
        return self._held.get(stream, datetime.min.replace(tzinfo=UTC))

    def reading(
        self,
        reason: Reason,
        due: dict[str, datetime],
        first: date,
        last: date,
        *,
        lane: str = SCHEDULE,
        since: datetime | None = None,
    ) -> Reading | None:
        """A reading of those streams that are due together; `due`: stream -> from when on.

        None when there is no such stream or no such day: a day without a partition waits until it has one.
        """
        first, last = max(first, self.rules.first_day), min(last, self.rules.last_day)
        open_to_us = {
            stream: max(moment, self.held_until(stream))
            for stream, moment in due.items()
            if allows(self.facts.scopes, stream)
        }
        if not open_to_us or first > last:
            return None
        soonest = min(open_to_us.values())
        streams = tuple(name for name, moment in open_to_us.items() if moment <= max(self.now, soonest))
        return Reading(
            self.facts.user_id,
            streams,
            first,
            last,
            lane,
            reason,
            soonest,
            pages(streams, (last - first).days + 1),
            self.now if since is None else since,
        )


def growing(
    read_at: datetime, since: datetime, *, first: timedelta, share: float, most: timedelta
) -> datetime:
    """When to ask again for what was awaited since then and was not there at `read_at`.

    The delay is a share of how long it had been awaited, between `first` and `most`: the delays grow by a constant
    factor of 1 + share, so that n days of waiting cost a number of readings that grows with log n, without any
    counter having to be kept.
    """
    return read_at + min(most, max(first, (read_at - since) * share))


def _held(facts: MemberFacts) -> dict[str, datetime]:
    """Stream -> until when: as long again as it has been failing, within limits that depend on whether it may pass."""
    held: dict[str, datetime] = {}
    for stream in {failure.stream for failure in facts.failures}:
        of_it = [failure for failure in facts.failures if failure.stream == stream]
        last = max(of_it, key=lambda failure: failure.last_failed_at)
        least, most = _PASSING if last.transient else _LASTING
        failing = last.last_failed_at - min(failure.first_failed_at for failure in of_it)
        held[stream] = last.last_failed_at + min(most, max(least, failing))
    return held


def soonest(readings: Iterable[Reading | None]) -> list[Reading]:
    """Those that there are."""
    return [reading for reading in readings if reading is not None]


def midnight(day: date, offset: timedelta) -> datetime:
    """When the day begins for somebody whose clock is `offset` ahead of UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) - offset
