"""Gaps: what must be there and is not. Found in the ledgers, so that without a gap nothing is asked.

Each rule says since when something has been awaited and when it was last looked for, and derives from these two when to
look again (`views.growing`). True gaps, unscorable sleeps and members who have taken the strap off are thereby asked
for ever more rarely, and no longer than `FOLLOWED`; what comes after that is found by re-reading.
"""

from datetime import date, datetime, timedelta
from itertools import pairwise

from whoop_assets.planner.fetch_tasks import BACKFILL, Reading, Reason, on_grid
from whoop_assets.planner.habits import ONE_DAY, Webhooks, next_waking
from whoop_assets.planner.member_view import View, growing, midnight, soonest
from whoop_assets.whoop_day import local_date

LOOK_EVERY, AN_HOUR = timedelta(minutes=5), timedelta(hours=1)
FOLLOWED = timedelta(days=30)
"""So long a gap is asked for by itself."""

SOON = timedelta(hours=3)
"""For so long a night is looked for often, for a sixth of the time it has been awaited; later for as long again."""
OFTEN, LATER = 1 / 6, 1.0

AFTER_WEBHOOKS = timedelta(minutes=45)
"""Where webhooks work they are given so long to bring a night before it is looked for."""

FOLLOW_UP = timedelta(minutes=4)
"""What was read so recently is not read again by a reading that follows from it."""

SILENT = timedelta(hours=30)
"""A member who sleeps once a day is silent for too long when nothing has come for a day and a quarter."""

EVENT_DAYS = timedelta(days=10)
LONGEST_RETRIED = timedelta(days=120)
"""A failed load of more days than that was asked for by somebody, who is told how to take it up."""

ASKED_DAYS = timedelta(days=3)
ASKED_STREAMS = ("cycles", "sleeps", "recoveries")

UNSCORABLE, PENDING = "UNSCORABLE", "PENDING_SCORE"


def gaps(view: View, hooks: Webhooks, *, look_every: timedelta) -> list[Reading]:
    """Every gap of the member, with the time from which on it should be read. `look_every`: LOOK_EVERY, stretched."""
    found = [morning(view, hooks, look_every=look_every)]
    nights = _nights(view, hooks, look_every)
    found += [_joined(view, Reason.RECOVERY, nights, ("sleeps", "recoveries"), and_before=ONE_DAY)]
    found += [_joined(view, Reason.CYCLE, _cycles(view), ("cycles",))]
    found += [asked(view, look_every), forced(view), outage(view, hooks), silence(view, hooks)]
    found += [*_events(view), *_failures(view)]
    return soonest(found)


def morning(view: View, hooks: Webhooks, *, look_every: timedelta) -> Reading | None:
    """The night that a member should have woken from, looked for by one request a time, of cycles alone.

    Cycle, sleep and recovery are made within seconds of each other when WHOOP has processed the night, so the cycle
    tells; `_nights` then asks for the other two. The looking begins at the early end of the member's usual waking
    times, every `look_every`; from the usual time on, a sixth of the lateness is waited where that is longer (three
    hours late: half an hour), and a day at most. A strap left at home costs about 40 requests on the first day, 7 on
    the second, and one a day in the end.
    """
    read = view.frontier("cycles")
    if read is None:
        return None
    waking = next_waking(view)
    begins = waking.usual + AFTER_WEBHOOKS if hooks.working else waking.early
    if read.read_at < begins:
        due = begins
    else:
        due = growing(read.read_at, waking.usual, first=look_every, share=OFTEN, most=ONE_DAY)
    latest = view.latest
    first = max(latest.day if latest is not None else view.today, view.today - ONE_DAY)
    return view.reading(
        Reason.MORNING, {"cycles": on_grid(due, LOOK_EVERY)}, min(first, view.today), view.today
    )


Wanted = tuple[date, datetime]
"""A day, and from when on it should be read."""


