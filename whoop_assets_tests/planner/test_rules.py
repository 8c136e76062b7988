"""Rules of the planner about scopes, snapshots, the budget, readers of the daily API and partitions."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from whoop_assets.planner import Plan, Reason
from whoop_assets.planner import plan as make_plan
from whoop_assets.planner.facts import (
    EventFacts,
    FailedEvent,
    FailedLoad,
    MemberFacts,
)
from whoop_assets_tests.planner.planner_facts import (
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
    night,
    plan_for,
    without_night,
)


def test_nothing_is_due_with_working_webhooks_and_complete_data():
    plan = plan_for(member_facts(), member_facts(2))
    assert plan.webhooks
    assert plan.due == plan.held == ()
    assert plan.next_at is not None
    assert plan.next_at > NOON


def test_without_members_the_plan_is_empty():
    plan = plan_for()
    assert (plan.due, plan.later, plan.next_at) == ((), (), None)


def test_the_open_cycle_is_read_again_only_if_configured():
    every_half_hour = replace(SETTINGS, open_cycle_every=30 * MINUTE)
    assert (
        due_by_reason(plan_for(member_facts(read_at=NOON - 31 * MINUTE), settings=every_half_hour))[
            Reason.OPEN_CYCLE
        ].requests
        == 1
    )
    assert due_by_reason(plan_for(member_facts(read_at=NOON - 29 * MINUTE), settings=every_half_hour)) == {}
    assert due_by_reason(plan_for(member_facts(read_at=NOON - 31 * MINUTE))) == {}


def test_a_missing_scope_skips_only_its_streams():
    cycles_only = replace(
        member_facts(read_at=NOON - 25 * HOUR), scopes=frozenset({"read:cycles", "read:profile"})
    )
    assert {task.streams for task in plan_for(cycles_only).due} == {("cycles",)}


# Snapshots and the budget


def test_profile_and_body_measurements_are_read_once_a_day():
    assert due_by_reason(plan_for(replace(member_facts(), profile_read_at=None)))[
        Reason.SNAPSHOT
    ].streams == (
        "profile",
        "body_measurement",
    )
    assert (
        due_by_reason(plan_for(replace(member_facts(), body_read=False))) == {}
    )  # The account has no body measurements.
    just_connected = replace(member_facts(), connected_at=at(0, 1), body_read=False)
    assert Reason.SNAPSHOT in due_by_reason(plan_for(just_connected))


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "UTC", "Pacific/Auckland"])
def test_snapshots_are_due_again_when_the_next_partition_begins(zone):
    settings = replace(SETTINGS, zone=ZoneInfo(zone))
    midnight = datetime.combine(TODAY + ONE_DAY, time(), settings.zone)
    (before,) = [
        task
        for task in make_plan(facts(member_facts(), now=midnight - MINUTE), settings).later
        if task.reason is Reason.SNAPSHOT
    ]
    assert before.due == midnight


@pytest.mark.parametrize("stream", ["profile", "body_measurement"])
def test_a_failed_snapshot_is_due_again_without_the_other(stream):
    failure = FailedLoad(stream, TODAY, TODAY, True, NOON - HOUR, NOON - HOUR)
    member = replace(member_facts(), failures=(failure,))
    assert due_by_reason(plan_for(member))[Reason.SNAPSHOT].streams == (stream,)
    blocked = replace(member_facts(), failures=(failure._replace(last_failed_at=NOON),))
    assert due_by_reason(plan_for(blocked)) == {}


def test_tasks_beyond_the_daily_budget_are_held_rereading_first():
    incomplete = without_night(member_facts(read_at=at(-2, 0)), recovery=-1)
    urgent = plan_for(incomplete, events=NO_WEBHOOKS, used=7_500, oldest=NOON - 20 * HOUR)
    assert {task.reason in REREADING for task in urgent.held} == {True}
    assert Reason.RECOVERY in {task.reason for task in urgent.due}
    assert urgent.next_at is not None
    spent = plan_for(incomplete, events=NO_WEBHOOKS, used=9_600, oldest=NOON - 20 * HOUR)
    assert spent.due == ()
    assert spent.held


def backfill_requests(plan: Plan) -> int:
    """Returns the expected number of requests of the due tasks in the backfill lane."""
    return sum(task.requests for task in plan.due if task.lane == "backfill")


def test_the_backfill_lane_reserves_requests_for_expected_webhooks():
    """2,000 events of 40 members in 13 days need 277 requests a day; the members' snapshots need 80."""
    members = [replace(member_facts(user_id), profile_read_at=None) for user_id in range(40)]
    busy = replace(WORKING_WEBHOOKS, count=2_000)
    allowed = {
        sent: backfill_requests(
            plan_for(*members, events=busy, per_day=400, used=320, webhooks=sent, backfills=20)
        )
        for sent in (0, 150, 300)
    }
    assert allowed == {0: 20, 150: 20, 300: 20}
    allowed = {
        sent: backfill_requests(
            plan_for(*members, events=busy, per_day=400, used=200, webhooks=sent, backfills=100)
        )
        for sent in (0, 77, 100)
    }
    assert allowed == {0: 0, 77: 0, 100: 22}


def test_a_new_deployment_reserves_requests_for_webhooks():
    def requests_due(**more: Any) -> int:
        return backfill_requests(plan_for(*members, per_day=400, backfills=100, **more))

    members = [
        replace(member_facts(user_id), profile_read_at=None, last_event_at=None) for user_id in range(40)
    ]
    assert (
        requests_due(events=EventFacts(1, NOON - HOUR, NOON - HOUR), used=100) == 0
    )  # Eight events per member and day are expected.
    assert requests_due(events=NO_WEBHOOKS, used=100) == 80
    members = [replace(known, connected_at=NOON - HOUR) for known in members]
    assert requests_due(events=NO_WEBHOOKS, used=100) == 0


