"""Builds the planner's input for tests: a member with complete data, and changes to that member."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from whoop_assets.planner import FetchTask, Plan, PlannerSettings, Reason
from whoop_assets.planner import plan as make_plan
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
from whoop_assets.records.coverage import Span, subtract
from whoop_assets.whoop_api.scopes import SCOPES
from whoop_assets.whoop_api.streams import STREAMS
from whoop_assets.whoop_day import utc_bounds

HOUR, MINUTE, ONE_DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
REREADING = (Reason.RECENT, Reason.MONTH, Reason.ALL)
"""Tasks that read known days again."""

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
TODAY = NOON.date()
SETTINGS = PlannerSettings(first_day=TODAY - 400 * ONE_DAY, last_day=TODAY)
FIRST = datetime(2025, 7, 1, tzinfo=UTC)

WORKING_WEBHOOKS = EventFacts(100, NOON - 13 * ONE_DAY, NOON - HOUR)

NO_WEBHOOKS = EventFacts()


def at(day: int, hour: float) -> datetime:
    """Returns the UTC time of an hour on a day; `day` is relative to today."""
    return datetime(TODAY.year, TODAY.month, TODAY.day, tzinfo=UTC) + day * ONE_DAY + timedelta(hours=hour)


def night(day: int) -> tuple[KnownCycle, KnownSleep]:
    """Returns a night's cycle and sleep: 23:00 to 07:00 UTC, created ten minutes after waking.

    The next night closes the cycle.
    """
    when = TODAY + day * ONE_DAY
    made_at = at(day, 7) + 10 * MINUTE
    end = at(day + 1, -1) if day < 0 else None
    return (
        KnownCycle(at(day, -1), end, when, timedelta(0), False, made_at),
        KnownSleep(at(day, -1), at(day, 7), when, "SCORED", "SCORED", made_at),
    )


def member_facts(
    user_id: int = 1, *, read_at: datetime = NOON - MINUTE, nights: range = range(-34, 1)
) -> MemberFacts:
    """Returns a member with stored nights; the last 40 days were read at `read_at`."""
    known = [night(day) for day in nights]
    read = {
        stream: StreamCoverage(
            FIRST - 40 * ONE_DAY,
            (
                CoveredSpan(FIRST - 40 * ONE_DAY, at(-40, 0), at(-5, 0)),
                CoveredSpan(at(-40, 0), read_at, read_at),
            ),
        )
        for stream in STREAMS
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
    *members: MemberFacts, now: datetime = NOON, events: EventFacts = WORKING_WEBHOOKS, **budget: object
) -> Facts:
    return Facts(now, members, events, BudgetFacts(**{"per_day": 10_000, **budget}))  # type: ignore[arg-type]


def plan_for(*members: MemberFacts, settings: PlannerSettings = SETTINGS, **given: object) -> Plan:
    return make_plan(facts(*members, **given), settings)  # type: ignore[arg-type]


def due_by_reason(plan: Plan) -> dict[Reason, FetchTask]:
    """Returns the due tasks of a plan for one member; each reason has at most one."""
    assert len({(task.reason, task.streams) for task in plan.due}) == len(plan.due)
    return {task.reason: task for task in plan.due}


def without_night(
    member: MemberFacts, *, sleep: int | None = None, recovery: int | None = None
) -> MemberFacts:
    """Returns the member without the sleep or without the recovery of a day; days are relative to today."""
    sleeps = [known for known in member.sleeps if sleep is None or known.day != TODAY + sleep * ONE_DAY]
    if recovery is not None:
        missing = TODAY + recovery * ONE_DAY
        sleeps = [known._replace(recovery_state=None) if known.day == missing else known for known in sleeps]
    return replace(member, sleeps=tuple(sleeps))


def after_task(member: MemberFacts, task: FetchTask, now: datetime) -> MemberFacts:
    """Returns the member after a task that found nothing new: only the coverage changes."""
    start, end = utc_bounds(task.first, task.last)
    span = Span(start, min(end, now))
    read = dict(member.read)
    for stream in task.streams:
        if stream not in STREAMS:
            member = replace(member, profile_read_at=now, body_read=True)
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
    return replace(member, read=read)


def days(task: FetchTask) -> tuple[date, date]:
    return task.first, task.last