def _nights(view: View, hooks: Webhooks, look_every: timedelta) -> list[Wanted]:
    """Cycles without a main sleep, and main sleeps without a recovery or with something pending.

    A sleep that WHOOP calls unscorable has no recovery to wait for; a cycle without a sleep is a day on which the strap
    was off, unless the night is still on its way.
    """
    grace = AFTER_WEBHOOKS if hooks.working else timedelta(0)
    wanted = []
    slept = {sleep.day for sleep in view.facts.sleeps}
    starts = {cycle.day: cycle.start for cycle in view.facts.cycles}
    if "sleeps" in view.streams:
        for cycle in view.facts.cycles:
            if cycle.day not in slept:
                wanted.append(
                    (cycle.day, _again(view, "sleeps", cycle.start, cycle.made_at, grace, look_every))
                )
    if "recoveries" in view.streams:
        for sleep in view.facts.sleeps:
            lacking = sleep.recovery_state is None and sleep.state != UNSCORABLE
            if lacking or PENDING in (sleep.state, sleep.recovery_state):
                place, since = starts.get(sleep.day, sleep.start), max(sleep.end, sleep.made_at)
                wanted.append((sleep.day, _again(view, "recoveries", place, since, grace, look_every)))
    return _followed(view, wanted)


def _again(
    view: View, stream: str, place: datetime, since: datetime, grace: timedelta, look_every: timedelta
) -> datetime:
    """When to ask again for what the stream should hold at that place, awaited since then; not while it is held."""
    since += grace
    read_at = view.read_at(stream, place)
    if read_at is None or read_at < since:
        return max(since, view.held_until(stream))
    share = OFTEN if read_at - since < SOON else LATER
    again = growing(read_at, since, first=look_every, share=share, most=FOLLOWED)
    return max(again, view.held_until(stream))


def _cycles(view: View) -> list[Wanted]:
    """Cycles that must have closed or been scored, and days between two cycles that have none.

    The latest cycle is no gap: `morning` looks for its end.
    """
    wanted = []
    for cycle, following in pairwise(view.facts.cycles):
        if cycle.end is None or cycle.pending:
            since = max(cycle.end or cycle.start, following.made_at)
            due = _again(view, "cycles", cycle.start, since, timedelta(0), LOOK_EVERY)
            wanted.append((cycle.day, due))
        for n in range(1, (following.day - cycle.day).days):
            day = cycle.day + n * ONE_DAY
            place = midnight(day, cycle.offset)
            wanted.append((day, _again(view, "cycles", place, following.made_at, timedelta(0), AN_HOUR)))
    return _followed(view, wanted)


def _followed(view: View, wanted: list[Wanted]) -> list[Wanted]:
    """Without days that are too old, and without those that have no partition: reading another day would not bring theirs."""
    first, last = max(view.today - FOLLOWED, view.rules.first_day), view.rules.last_day
    return [(day, due) for day, due in wanted if first <= day <= last]


def _joined(
    view: View,
    reason: Reason,
    wanted: list[Wanted],
    streams: tuple[str, ...],
    *,
    and_before: timedelta = timedelta(0),
) -> Reading | None:
    """One reading of all the days that are due, or of the day that will be due next.

    `and_before`: that much more before the first. Of the day before a night that was read at noon the afternoon was not, and
    where nothing else re-reads the last days it would be left as a hole, which costs requests of its own.
    """
    if not wanted:
        return None
    soon = min(due for _, due in wanted)
    days = [day for day, due in wanted if due <= max(view.now, soon)]
    first = min(days) - and_before
    return view.reading(reason, dict.fromkeys(streams, soon), first, max(days), since=view.now - FOLLOW_UP)


def asked(view: View, look_every: timedelta) -> Reading | None:
    """The last days of a member whose today a reader has opened while its recovery was stale, a page of each stream.

    What was read since is not read again. A dashboard asks without end, so a night that is not here is looked for no
    oftener than `morning` does by itself, and before the member usually wakes once an hour.
    """
    at = view.facts.asked_at
    # A today without a partition cannot be read, and a reading of the days before would not bring its recovery.
    if at is None or view.today > view.rules.last_day:
        return None
    read = {stream: one.read_at for stream in ASKED_STREAMS if (one := view.frontier(stream)) is not None}
    older = {stream: read_at for stream, read_at in read.items() if read_at < at}
    if not older:
        return None  # or never read: that is for `history`
    last = min(older.values())
    here = any(one.day == view.today and one.recovery_state is not None for one in view.facts.sleeps)
    waking = next_waking(view)
    if here:
        due = at
    elif view.now < waking.early:
        due = last + AN_HOUR
    else:
        due = growing(last, waking.usual, first=look_every, share=OFTEN, most=ONE_DAY)
    return view.reading(
        Reason.ASKED,
        dict.fromkeys(older, max(at, due)),
        view.today - ASKED_DAYS,
        view.today,
        since=view.now - FOLLOW_UP,
    )


