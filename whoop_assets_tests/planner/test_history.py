"""Rules of the planner for a member's history and for reading known days again."""

from dataclasses import replace

import pytest

from whoop_assets.planner import PlannerSettings, Reason
from whoop_assets.planner import plan as make_plan
from whoop_assets.planner.facts import (
    CoveredSpan,
    MemberFacts,
    StreamCoverage,
    UnreadSpan,
)
from whoop_assets.planner.history import progress
from whoop_assets.planner.member_view import MemberView
from whoop_assets.whoop_api.scopes import SCOPES
from whoop_assets_tests.planner.planner_facts import (
    FIRST,
    HOUR,
    MINUTE,
    NO_WEBHOOKS,
    NOON,
    ONE_DAY,
    REREADING,
    SETTINGS,
    TODAY,
    WORKING_WEBHOOKS,
    after_task,
    at,
    due_by_reason,
    facts,
    member_facts,
    plan_for,
)


def new_member(user_id: int = 1) -> MemberFacts:
    return MemberFacts(user_id, frozenset(SCOPES), NOON - MINUTE, profile_read_at=NOON - MINUTE)


def test_a_new_members_history_is_read_newest_first_starting_with_the_last_month():
    settings = PlannerSettings(TODAY - 1000 * ONE_DAY, TODAY)
    member, tasks = new_member(), []
    for _ in range(40):
        plan = make_plan(facts(member, events=NO_WEBHOOKS), settings)
        pieces = [task for task in plan.due if task.reason in (Reason.UNREAD, Reason.HISTORY)]
        if not pieces:
            break
        (piece,) = pieces
        tasks.append(piece)
        member = after_task(member, piece, NOON)
    assert tasks[0].reason is Reason.UNREAD
    assert (tasks[0].lane, tasks[0].first, tasks[0].last) == ("schedule", TODAY - 30 * ONE_DAY, TODAY)
    assert {piece.lane for piece in tasks[1:]} == {"backfill"}
    assert [task.first for task in tasks] == sorted((task.first for task in tasks), reverse=True)
    assert tasks[-1].first == settings.first_day
    assert all(piece.first <= later.last + ONE_DAY for later, piece in zip(tasks[1:], tasks, strict=False))
    assert progress(MemberView(member, settings, NOON)).complete


def test_days_before_the_first_cycle_are_read_in_one_task():
    member = member_facts()
    read = {
        stream: StreamCoverage(at(-20, 0), (CoveredSpan(at(-20, 0), NOON, NOON),)) for stream in member.read
    }
    read["cycles"] = StreamCoverage(
        FIRST - 3000 * ONE_DAY, (CoveredSpan(FIRST - 3000 * ONE_DAY, NOON, NOON),)
    )
    joined = replace(
        member, read=read, first_cycle=at(-20, 1), cycles=member.cycles[-20:], sleeps=member.sleeps[-20:]
    )
    (task,) = plan_for(joined, settings=PlannerSettings(TODAY - 2000 * ONE_DAY, TODAY)).due
    assert task.reason in (Reason.HISTORY, Reason.UNREAD)
    assert task.first == TODAY - 2000 * ONE_DAY


def test_progress_states_the_oldest_read_day_and_the_share():
    member = member_facts()
    read = {
        stream: StreamCoverage(at(-100, 0), (CoveredSpan(at(-100, 0), NOON, NOON),)) for stream in member.read
    }
    found = progress(MemberView(replace(member, read=read), SETTINGS, NOON))
    assert found.back_to == at(-100, 0).date()
    assert 0.2 < found.share < 0.3
    assert not found.complete
    assert progress(MemberView(new_member(), SETTINGS, NOON)).back_to is None


