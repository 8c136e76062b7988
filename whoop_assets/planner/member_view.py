"""One member at one moment, as the rules look at it."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from whoop_assets.planner.facts import CoveredSpan, KnownCycle, MemberFacts, StreamCoverage
from whoop_assets.planner.fetch_tasks import PlannerSettings
from whoop_assets.whoop_api.scopes import allows
from whoop_assets.whoop_api.streams import STREAMS
from whoop_assets.whoop_day import local_date

ONE_DAY = timedelta(days=1)
_TRANSIENT_RETRY_LIMITS = (timedelta(minutes=5), timedelta(hours=6))
_PERMANENT_RETRY_LIMITS = (timedelta(hours=1), ONE_DAY)
_NEVER_READ = StreamCoverage(datetime.max, ())


@dataclass(frozen=True, slots=True)
class Wanted:
    """Streams that a rule wants to read, each with its due time, for the days first..last.

    Spans that were read completely at or after `since` are skipped; None stands for now.
    """

    due: dict[str, datetime]
    first: date
    last: date
    since: datetime | None = None


class MemberView:
    """One member at one moment."""

    def __init__(self, facts: MemberFacts, settings: PlannerSettings, now: datetime) -> None:
        self.facts, self.settings, self.now = facts, settings, now
        self.streams = tuple(stream for stream in STREAMS if allows(facts.scopes, stream))
        self._blocked = _blocked(facts)

    @property
    def today(self) -> date:
        """The member's local date."""
        return local_date(self.now, self.facts.offset)

    @property
    def latest(self) -> KnownCycle | None:
        """The latest cycle within `RECENT`."""
        return self.facts.cycles[-1] if self.facts.cycles else None

    def last_activity(self) -> datetime:
        """Returns the latest of connection, webhook event, cycle start and sleep end."""
        times = [self.facts.connected_at]
        times += [sleep.end for sleep in self.facts.sleeps[-1:]]
        times += [at for at in (self.facts.last_event_at, self.facts.latest_cycle) if at is not None]
        return min(max(times), self.now)

    def spans(self, stream: str) -> tuple[CoveredSpan, ...]:
        """Returns the covered spans of the stream, oldest first."""
        return self.facts.read.get(stream, _NEVER_READ).spans

    def read_at(self, stream: str, instant: datetime) -> datetime | None:
        """Returns when the span around the instant was read; None if it never was."""
        spans = self.spans(stream)
        place = bisect_right(spans, instant, key=lambda span: span.start) - 1
        return spans[place].read_at if place >= 0 and instant < spans[place].end else None

    def stalest(self, stream: str, first: date, last: date) -> datetime | None:
        """Returns the oldest read among the days first..last; None if none of them was read.

        A day counts with the start of its cycle, which every read of the day covers. Unread days do not
        count: they are new, or belong to the history. Days before the first partition do not count, because
        no task reads them.
        """
        first, last = max(first, self.settings.first_day), min(last, self.settings.last_day)
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

    def newest_span(self, stream: str) -> CoveredSpan | None:
        """Returns the covered span that ends last."""
        spans = self.spans(stream)
        return spans[-1] if spans else None

    def blocked_until(self, stream: str) -> datetime:
        """Returns until when the stream is not read, because its loads fail."""
        return self._blocked.get(stream, datetime.min.replace(tzinfo=UTC))


def growing_interval(
    read_at: datetime, since: datetime, *, minimum: timedelta, share: float, maximum: timedelta
) -> datetime:
    """Returns when to look again for something that is missing.

    The interval is a share of the time from `since` to the last look at `read_at`. The looks become rarer by
    a constant factor, without a counter.
    """
    return read_at + min(maximum, max(minimum, (read_at - since) * share))


def _blocked(facts: MemberFacts) -> dict[str, datetime]:
    """Waits as long as the stream has been failing, within limits."""
    blocked: dict[str, datetime] = {}
    for stream in {failure.stream for failure in facts.failures}:
        failures = [failure for failure in facts.failures if failure.stream == stream]
        last = max(failures, key=lambda failure: failure.last_failed_at)
        minimum, maximum = _TRANSIENT_RETRY_LIMITS if last.transient else _PERMANENT_RETRY_LIMITS
        failing = last.last_failed_at - min(failure.first_failed_at for failure in failures)
        blocked[stream] = last.last_failed_at + min(maximum, max(minimum, failing))
    return blocked


def midnight(day: date, offset: timedelta) -> datetime:
    """Returns the beginning of the day in a time zone `offset` ahead of UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) - offset