def forced(view: View) -> Reading | None:
    """Read the last months again, as the member requested. A load skips what was read since the request."""
    wanted = view.facts.forced
    if wanted is None:
        return None
    due = dict.fromkeys(wanted.streams, wanted.asked_at)
    first, last = wanted.first_day, view.today
    return view.reading(Reason.FORCED, due, first, last, lane=BACKFILL, since=wanted.asked_at)


def outage(view: View, hooks: Webhooks) -> Reading | None:
    """What no webhook could announce while none came to anybody: read once, as soon as they come again.

    While it lasts webhooks count as not working, so that the last days are re-read as often as without them.
    """
    for one in reversed(hooks.outages):
        first = local_date(one.start, view.facts.offset) - ONE_DAY
        missed = {
            stream: one.end
            for stream in view.streams
            if (read_at := view.stalest(stream, first, view.today)) is not None and read_at < one.end
        }
        if missed and view.facts.connected_at < one.end:
            return view.reading(Reason.OUTAGE, missed, first, view.today)
    return None


def silence(view: View, hooks: Webhooks) -> Reading | None:
    """A member of whom webhooks have told nothing for `SILENT`: the last days are read, ever more rarely, for a month."""
    sign = view.sign_of_life()
    if not hooks.working or view.now - sign > FOLLOWED:
        return None
    due = {}
    first = view.today - 3 * ONE_DAY
    for stream in view.streams:
        read_at = view.stalest(stream, first, view.today)
        if read_at is None:
            continue  # never read: that is for `history`
        if read_at < sign + SILENT:
            due[stream] = sign + SILENT
        else:
            due[stream] = growing(read_at, sign, first=SILENT, share=LATER, most=FOLLOWED)
    return view.reading(Reason.SILENCE, due, first, view.today)


def _events(view: View) -> list[Reading | None]:
    """The days of events whose loads failed: each stream once, and done when it was read after the event came."""
    wanted: dict[str, list[date]] = {}
    for event in view.facts.events:
        day = event.day or local_date(event.open_since, view.facts.offset)
        read_at = view.stalest(event.stream, day, day)
        if read_at is None and (newest := view.frontier(event.stream)) is not None:
            read_at = newest.read_at
        # A day without a partition cannot be read; the event itself is tried again by its record's id.
        readable = view.today - day <= EVENT_DAYS and view.rules.first_day <= day <= view.rules.last_day
        if readable and read_at is not None and read_at <= event.open_since:
            wanted.setdefault(event.stream, []).append(day)
    return [
        view.reading(Reason.EVENT, {stream: view.now}, min(days) - ONE_DAY, view.today)
        for stream, days in wanted.items()
        if stream in view.streams
    ]


def _failures(view: View) -> list[Reading | None]:
    """Loads that failed for a reason that may pass, of days that no other rule would read soon."""
    found = []
    for stream in view.streams:
        failed = [
            one
            for one in view.facts.failures
            if one.stream == stream
            and one.transient
            # A reading of other days would not mend it, and it would be asked for for ever.
            and view.rules.first_day <= one.first_day <= one.last_day <= view.rules.last_day
            and one.last_day - one.first_day <= LONGEST_RETRIED
        ]
        if failed:
            newest = max(failed, key=lambda one: one.last_failed_at)
            found.append(
                view.reading(
                    Reason.FAILED,
                    {stream: view.held_until(stream)},
                    newest.first_day,
                    newest.last_day,
                    lane=BACKFILL,
                )
            )
    return found
