"""Rules of the planner for nights, cycles, events and loads that are missing."""

import itertools
from dataclasses import replace

import pytest

from whoop_assets.planner import Reason
from whoop_assets.planner import plan as make_plan
from whoop_assets.planner.facts import (
    CoveredSpan,
    EventFacts,
    FailedEvent,
    FailedLoad,
    StreamCoverage,
)
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
    days,
    due_by_reason,
    facts,
    member_facts,
    plan_for,
    without_night,
)

# The morning


def test_the_new_cycle_is_requested_from_the_earliest_usual_waking_time():
    member = member_facts(read_at=at(0, -2), nights=range(-34, 0))
    for hour, expected in ((6.5, False), (7.0, True)):
        now = at(0, hour)
        plan = make_plan(replace(facts(member, events=NO_WEBHOOKS, now=now)), SETTINGS)
        assert (Reason.MORNING in {task.reason for task in plan.due}) is expected, hour
    task = next(task for task in plan.due if task.reason is Reason.MORNING)
    assert (task.streams, task.requests, task.lane) == (("cycles",), 1, "schedule")


def test_with_webhooks_the_morning_read_waits_45_minutes():
    member = member_facts(read_at=at(0, -2), nights=range(-34, 0))
    events = replace(WORKING_WEBHOOKS, last_at=at(0, -2))
    for hour, expected in ((7.7, False), (7.8, True)):
        plan = make_plan(facts(member, events=events, now=at(0, hour)), SETTINGS)
        assert (Reason.MORNING in {task.reason for task in plan.due}) is expected, hour


def test_morning_reads_repeat_every_five_minutes_and_then_at_growing_intervals():
    member = member_facts(read_at=at(0, -2), nights=range(-34, 0))
    now, read_times = at(0, 7), []
    while now < at(3, 7):
        settings = replace(SETTINGS, last_day=now.date(), reread_share=0.0)
        for task in make_plan(facts(member, events=NO_WEBHOOKS, now=now), settings).due:
            if task.reason is Reason.MORNING:
                read_times.append(now)
                member = after_task(member, task, now)
        now += MINUTE
    intervals = [second - first for first, second in itertools.pairwise(read_times)]
    assert intervals[:6] == [5 * MINUTE] * 6
    assert all(later >= earlier - 5 * MINUTE for earlier, later in itertools.pairwise(intervals))
    assert len([time for time in read_times if time < at(1, 7)]) <= 40
    assert len([time for time in read_times if time >= at(2, 7)]) <= 4


@pytest.mark.parametrize("missing", [{"sleep": 0}, {"recovery": 0}])
def test_a_missing_sleep_or_recovery_is_read_at_once_and_then_at_growing_intervals(missing):
    member = without_night(member_facts(read_at=at(0, 7.1)), **missing)
    settings = replace(SETTINGS, reread_share=0.0)
    now, read_times = at(0, 7.2), []
    while now < at(0, 12):
        for task in make_plan(facts(member, events=NO_WEBHOOKS, now=now), settings).due:
            if task.reason is Reason.RECOVERY:
                assert task.streams == ("sleeps", "recoveries")
                assert days(task) == (TODAY - ONE_DAY, TODAY)
                read_times.append(now)
                member = after_task(member, task, now)
        now += MINUTE
    assert read_times[0] == at(0, 7.2)
    assert read_times[1] - read_times[0] <= 6 * MINUTE
    assert 8 <= len(read_times) <= 30


def test_a_pending_recovery_counts_as_missing_and_an_unscorable_sleep_as_complete():
    pending = member_facts(read_at=at(0, 8))
    sleeps = [*pending.sleeps[:-1], pending.sleeps[-1]._replace(recovery_state="PENDING_SCORE")]
    assert Reason.RECOVERY in due_by_reason(plan_for(replace(pending, sleeps=tuple(sleeps))))
    sleeps[-1] = sleeps[-1]._replace(recovery_state=None, state="UNSCORABLE")
    assert Reason.RECOVERY not in due_by_reason(plan_for(replace(pending, sleeps=tuple(sleeps))))


def test_a_recovery_that_never_arrives_costs_few_reads_within_40_days():
    member = without_night(member_facts(read_at=at(0, 8)), recovery=0)
    settings = replace(SETTINGS, reread_share=0.0)
    now, reads = at(0, 8), 0
    while now < at(40, 0):
        plan = make_plan(facts(member, events=NO_WEBHOOKS, now=now), replace(settings, last_day=now.date()))
        for task in plan.due:
            if task.reason is Reason.RECOVERY:
                reads += 1
            member = after_task(member, task, now)
        now = max(now + 5 * MINUTE, plan.next_at or now)
    assert 5 <= reads <= 35