def test_nothing_is_due_before_the_reset_that_a_429_states():
    plan = plan_for(member_facts(read_at=at(-2, 0)), events=NO_WEBHOOKS, closed_until=NOON + 5 * HOUR)
    assert plan.due == ()
    assert {task.due for task in plan.held} == {NOON + 5 * HOUR}


def test_a_day_without_a_partition_is_not_read():
    east = replace(member_facts(read_at=at(-1, 20)), offset=timedelta(hours=13))
    plan = make_plan(facts(east, events=NO_WEBHOOKS), replace(SETTINGS, last_day=TODAY - ONE_DAY))
    assert all(task.last <= TODAY - ONE_DAY for task in (*plan.due, *plan.later))


def test_the_morning_read_follows_a_member_who_sleeps_by_day():
    member = member_facts(nights=range(-34, 0))
    shift = timedelta(hours=11)
    moved = replace(
        member,
        cycles=tuple(c._replace(start=c.start + shift, made_at=c.made_at + shift) for c in member.cycles),
        sleeps=tuple(
            s._replace(start=s.start + shift, end=s.end + shift, made_at=s.made_at + shift)
            for s in member.sleeps
        ),
        latest_cycle=night(-1)[0].start + shift,
        last_event_at=None,
    )
    plan = make_plan(facts(moved, events=NO_WEBHOOKS, now=at(0, 12)), replace(SETTINGS, reread_share=0.0))
    morning_tasks = [task for task in (*plan.due, *plan.later) if task.reason is Reason.MORNING]
    assert [task.due.hour for task in morning_tasks] == [18]


# Requested by a reader of the daily API


def test_a_reader_of_today_causes_one_read_of_the_last_days():
    member = replace(member_facts(read_at=NOON - 4 * HOUR), asked_at=NOON - MINUTE)
    task = due_by_reason(plan_for(member))[Reason.ASKED]
    assert (task.streams, task.first) == (("cycles", "sleeps", "recoveries"), TODAY - 3 * ONE_DAY)
    assert (task.last, task.lane, task.requests) == (TODAY, "schedule", 3)
    assert Reason.ASKED not in due_by_reason(plan_for(after_task(member, task, NOON)))
    assert Reason.ASKED not in due_by_reason(plan_for(replace(member_facts(), asked_at=NOON - 2 * MINUTE)))


def test_a_dashboard_that_polls_causes_few_reads_while_the_night_is_missing():
    """The dashboard polls every five minutes from midnight; the member does not wear the strap."""
    member, read_times = member_facts(read_at=at(-1, 23.9), nights=range(-34, 0)), []
    for minute in range(0, 24 * 60, 5):
        now = at(0, 0) + minute * MINUTE
        member = replace(member, asked_at=now)
        plan = make_plan(facts(member, events=WORKING_WEBHOOKS, now=now), replace(SETTINGS, reread_share=0.0))
        for task in plan.due:
            if task.reason is Reason.ASKED:
                read_times.append(now)
                member = after_task(member, task, now)
    at_night = [time for time in read_times if time < at(0, 6.9)]
    assert 5 <= len(at_night) <= 8
    assert len(read_times) - len(at_night) <= 45


# East of WHOOP_TIMEZONE: the member's current day has no partition yet


def in_auckland(member: MemberFacts) -> MemberFacts:
    """Returns the member at +13:00 with one more night, on the day after the last day of SETTINGS."""
    cycle, _ = night(1)
    return replace(
        member,
        offset=timedelta(hours=13),
        cycles=(
            *member.cycles,
            cycle._replace(start=at(0, 10), offset=timedelta(hours=13), made_at=at(0, 18)),
        ),
    )


WITHOUT_TOMORROW = replace(SETTINGS, last_day=TODAY)
EVENING = at(0, 20)


def test_a_night_is_read_only_when_its_day_has_a_partition():
    member = in_auckland(member_facts(read_at=EVENING - 3 * HOUR))
    without_partition = make_plan(facts(member, now=EVENING, events=NO_WEBHOOKS), WITHOUT_TOMORROW)
    assert Reason.RECOVERY not in due_by_reason(without_partition)
    plan = make_plan(
        facts(member, now=EVENING, events=NO_WEBHOOKS), replace(SETTINGS, last_day=TODAY + ONE_DAY)
    )
    assert due_by_reason(plan)[Reason.RECOVERY].last == TODAY + ONE_DAY


def test_a_reader_of_a_day_without_a_partition_causes_no_read():
    member = replace(in_auckland(member_facts(read_at=EVENING - 4 * HOUR)), asked_at=EVENING - MINUTE)
    assert Reason.ASKED not in due_by_reason(make_plan(facts(member, now=EVENING), WITHOUT_TOMORROW))
    assert Reason.ASKED in due_by_reason(
        make_plan(facts(member, now=EVENING), replace(SETTINGS, last_day=TODAY + ONE_DAY))
    )


def test_an_event_of_a_day_without_a_partition_causes_no_read():
    event = FailedEvent("sleeps", TODAY + ONE_DAY, EVENING - HOUR)
    member = replace(in_auckland(member_facts(read_at=EVENING - 4 * HOUR)), events=(event,))
    assert Reason.EVENT not in due_by_reason(make_plan(facts(member, now=EVENING), WITHOUT_TOMORROW))
    assert Reason.EVENT in due_by_reason(
        make_plan(facts(member, now=EVENING), replace(SETTINGS, last_day=TODAY + ONE_DAY))
    )