def test_history_tasks_are_ordered_by_progress_least_first():
    far, near = member_facts(1), member_facts(2)
    far = replace(
        far, read={s: StreamCoverage(at(-200, 0), (CoveredSpan(at(-200, 0), NOON, NOON),)) for s in far.read}
    )
    near = replace(
        near, read={s: StreamCoverage(at(-50, 0), (CoveredSpan(at(-50, 0), NOON, NOON),)) for s in near.read}
    )
    plan = plan_for(far, near)
    assert [task.user_id for task in plan.due if task.reason is Reason.HISTORY] == [2, 1]


def test_an_unread_span_between_read_days_is_read():
    member = member_facts()
    read = {
        stream: StreamCoverage(known.oldest, known.spans, (UnreadSpan(at(-200, 0), at(-190, 0)),))
        for stream, known in member.read.items()
    }
    task = due_by_reason(plan_for(replace(member, read=read)))[Reason.HISTORY]
    assert task.first <= at(-200, 0).date()
    assert task.last >= at(-190, 0).date()


# Reading known days again


@pytest.mark.parametrize(
    ("events", "recent", "month"), [(NO_WEBHOOKS, HOUR, 24 * HOUR), (WORKING_WEBHOOKS, 24 * HOUR, 168 * HOUR)]
)
def test_the_last_days_and_the_last_month_are_reread_at_their_intervals(events, recent, month):
    for tier, interval in ((Reason.RECENT, recent), (Reason.MONTH, month)):
        for late, expected in ((-10 * MINUTE, False), (10 * MINUTE, True)):
            plan = plan_for(member_facts(read_at=NOON - interval - late), events=events)
            # A task of the month includes that of the last days.
            found = tier in {task.reason for task in plan.due} or any(
                task.first <= TODAY - 30 * ONE_DAY for task in plan.due if tier is Reason.RECENT
            )
            assert found is expected, (tier, late)
    assert all(
        task.lane == "backfill"
        for task in plan_for(member_facts(read_at=at(-2, 0)), events=events).due
        if task.reason in REREADING
    )


def test_days_before_the_first_partition_do_not_keep_rereading_due():
    settings = replace(SETTINGS, first_day=TODAY - 10 * ONE_DAY)
    member = member_facts(read_at=NOON - 8 * ONE_DAY)
    plan = plan_for(member, settings=settings)
    assert any(task.reason in REREADING for task in plan.due)
    for task in plan.due:
        member = after_task(member, task, NOON)
    assert not any(
        task.reason in REREADING for task in plan_for(member, settings=settings, now=NOON + MINUTE).due
    )


def test_older_days_are_reread_when_their_age_has_grown_by_half():
    member = member_facts()
    for read_at, expected in ((NOON - 19 * ONE_DAY, False), (NOON - 21 * ONE_DAY, True)):
        spans = (CoveredSpan(FIRST - 40 * ONE_DAY, at(-40, 0), read_at), CoveredSpan(at(-40, 0), NOON, NOON))
        read = {stream: StreamCoverage(FIRST - 40 * ONE_DAY, spans) for stream in member.read}
        plan = plan_for(replace(member, read=read))
        assert (Reason.ALL in due_by_reason(plan)) is expected
    assert due_by_reason(plan)[Reason.ALL].last == at(-40, 0).date()


def test_rereading_intervals_grow_with_many_members_to_fit_the_budget_share():
    few, many = plan_for(member_facts(), events=NO_WEBHOOKS), [member_facts(n) for n in range(500)]
    plan = plan_for(*many, events=NO_WEBHOOKS)
    assert few.stretch == 1.0
    assert plan.stretch > 5
    assert plan.expected["re-reading"] <= 0.5 * 10_000
    assert sum(plan.expected.values()) <= 0.9 * 10_000
    recent = [task.due for task in plan.later if task.reason is Reason.RECENT]
    assert min(recent) > NOON + 5 * HOUR


def test_a_share_of_zero_disables_rereading():
    plan = plan_for(
        member_facts(read_at=at(-2, 0)), settings=replace(SETTINGS, reread_share=0.0), events=NO_WEBHOOKS
    )
    assert not [task for task in (*plan.due, *plan.later) if task.reason in REREADING]