# Gaps, events and failed loads


def test_an_open_cycle_before_a_newer_one_is_read():
    member = member_facts(read_at=at(0, 7))
    cycles = [*member.cycles[:-2], member.cycles[-2]._replace(end=None), member.cycles[-1]]
    task = due_by_reason(plan_for(replace(member, cycles=tuple(cycles))))[Reason.CYCLE]
    assert (days(task), task.streams) == ((TODAY - ONE_DAY, TODAY - ONE_DAY), ("cycles",))


def test_a_day_without_a_cycle_is_read_once():
    member = member_facts(read_at=NOON - HOUR)
    gap = TODAY - 3 * ONE_DAY
    kept = tuple(cycle for cycle in member.cycles if cycle.day != gap)
    member = replace(member, cycles=kept, sleeps=tuple(sleep for sleep in member.sleeps if sleep.day != gap))
    stale = {
        **member.read,
        "cycles": StreamCoverage(member.read["cycles"].oldest, (CoveredSpan(FIRST, NOON, at(-2, 6)),)),
    }
    task = due_by_reason(plan_for(replace(member, read=stale)))[Reason.CYCLE]
    assert days(task) == (gap, gap)
    assert Reason.CYCLE not in due_by_reason(
        plan_for(after_task(replace(member, read=stale), task, NOON), now=NOON + HOUR)
    )


def test_webhooks_count_as_working_until_thirty_hours_after_the_last_event():
    for hours, expected in ((29, True), (31, False)):
        events = replace(WORKING_WEBHOOKS, last_at=NOON - hours * HOUR)
        assert plan_for(member_facts(), events=events).webhooks is expected
    few = EventFacts(5, NOON - 13 * ONE_DAY, NOON)
    new = EventFacts(100, NOON - 2 * ONE_DAY, NOON)
    assert not plan_for(member_facts(), events=few).webhooks
    assert not plan_for(member_facts(), events=new).webhooks


def test_the_daily_read_after_a_webhook_outage_covers_the_outage():
    member = member_facts(read_at=NOON - 25 * HOUR)
    task = due_by_reason(plan_for(member, events=replace(WORKING_WEBHOOKS, last_at=NOON)))[Reason.RECENT]
    assert task.first <= (NOON - 31 * HOUR).date()
    assert set(task.streams) == {"cycles", "sleeps", "recoveries", "workouts"}
    stopped = plan_for(member, events=replace(WORKING_WEBHOOKS, last_at=NOON - 31 * HOUR))
    assert any(task.reason in REREADING and task.last == TODAY for task in stopped.due)


def test_the_day_of_an_event_with_failed_loads_is_read_once():
    member = replace(
        member_facts(read_at=NOON - HOUR), events=(FailedEvent("workouts", TODAY, NOON - 30 * MINUTE),)
    )
    task = due_by_reason(plan_for(member))[Reason.EVENT]
    assert (task.streams, task.last) == (("workouts",), TODAY)
    assert due_by_reason(plan_for(after_task(member, task, NOON))) == {}


def test_the_delay_before_a_retry_grows_with_the_duration_of_the_failure():
    def failed(first, last, transient=True):
        return FailedLoad("workouts", at(-9, 0).date(), at(-7, 0).date(), transient, first, last)

    recently = replace(member_facts(), failures=(failed(NOON - 3 * MINUTE, NOON - 3 * MINUTE),))
    assert due_by_reason(plan_for(recently)) == {}
    member = replace(member_facts(), failures=(failed(NOON - 6 * MINUTE, NOON - 6 * MINUTE),))
    assert days(due_by_reason(plan_for(member))[Reason.FAILED]) == (at(-9, 0).date(), at(-7, 0).date())
    for_hours = replace(member_facts(), failures=(failed(NOON - 3 * HOUR, NOON - HOUR),))
    assert due_by_reason(plan_for(for_hours)) == {}
    lasting = replace(member_facts(read_at=NOON - 25 * HOUR), failures=(failed(NOON, NOON, transient=False),))
    assert {task.streams for task in plan_for(lasting).due} >= {("cycles", "sleeps", "recoveries")}
