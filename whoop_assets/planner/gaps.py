"""Rules for missing data. They use the ledgers, so that complete data costs no request.

Each rule knows since when something is missing and when it was last looked for. From both it derives when to
look again (`growing_interval`). Data that WHOOP does not have is therefore requested more and more rarely,
and no longer than `MAX_GAP_AGE`. Later corrections are found by reading known days again.
"""

from datetime import date, datetime, timedelta
from itertools import pairwise

from whoop_assets.planner.fetch_tasks import on_grid
from whoop_assets.planner.member_view import ONE_DAY, MemberView, Wanted, growing_interval, midnight
from whoop_assets.planner.pace import LOOK_EVERY, Pace
from whoop_assets.planner.waking import next_waking
from whoop_assets.whoop_api.streams import CYCLES, RECOVERIES, SLEEPS
from whoop_assets.whoop_day import local_date

HOUR = timedelta(hours=1)
MAX_GAP_AGE = timedelta(days=30)

FREQUENT_FOR = timedelta(hours=3)
"""During this time a night is looked for after a sixth of the time since it is missing, later after the same
time.
"""
FREQUENT_SHARE, RARE_SHARE = 1 / 6, 1.0

WEBHOOK_GRACE = timedelta(minutes=45)
"""Working webhooks get this time to announce a night before it is looked for."""

MIN_REREAD_AGE = timedelta(minutes=4)
"""A task skips spans that were read within this time."""

MAX_EVENT_AGE = timedelta(days=10)
MAX_RETRIED_SPAN = timedelta(days=120)
"""A failed load of more days was started by a person, who got an error message."""

ASKED_DAYS = timedelta(days=3)
ASKED_STREAMS = (CYCLES.name, SLEEPS.name, RECOVERIES.name)

UNSCORABLE, PENDING = "UNSCORABLE", "PENDING_SCORE"


def morning(view: MemberView, pace: Pace) -> list[Wanted]:
    """Looks for the cycle of a night that should have ended, with one request per look.

    WHOOP creates cycle, sleep and recovery within seconds when it has processed the night. The rule `nights`
    then requests the other two. Looks start at the early end of the member's waking times, every
    `LOOK_EVERY`. From the usual time on, the interval is at least a sixth of the lateness, and at most a day.
    A strap left at home costs about 40 requests on the first day, 7 on the second, and at last one per day.
    """
    span = view.newest_span("cycles")
    if span is None:
        return []
    waking = next_waking(view)
    begin = waking.usual + WEBHOOK_GRACE if pace.webhooks else waking.early
    if span.read_at < begin:
        due = begin
    else:
        due = growing_interval(
            span.read_at, waking.usual, minimum=pace.look_every, share=FREQUENT_SHARE, maximum=ONE_DAY
        )
    first = max(view.latest.day if view.latest is not None else view.today, view.today - ONE_DAY)
    return [Wanted({"cycles": on_grid(due, LOOK_EVERY)}, min(first, view.today), view.today)]


Day = tuple[date, datetime]
"""A day and when to read it."""


def nights(view: MemberView, pace: Pace) -> list[Wanted]:
    """Requests missing main sleeps, and missing or unscored recoveries.

    An unscorable sleep has no recovery. A cycle without a sleep is a day without the strap, or the night is
    late.
    """
    days = []
    slept = {sleep.day for sleep in view.facts.sleeps}
    starts = {cycle.day: cycle.start for cycle in view.facts.cycles}
    if "sleeps" in view.streams:
        for cycle in view.facts.cycles:
            if cycle.day not in slept:
                days.append((cycle.day, _look_again(view, pace, "sleeps", cycle.start, cycle.made_at)))
    if "recoveries" in view.streams:
        for sleep in view.facts.sleeps:
            missing = sleep.recovery_state is None and sleep.state != UNSCORABLE
            if missing or PENDING in (sleep.state, sleep.recovery_state):
                place, since = starts.get(sleep.day, sleep.start), max(sleep.end, sleep.made_at)
                days.append((sleep.day, _look_again(view, pace, "recoveries", place, since)))
    # A read at noon leaves the afternoon of the day before unread; one more day closes that gap at no extra
    # page.
    return _combined(view, days, ("sleeps", "recoveries"), days_before=ONE_DAY)


def _look_again(view: MemberView, pace: Pace, stream: str, place: datetime, since: datetime) -> datetime:
    since += WEBHOOK_GRACE if pace.webhooks else timedelta(0)
    return _next_look(view, stream, place, since, pace.look_every)


def _next_look(
    view: MemberView, stream: str, place: datetime, since: datetime, minimum: timedelta
) -> datetime:
    """Returns when to look again for data at that place, which is missing since then."""
    read_at = view.read_at(stream, place)
    if read_at is None or read_at < since:
        return max(since, view.blocked_until(stream))
    share = FREQUENT_SHARE if read_at - since < FREQUENT_FOR else RARE_SHARE
    again = growing_interval(read_at, since, minimum=minimum, share=share, maximum=MAX_GAP_AGE)
    return max(again, view.blocked_until(stream))


