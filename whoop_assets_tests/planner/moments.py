"""Facts for tests, told in few words: a member of whom everything is known and read, and what is lacking
then.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from whoop_assets.planner import FetchTask, Plan, PlannerSettings, Reason, plan
from whoop_assets.planner.facts import (
    BudgetFacts,
    CoveredSpan,
    EventFacts,
    Facts,
    KnownCycle,
    KnownSleep,
    MemberFacts,
    StreamCoverage,
    UnreadSpan,
)
from whoop_assets.planner.fetch_tasks import RECORDS
from whoop_assets.records.coverage import Span, subtract
from whoop_assets.whoop_api.scopes import SCOPES
from whoop_assets.whoop_day import utc_bounds

HOUR, MINUTE, ONE_DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
TODAY = NOON.date()
RULES = PlannerSettings(first_day=TODAY - 400 * ONE_DAY, last_day=TODAY)
FIRST = datetime(2025, 7, 1, tzinfo=UTC)

WORKING = EventFacts(100, NOON - 13 * ONE_DAY, NOON - HOUR)

NO_WEBHOOKS = EventFacts()


def at(day: int, hour: float) -> datetime:
    """That hour of today (0), yesterday (-1), ..., UTC."""
    return datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) + day * ONE_DAY + timedelta(hours=hour)


def night(day: int) -> tuple[KnownCycle, KnownSleep]:
    """The night that ends at seven of that day, processed ten minutes later; its cycle closes with the next
    one.
    """
    when = TODAY + day * ONE_DAY
    made = at(day, 7) + 10 * MINUTE
    end = at(day + 1, -1) if day < 0 else None
    return (
        KnownCycle(at(day, -1), end, when, timedelta(0), False, made),
        KnownSleep(at(day, -1), at(day, 7), when, "SCORED", "SCORED", made),
    )


def member(
    user_id: int = 1, *, read_at: datetime = NOON - MINUTE, nights: range = range(-34, 1)
) -> MemberFacts:
    """A member of whom the nights are known, and everything was read at `read_at` but for the far past."""
    known = [night(day) for day in nights]
    read = {
        stream: StreamCoverage(
            FIRST - 40 * ONE_DAY,
            (
                CoveredSpan(FIRST - 40 * ONE_DAY, at(-40, 0), at(-5, 0)),
                CoveredSpan(at(-40, 0), read_at, read_at),
            ),
        )
        for stream in RECORDS
    }
    return MemberFacts(
        user_id=user_id,
        scopes=frozenset(SCOPES),
        connected_at=FIRST,
        first_cycle=FIRST,
        latest_cycle=known[-1][0].start if known else None,
        cycles=tuple(cycle for cycle, _ in known),
        sleeps=tuple(sleep for _, sleep in known),
        read=read,
        last_event_at=NOON - 3 * HOUR,
        profile_read_at=at(0, 1),
        body_read=True,
    )


def facts(
    *members: MemberFacts, now: datetime = NOON, events: EventFacts = WORKING, **budget: object
) -> Facts:
    return Facts(now, members, events, BudgetFacts(**{"per_day": 10_000, **budget}))  # type: ignore[arg-type]


def planned(*members: MemberFacts, rules: PlannerSettings = RULES, **given: object) -> Plan:
    return plan(facts(*members, **given), rules)  # type: ignore[arg-type]


def due(made: Plan) -> dict[Reason, FetchTask]:
    """What is due, of one member."""
    assert len({(one.reason, one.streams) for one in made.due}) == len(made.due)
    return {one.reason: one for one in made.due}


def without(one: MemberFacts, *, sleep: int | None = None, recovery: int | None = None) -> MemberFacts:
    """The member without the sleep, or the recovery, of that day."""
    sleeps = [known for known in one.sleeps if sleep is None or known.day != TODAY + sleep * ONE_DAY]
    if recovery is not None:
        lost = TODAY + recovery * ONE_DAY
        sleeps = [known._replace(recovery_state=None) if known.day == lost else known for known in sleeps]
    return replace(one, sleeps=tuple(sleeps))


def after(one: MemberFacts, reading: FetchTask, now: datetime) -> MemberFacts:
    """The member after a reading that found nothing new: only the ledger has moved on."""
    start, end = utc_bounds(reading.first, reading.last)
    span = Span(start, min(end, now))
    read = dict(one.read)
    for stream in reading.streams:
        if stream not in RECORDS:
            one = replace(one, profile_read_at=now, body_read=True)
            continue
        before = read.get(stream, StreamCoverage(now, ()))
        kept = [
            CoveredSpan(rest.start, rest.end, known.read_at)
            for known in before.spans
            for rest in subtract(Span(known.start, known.end), [span])
        ]
        spans = tuple(sorted([*kept, CoveredSpan(span.start, span.end, now)]))
        holes = tuple(
            UnreadSpan(rest.start, rest.end)
            for hole in before.unread
            for rest in subtract(Span(hole.start, hole.end), [span])
        )
        if before.spans and span.end < before.oldest:
            holes = (UnreadSpan(span.end, before.oldest), *holes)
        read[stream] = StreamCoverage(min(before.oldest, span.start), spans, holes)
    return replace(one, read=read)


def days(reading: FetchTask) -> tuple[date, date]:
    return reading.first, reading.last
