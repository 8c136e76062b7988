"""Properties that hold for every plan, whatever data is missing."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from whoop_assets.planner import Plan, PlannerSettings, Reason
from whoop_assets.planner import plan as make_plan
from whoop_assets.planner.facts import (
    CoveredSpan,
    FailedEvent,
    FailedLoad,
    MemberFacts,
    StreamCoverage,
    UnreadSpan,
)
from whoop_assets.whoop_api.scopes import SCOPES
from whoop_assets.whoop_api.streams import ANNOUNCED_STREAMS, STREAMS
from whoop_assets_tests.planner.planner_facts import (
    HOUR,
    MINUTE,
    NO_WEBHOOKS,
    NOON,
    ONE_DAY,
    SETTINGS,
    TODAY,
    WORKING_WEBHOOKS,
    after_task,
    at,
    facts,
    member_facts,
    without_night,
)
from whoop_assets_tests.support.models.modelled_whoop import ModelledWhoop


@st.composite
def members(draw, user_id: int = 1) -> MemberFacts:
    """Generates members with any combination of missing data."""
    if draw(st.integers(0, 9)) == 0:
        return MemberFacts(user_id, frozenset(SCOPES), NOON - HOUR)
    member = member_facts(
        user_id,
        read_at=NOON - draw(st.integers(1, 5000)) * MINUTE,
        nights=range(-34, draw(st.integers(-5, 1))),
    )
    for _ in range(draw(st.integers(0, 2))):
        member = without_night(member, sleep=draw(st.integers(-33, 0)))
    for _ in range(draw(st.integers(0, 2))):
        member = without_night(member, recovery=draw(st.integers(-33, 0)))
    lost = {TODAY + draw(st.integers(-33, -2)) * ONE_DAY for _ in range(draw(st.integers(0, 2)))}
    cycles = [
        cycle._replace(
            end=cycle.end if draw(st.integers(0, 20)) else None, pending=not draw(st.integers(0, 20))
        )
        for cycle in member.cycles
        if cycle.day not in lost
    ]
    member = replace(member, cycles=tuple(cycles), offset=timedelta(hours=draw(st.integers(-11, 13))))
    if draw(st.booleans()):
        hole = UnreadSpan(at(-300, 0), at(draw(st.integers(-299, -41)), 0))
        read = {
            name: StreamCoverage(
                known.oldest,
                (
                    CoveredSpan(known.oldest, hole.start, known.spans[0].read_at),
                    CoveredSpan(hole.end, at(-40, 0), known.spans[0].read_at),
                    *known.spans[1:],
                ),
                (hole,),
            )
            for name, known in member.read.items()
        }
        member = replace(member, read=read)
    if draw(st.booleans()):
        start = at(draw(st.integers(-380, -36)), 0)
        streams = draw(st.sets(st.sampled_from(tuple(STREAMS)), min_size=1))
        read = {name: StreamCoverage(start, (CoveredSpan(start, NOON, NOON - HOUR),)) for name in streams}
        member = replace(member, read={**member.read, **read})
    events = tuple(
        FailedEvent(
            draw(st.sampled_from(ANNOUNCED_STREAMS)), at(-draw(st.integers(0, 9)), 0).date(), NOON - HOUR
        )
        for _ in range(draw(st.integers(0, 2)))
    )
    failed_at = NOON - draw(st.integers(0, 600)) * MINUTE
    failures = tuple(
        FailedLoad(
            draw(st.sampled_from(tuple(STREAMS))),
            at(-9, 0).date(),
            at(-draw(st.integers(0, 8)), 0).date(),
            draw(st.booleans()),
            failed_at - draw(st.integers(0, 300)) * MINUTE,
            failed_at,
        )
        for _ in range(draw(st.integers(0, 2)))
    )
    return replace(member, events=events, failures=failures)


WEBHOOKS = st.sampled_from([NO_WEBHOOKS, WORKING_WEBHOOKS])


def after_all_tasks(member: MemberFacts, plan: Plan, now) -> MemberFacts:
    for task in plan.due:
        member = after_task(member, task, now)
        kept = [
            failure
            for failure in member.failures
            if failure.stream not in task.streams
            or failure.first_day < task.first
            or failure.last_day > task.last
        ]
        member = replace(member, failures=tuple(kept))
    return member


@given(members(), WEBHOOKS)
def test_a_completed_task_is_not_due_again(member, webhooks):
    plan = make_plan(facts(member, events=webhooks), SETTINGS)
    next_plan = make_plan(facts(after_all_tasks(member, plan, NOON), events=webhooks), SETTINGS)
    completed = {(task.reason, task.first, task.last, task.streams) for task in plan.due}
    # HISTORY continues with its next piece.
    repeatable = [task for task in next_plan.due if task.reason is not Reason.HISTORY]
    assert [
        task for task in repeatable if (task.reason, task.first, task.last, task.streams) in completed
    ] == []


@given(members(), WEBHOOKS)
def test_planning_terminates(member, webhooks):
    for _ in range(40):
        plan = make_plan(facts(member, events=webhooks), SETTINGS)
        if not plan.due:
            break
        member = after_all_tasks(member, plan, NOON)
    assert plan.due == ()
    assert plan.next_at is None or plan.next_at > NOON


@given(members(), WEBHOOKS)
def test_a_task_is_due_at_the_stated_next_time(member, webhooks):
    now = NOON
    for _ in range(15):
        plan = make_plan(
            facts(
                member,
                events=replace(webhooks, last_at=now) if webhooks is WORKING_WEBHOOKS else webhooks,
                now=now,
            ),
            SETTINGS,
        )
        if not plan.due:
            break
        member, now = after_all_tasks(member, plan, now), now + MINUTE
    if plan.next_at is not None:
        then = plan.next_at
        webhooks = replace(webhooks, last_at=then) if webhooks is WORKING_WEBHOOKS else webhooks
        then_settings = replace(SETTINGS, last_day=max(then.date(), SETTINGS.last_day))
        if member.profile_read_at is not None and member.profile_read_at.date() < then_settings.last_day:
            member = replace(member, profile_read_at=None, body_read=False)
        assert make_plan(facts(member, events=webhooks, now=then), then_settings).due


@given(st.lists(st.integers(1, 60), unique=True, min_size=2, max_size=6), st.data())
def test_the_plan_does_not_depend_on_the_order_of_members(ids, data):
    some = [data.draw(members(user_id)) for user_id in ids]
    assert make_plan(facts(*some), SETTINGS) == make_plan(facts(*some[::-1]), SETTINGS)


@given(st.lists(members(), min_size=1, max_size=1), st.integers(0, 9_999))
def test_due_tasks_fit_into_the_daily_limit(some, used):
    plan = make_plan(facts(*some, used=used, oldest=NOON - HOUR), SETTINGS)
    assert used + sum(task.requests for task in plan.due) <= 9_500 or len(plan.due) == 0


@given(members(), WEBHOOKS)
def test_every_reading_is_within_the_partitions_and_the_grant(member, webhooks):
    some = replace(member, scopes=frozenset({"read:cycles", "read:recovery"}))
    plan = make_plan(facts(some, events=webhooks), SETTINGS)
    for task in (*plan.due, *plan.held, *plan.later):
        assert SETTINGS.first_day <= task.first <= task.last <= SETTINGS.last_day
        assert set(task.streams) <= {"cycles", "recoveries"}
        assert task.streams
        assert task.requests >= 1


@settings(max_examples=8)
@given(st.integers(0, 1000), st.booleans(), st.integers(-18, 0))
def test_every_gap_is_filled_within_nine_days(seed, webhooks, day):
    """The missing cycle, sleep and recovery of a modelled member are read within nine days."""
    whoop = ModelledWhoop(members=1, now=NOON, days=60, ahead=12, seed=seed, webhooks=webhooks, zones=(0,))
    whoop.rules = replace(whoop.rules, first_day=(NOON - 50 * ONE_DAY).date())
    whoop.import_everything()
    member = whoop.members[0]
    gap = TODAY + day * ONE_DAY
    member.cycles.pop(gap, None)
    member.sleeps.discard(gap)
    member.recoveries.discard(TODAY + (day - 3) * ONE_DAY)
    member.changed()
    whoop.run(NOON + 9 * ONE_DAY)
    created = {night.day for night in member.created_nights(NOON)}
    assert created <= set(member.cycles)
    assert created <= member.sleeps
    assert created <= member.recoveries


def test_a_member_without_new_records_costs_few_requests():
    whoop = ModelledWhoop(members=1, now=NOON, days=60, ahead=0, webhooks=False, zones=(0,))
    whoop.import_everything()
    whoop.run(NOON + 20 * ONE_DAY)
    before = len(whoop.sent)
    whoop.run(NOON + 25 * ONE_DAY)
    # Reads of the morning, the last days, the last month, and snapshots.
    assert (len(whoop.sent) - before) / 5 <= 1.5 + 4.5 + 8 + 2


def test_a_plan_covers_the_first_day_of_a_deployment():
    only_today = PlannerSettings(TODAY, TODAY)
    plan = make_plan(facts(MemberFacts(1, frozenset(SCOPES), NOON - MINUTE)), only_today)
    assert {task.first for task in plan.due} == {TODAY}