def cycles(view: MemberView, pace: Pace) -> list[Wanted]:
    """Requests cycles that should be closed or scored, and days without a cycle between two others.

    The latest cycle is left to `morning`.
    """
    days = []
    for cycle, following in pairwise(view.facts.cycles):
        if cycle.end is None or cycle.pending:
            since = max(cycle.end or cycle.start, following.made_at)
            days.append((cycle.day, _next_look(view, "cycles", cycle.start, since, LOOK_EVERY)))
        for n in range(1, (following.day - cycle.day).days):
            day = cycle.day + n * ONE_DAY
            place = midnight(day, cycle.offset)
            days.append((day, _next_look(view, "cycles", place, following.made_at, HOUR)))
    return _combined(view, days, ("cycles",))


def _combined(
    view: MemberView, days: list[Day], streams: tuple[str, ...], *, days_before: timedelta = timedelta(0)
) -> list[Wanted]:
    """Combines all due days into one range, or takes the day that is due next.

    Days without a partition and days older than `MAX_GAP_AGE` are dropped.
    """
    oldest, newest = max(view.today - MAX_GAP_AGE, view.settings.first_day), view.settings.last_day
    days = [(day, due) for day, due in days if oldest <= day <= newest]
    if not days:
        return []
    soonest = min(due for _, due in days)
    ready = [day for day, due in days if due <= max(view.now, soonest)]
    due = dict.fromkeys(streams, soonest)
    return [Wanted(due, min(ready) - days_before, max(ready), view.now - MIN_REREAD_AGE)]


def asked(view: MemberView, pace: Pace) -> list[Wanted]:
    """Reads a member's last days after a reader of the daily API opened today with a stale recovery.

    Dashboards poll, so a missing night is not looked for more often than `morning` does, and before the usual
    waking once per hour.
    """
    at = view.facts.asked_at
    # Without a partition for today, a read of the days before would not return today's recovery.
    if at is None or view.today > view.settings.last_day:
        return []
    read = {
        stream: span.read_at for stream in ASKED_STREAMS if (span := view.newest_span(stream)) is not None
    }
    older = {stream: read_at for stream, read_at in read.items() if read_at < at}
    if not older:
        return []
    last = min(older.values())
    waking = next_waking(view)
    if any(sleep.day == view.today and sleep.recovery_state is not None for sleep in view.facts.sleeps):
        due = at
    elif view.now < waking.early:
        due = last + HOUR
    else:
        due = growing_interval(
            last, waking.usual, minimum=pace.look_every, share=FREQUENT_SHARE, maximum=ONE_DAY
        )
    streams = dict.fromkeys(older, max(at, due))
    return [Wanted(streams, view.today - ASKED_DAYS, view.today, view.now - MIN_REREAD_AGE)]


def forced(view: MemberView, pace: Pace) -> list[Wanted]:
    """Reads the last months again, as the member requested on the web page.

    A load skips the spans that were read since the request.
    """
    request = view.facts.forced
    if request is None:
        return []
    due = dict.fromkeys(request.streams, request.asked_at)
    return [Wanted(due, request.first_day, view.today, since=request.asked_at)]


def failed_events(view: MemberView, pace: Pace) -> list[Wanted]:
    """Reads the days of failed webhook events, unless they were read after the event."""
    days_of: dict[str, list[date]] = {}
    for event in view.facts.events:
        day = event.day or local_date(event.open_since, view.facts.offset)
        read_at = view.stalest(event.stream, day, day)
        if read_at is None and (span := view.newest_span(event.stream)) is not None:
            read_at = span.read_at
        # A day without a partition cannot be read. The inbox retries the event by the id of its record.
        readable = view.settings.first_day <= day <= view.settings.last_day
        recent = view.today - day <= MAX_EVENT_AGE
        if readable and recent and read_at is not None and read_at <= event.open_since:
            days_of.setdefault(event.stream, []).append(day)
    return [
        Wanted({stream: view.now}, min(days) - ONE_DAY, view.today)
        for stream, days in days_of.items()
        if stream in view.streams
    ]


def failed_loads(view: MemberView, pace: Pace) -> list[Wanted]:
    """Repeats loads that failed for a transient reason."""
    found = []
    for stream in view.streams:
        failures = [
            failure
            for failure in view.facts.failures
            if failure.stream == stream
            and failure.transient
            # A task cannot read days without a partition, so it would not end the failure.
            and view.settings.first_day <= failure.first_day <= failure.last_day <= view.settings.last_day
            and failure.last_day - failure.first_day <= MAX_RETRIED_SPAN
        ]
        if failures:
            newest = max(failures, key=lambda failure: failure.last_failed_at)
            found.append(Wanted({stream: view.blocked_until(stream)}, newest.first_day, newest.last_day))
    return found
