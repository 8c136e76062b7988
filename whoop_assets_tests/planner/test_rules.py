"""Each rule of the planner, as sentences about one member or two."""

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from whoop_assets.planner import Plan, PlannerSettings, Reason, plan
from whoop_assets.planner.facts import (
    CoveredSpan,
    EventFacts,
    FailedEvent,
    FailedLoad,
    MemberFacts,
    StreamCoverage,
    UnreadSpan,
)
from whoop_assets.planner.history import progress
from whoop_assets.planner.member_view import MemberView
from whoop_assets.whoop_api.scopes import SCOPES
from whoop_assets_tests.planner.moments import (
    FIRST,
    HOUR,
    MINUTE,
    NO_WEBHOOKS,
    NOON,
    ONE_DAY,
    RULES,
    TODAY,
    WORKING,
    after,
    at,
    days,
    due,
    facts,
    member,
    night,
    planned,
    without,
)


def test_with_working_webhooks_and_no_gap_nothing_is_asked_for():
    made = planned(member(), member(2))
    assert made.webhooks
    assert made.due == made.held == ()
    assert made.next_at is not None
    assert made.next_at > NOON


def test_without_members_nothing_is_ever_due():
    made = planned()
    assert (made.due, made.later, made.next_at) == ((), (), None)


def test_the_open_cycles_strain_is_followed_only_if_configured():
    every = replace(RULES, open_cycle_every=30 * MINUTE)
    assert due(planned(member(read_at=NOON - 31 * MINUTE), rules=every))[Reason.OPEN_CYCLE].requests == 1
    assert due(planned(member(read_at=NOON - 29 * MINUTE), rules=every)) == {}
    assert due(planned(member(read_at=NOON - 31 * MINUTE))) == {}


def test_a_missing_scope_skips_its_stream_only():
    cycles_only = replace(member(read_at=NOON - 25 * HOUR), scopes=frozenset({"read:cycles", "read:profile"}))
    assert {one.streams for one in planned(cycles_only).due} == {("cycles",)}


# Mornings


def test_the_morning_is_looked_for_by_one_request_from_the_early_end_of_the_usual_waking():
    one = member(read_at=at(0, -2), nights=range(-34, 0))
    for hour, expected in ((6.5, False), (7.0, True)):
        now = at(0, hour)
        made = plan(replace(facts(one, events=NO_WEBHOOKS, now=now)), RULES)
        assert (Reason.MORNING in {reading.reason for reading in made.due}) is expected, hour
    reading = next(reading for reading in made.due if reading.reason is Reason.MORNING)
    assert (reading.streams, reading.requests, reading.lane) == (("cycles",), 1, "schedule")


def test_with_webhooks_the_morning_is_given_three_quarters_of_an_hour():
    one = member(read_at=at(0, -2), nights=range(-34, 0))
    events = replace(WORKING, last_at=at(0, -2))
    for hour, expected in ((7.7, False), (7.8, True)):
        made = plan(facts(one, events=events, now=at(0, hour)), RULES)
        assert (Reason.MORNING in {reading.reason for reading in made.due}) is expected, hour


def test_the_looks_come_every_five_minutes_and_then_ever_more_rarely():
    one = member(read_at=at(0, -2), nights=range(-34, 0))
    now, looks = at(0, 7), []
    while now < at(3, 7):
        rules = replace(RULES, last_day=now.date(), reread_share=0.0)
        for reading in plan(facts(one, events=NO_WEBHOOKS, now=now), rules).due:
            if reading.reason is Reason.MORNING:
                looks.append(now)
                one = after(one, reading, now)
        now += MINUTE
    gaps = [second - first for first, second in itertools.pairwise(looks)]
    assert gaps[:6] == [5 * MINUTE] * 6
    assert all(later >= earlier - 5 * MINUTE for earlier, later in itertools.pairwise(gaps))
    assert len([look for look in looks if look < at(1, 7)]) <= 40
    assert len([look for look in looks if look >= at(2, 7)]) <= 4


@pytest.mark.parametrize("lacking", [{"sleep": 0}, {"recovery": 0}])
def test_a_night_of_which_something_is_missing_is_asked_for_at_once_and_then_at_growing_intervals(lacking):
    one = without(member(read_at=at(0, 7.1)), **lacking)
    rules = replace(RULES, reread_share=0.0)
    now, asked = at(0, 7.2), []
    while now < at(0, 12):
        for reading in plan(facts(one, events=NO_WEBHOOKS, now=now), rules).due:
            if reading.reason is Reason.RECOVERY:
                assert reading.streams == ("sleeps", "recoveries")
                assert days(reading) == (TODAY - ONE_DAY, TODAY)
                asked.append(now)
                one = after(one, reading, now)
        now += MINUTE
    assert asked[0] == at(0, 7.2)
    assert asked[1] - asked[0] <= 6 * MINUTE
    assert 8 <= len(asked) <= 30


def test_a_pending_recovery_counts_as_missing_and_an_unscorable_sleep_as_settled():
    pending = member(read_at=at(0, 8))
    sleeps = [*pending.sleeps[:-1], pending.sleeps[-1]._replace(recovery_state="PENDING_SCORE")]
    assert Reason.RECOVERY in due(planned(replace(pending, sleeps=tuple(sleeps))))
    sleeps[-1] = sleeps[-1]._replace(recovery_state=None, state="UNSCORABLE")
    assert Reason.RECOVERY not in due(planned(replace(pending, sleeps=tuple(sleeps))))


def test_a_night_that_will_never_come_is_asked_for_a_few_times_within_a_month():
    one = without(member(read_at=at(0, 8)), recovery=0)
    rules = replace(RULES, reread_share=0.0)
    now, asked = at(0, 8), 0
    while now < at(40, 0):
        made = plan(facts(one, events=NO_WEBHOOKS, now=now), replace(rules, last_day=now.date()))
        for reading in made.due:
            if reading.reason is Reason.RECOVERY:
                asked += 1
            one = after(one, reading, now)
        now = max(now + 5 * MINUTE, made.next_at or now)
    assert 5 <= asked <= 35


# Gaps


def test_a_cycle_that_must_have_closed_is_read():
    one = member(read_at=at(0, 7))
    cycles = [*one.cycles[:-2], one.cycles[-2]._replace(end=None), one.cycles[-1]]
    reading = due(planned(replace(one, cycles=tuple(cycles))))[Reason.CYCLE]
    assert (days(reading), reading.streams) == ((TODAY - ONE_DAY, TODAY - ONE_DAY), ("cycles",))


def test_a_day_without_a_cycle_is_read_and_not_again_at_once():
    one = member(read_at=NOON - HOUR)
    gap = TODAY - 3 * ONE_DAY
    kept = tuple(cycle for cycle in one.cycles if cycle.day != gap)
    one = replace(one, cycles=kept, sleeps=tuple(sleep for sleep in one.sleeps if sleep.day != gap))
    stale = {
        **one.read,
        "cycles": StreamCoverage(one.read["cycles"].oldest, (CoveredSpan(FIRST, NOON, at(-2, 6)),)),
    }
    reading = due(planned(replace(one, read=stale)))[Reason.CYCLE]
    assert days(reading) == (gap, gap)
    assert Reason.CYCLE not in due(planned(after(replace(one, read=stale), reading, NOON), now=NOON + HOUR))


def test_webhooks_work_until_none_has_come_for_thirty_hours():
    for hours, expected in ((29, True), (31, False)):
        events = replace(WORKING, last_at=NOON - hours * HOUR)
        assert planned(member(), events=events).webhooks is expected
    few = EventFacts(5, NOON - 13 * ONE_DAY, NOON)
    new = EventFacts(100, NOON - 2 * ONE_DAY, NOON)
    assert not planned(member(), events=few).webhooks
    assert not planned(member(), events=new).webhooks


def test_after_an_outage_of_webhooks_the_next_daily_read_covers_the_time_without_them():
    one = member(read_at=NOON - 25 * HOUR)
    reading = due(planned(one, events=replace(WORKING, last_at=NOON)))[Reason.RECENT]
    assert reading.first <= (NOON - 31 * HOUR).date()
    assert set(reading.streams) == {"cycles", "sleeps", "recoveries", "workouts"}
    stopped = planned(one, events=replace(WORKING, last_at=NOON - 31 * HOUR))
    assert any(task.reason.tier and task.last == TODAY for task in stopped.due)


def test_an_event_whose_loads_failed_is_answered_by_reading_its_day_once():
    one = replace(member(read_at=NOON - HOUR), events=(FailedEvent("workouts", TODAY, NOON - 30 * MINUTE),))
    reading = due(planned(one))[Reason.EVENT]
    assert (reading.streams, reading.last) == (("workouts",), TODAY)
    assert due(planned(after(one, reading, NOON))) == {}


def test_a_load_that_failed_is_tried_again_when_as_long_again_has_passed_as_it_has_been_failing():
    def failed(first, last, transient=True):
        return FailedLoad("workouts", at(-9, 0).date(), at(-7, 0).date(), transient, first, last)

    recently = replace(member(), failures=(failed(NOON - 3 * MINUTE, NOON - 3 * MINUTE),))
    assert due(planned(recently)) == {}
    one = replace(member(), failures=(failed(NOON - 6 * MINUTE, NOON - 6 * MINUTE),))
    assert days(due(planned(one))[Reason.FAILED]) == (at(-9, 0).date(), at(-7, 0).date())
    for_hours = replace(member(), failures=(failed(NOON - 3 * HOUR, NOON - HOUR),))
    assert due(planned(for_hours)) == {}
    lasting = replace(member(read_at=NOON - 25 * HOUR), failures=(failed(NOON, NOON, transient=False),))
    assert {one.streams for one in planned(lasting).due} >= {("cycles", "sleeps", "recoveries")}


# History


def new(user_id: int = 1) -> MemberFacts:
    return MemberFacts(user_id, frozenset(SCOPES), NOON - MINUTE, profile_read_at=NOON - MINUTE)


def test_a_new_member_is_read_newest_first_the_last_month_before_all_else():
    rules = PlannerSettings(TODAY - 1000 * ONE_DAY, TODAY)
    one, seen = new(), []
    for _ in range(40):
        made = plan(facts(one, events=NO_WEBHOOKS), rules)
        pieces = [reading for reading in made.due if reading.reason in (Reason.UNREAD, Reason.HISTORY)]
        if not pieces:
            break
        (piece,) = pieces
        seen.append(piece)
        one = after(one, piece, NOON)
    assert seen[0].reason is Reason.UNREAD
    assert (seen[0].lane, seen[0].first, seen[0].last) == ("schedule", TODAY - 30 * ONE_DAY, TODAY)
    assert {piece.lane for piece in seen[1:]} == {"backfill"}
    assert [piece.first for piece in seen] == sorted((piece.first for piece in seen), reverse=True)
    assert seen[-1].first == rules.first_day
    assert all(piece.first <= later.last + ONE_DAY for later, piece in zip(seen[1:], seen, strict=False))
    assert progress(MemberView(one, rules, NOON)).complete


def test_before_the_first_cycle_history_is_read_in_one_piece():
    one = member()
    read = {stream: StreamCoverage(at(-20, 0), (CoveredSpan(at(-20, 0), NOON, NOON),)) for stream in one.read}
    read["cycles"] = StreamCoverage(
        FIRST - 3000 * ONE_DAY, (CoveredSpan(FIRST - 3000 * ONE_DAY, NOON, NOON),)
    )
    joined = replace(one, read=read, first_cycle=at(-20, 1), cycles=one.cycles[-20:], sleeps=one.sleeps[-20:])
    (reading,) = planned(joined, rules=PlannerSettings(TODAY - 2000 * ONE_DAY, TODAY)).due
    assert reading.reason in (Reason.HISTORY, Reason.UNREAD)
    assert reading.first == TODAY - 2000 * ONE_DAY


def test_progress_says_how_far_back_history_is_read():
    one = member()
    read = {
        stream: StreamCoverage(at(-100, 0), (CoveredSpan(at(-100, 0), NOON, NOON),)) for stream in one.read
    }
    seen = progress(MemberView(replace(one, read=read), RULES, NOON))
    assert seen.back_to == at(-100, 0).date()
    assert 0.2 < seen.share < 0.3
    assert not seen.complete
    assert progress(MemberView(new(), RULES, NOON)).back_to is None


def test_first_imports_take_turns_the_one_that_has_come_least_far_first():
    far, near = member(1), member(2)
    far = replace(
        far, read={s: StreamCoverage(at(-200, 0), (CoveredSpan(at(-200, 0), NOON, NOON),)) for s in far.read}
    )
    near = replace(
        near, read={s: StreamCoverage(at(-50, 0), (CoveredSpan(at(-50, 0), NOON, NOON),)) for s in near.read}
    )
    made = planned(far, near)
    assert [one.user_id for one in made.due if one.reason is Reason.HISTORY] == [2, 1]


def test_days_between_that_were_never_read_are_read():
    one = member()
    read = {
        stream: StreamCoverage(known.oldest, known.spans, (UnreadSpan(at(-200, 0), at(-190, 0)),))
        for stream, known in one.read.items()
    }
    reading = due(planned(replace(one, read=read)))[Reason.HISTORY]
    assert reading.first <= at(-200, 0).date()
    assert reading.last >= at(-190, 0).date()


# Tiers


@pytest.mark.parametrize(
    ("events", "recent", "month"), [(NO_WEBHOOKS, HOUR, 24 * HOUR), (WORKING, 24 * HOUR, 168 * HOUR)]
)
def test_the_last_days_and_the_last_month_are_re_read_at_their_intervals(events, recent, month):
    for tier, interval in ((Reason.RECENT, recent), (Reason.MONTH, month)):
        for late, expected in ((-10 * MINUTE, False), (10 * MINUTE, True)):
            made = planned(member(read_at=NOON - interval - late), events=events)
            # What was read longer ago than another tier's interval is due for that one too.
            found = tier in {one.reason for one in made.due} or any(
                one.first <= TODAY - 30 * ONE_DAY for one in made.due if tier is Reason.RECENT
            )
            assert found is expected, (tier, late)
    assert all(
        one.lane == "backfill"
        for one in planned(member(read_at=at(-2, 0)), events=events).due
        if one.reason.tier
    )


def test_what_lies_before_the_first_partition_is_not_re_read_for_ever():
    rules = replace(RULES, first_day=TODAY - 10 * ONE_DAY)
    one = member(read_at=NOON - 8 * ONE_DAY)
    made = planned(one, rules=rules)
    assert any(reading.reason.tier for reading in made.due)
    for reading in made.due:
        one = after(one, reading, NOON)
    assert not any(reading.reason.tier for reading in planned(one, rules=rules, now=NOON + MINUTE).due)


def test_the_past_is_re_read_when_its_age_has_grown_by_half():
    one = member()
    for read_at, expected in ((NOON - 19 * ONE_DAY, False), (NOON - 21 * ONE_DAY, True)):
        spans = (CoveredSpan(FIRST - 40 * ONE_DAY, at(-40, 0), read_at), CoveredSpan(at(-40, 0), NOON, NOON))
        read = {stream: StreamCoverage(FIRST - 40 * ONE_DAY, spans) for stream in one.read}
        made = planned(replace(one, read=read))
        assert (Reason.ALL in due(made)) is expected
    assert due(made)[Reason.ALL].last == at(-40, 0).date()


def test_with_many_members_the_tiers_stretch_so_that_they_fit_into_their_share():
    one, many = planned(member(), events=NO_WEBHOOKS), [member(n) for n in range(500)]
    made = planned(*many, events=NO_WEBHOOKS)
    assert one.stretch == 1.0
    assert made.stretch > 5
    assert made.expected["re-reading"] <= 0.5 * 10_000
    assert sum(made.expected.values()) <= 0.9 * 10_000
    recent = [reading.due for reading in made.later if reading.reason is Reason.RECENT]
    assert min(recent) > NOON + 5 * HOUR


def test_without_a_share_nothing_is_re_read():
    made = planned(member(read_at=at(-2, 0)), rules=replace(RULES, reread_share=0.0), events=NO_WEBHOOKS)
    assert not [one for one in (*made.due, *made.later) if one.reason.tier]


# Snapshots, the budget


def test_profile_and_body_measurements_are_kept_once_a_day():
    assert due(planned(replace(member(), profile_read_at=None)))[Reason.SNAPSHOT].streams == (
        "profile",
        "body_measurement",
    )
    assert due(planned(replace(member(), body_read=False))) == {}  # the account has none: it was asked for
    just_connected = replace(member(), connected_at=at(0, 1), body_read=False)
    assert Reason.SNAPSHOT in due(planned(just_connected))


def test_what_the_days_budget_has_no_room_for_waits_the_tiers_first():
    lacking = without(member(read_at=at(-2, 0)), recovery=-1)
    urgent = planned(lacking, events=NO_WEBHOOKS, used=7_500, oldest=NOON - 20 * HOUR)
    assert {one.reason.tier for one in urgent.held} == {True}
    assert Reason.RECOVERY in {one.reason for one in urgent.due}
    assert urgent.next_at is not None
    spent = planned(lacking, events=NO_WEBHOOKS, used=9_600, oldest=NOON - 20 * HOUR)
    assert spent.due == ()
    assert spent.held


def backfills(made: Plan) -> int:
    """Expected requests of what is due in that lane."""
    return sum(one.requests for one in made.due if one.lane == "backfill")


def test_the_backfill_lane_leaves_what_webhooks_will_still_need_of_the_day():
    """Forty members, 2,000 events in 13 days: 277 requests a day. Their snapshots would be 80."""
    everybody = [replace(member(user_id), profile_read_at=None) for user_id in range(40)]
    busy = replace(WORKING, count=2_000)
    room = {
        sent: backfills(planned(*everybody, events=busy, per_day=400, used=320, webhooks=sent, backfills=20))
        for sent in (0, 150, 300)
    }
    assert room == {0: 20, 150: 20, 300: 20}
    room = {
        sent: backfills(planned(*everybody, events=busy, per_day=400, used=200, webhooks=sent, backfills=100))
        for sent in (0, 77, 100)
    }
    assert room == {0: 0, 77: 0, 100: 22}


def test_until_it_is_known_whether_webhooks_come_they_are_expected():
    def made(**more: Any) -> int:
        return backfills(planned(*everybody, per_day=400, backfills=100, **more))

    everybody = [replace(member(user_id), profile_read_at=None, last_event_at=None) for user_id in range(40)]
    assert made(events=EventFacts(1, NOON - HOUR, NOON - HOUR), used=100) == 0  # eight a member and day
    assert made(events=NO_WEBHOOKS, used=100) == 80
    everybody = [replace(one, connected_at=NOON - HOUR) for one in everybody]
    assert made(events=NO_WEBHOOKS, used=100) == 0


def test_while_whoop_answers_429_nothing_is_asked_for_before_its_reset():
    made = planned(member(read_at=at(-2, 0)), events=NO_WEBHOOKS, closed_until=NOON + 5 * HOUR)
    assert made.due == ()
    assert {one.due for one in made.held} == {NOON + 5 * HOUR}


def test_a_day_without_a_partition_waits():
    east = replace(member(read_at=at(-1, 20)), offset=timedelta(hours=13))
    made = plan(facts(east, events=NO_WEBHOOKS), replace(RULES, last_day=TODAY - ONE_DAY))
    assert all(one.last <= TODAY - ONE_DAY for one in (*made.due, *made.later))


def test_somebody_who_sleeps_by_day_wakes_in_the_evening():
    one = member(nights=range(-34, 0))
    shift = timedelta(hours=11)
    moved = replace(
        one,
        cycles=tuple(c._replace(start=c.start + shift, made_at=c.made_at + shift) for c in one.cycles),
        sleeps=tuple(
            s._replace(start=s.start + shift, end=s.end + shift, made_at=s.made_at + shift)
            for s in one.sleeps
        ),
        latest_cycle=night(-1)[0].start + shift,
        last_event_at=None,
    )
    made = plan(facts(moved, events=NO_WEBHOOKS, now=at(0, 12)), replace(RULES, reread_share=0.0))
    looks = [one for one in (*made.due, *made.later) if one.reason is Reason.MORNING]
    assert [one.due.hour for one in looks] == [18]


# Asked for by opening today


def test_opening_today_reads_the_last_days_once():
    one = replace(member(read_at=NOON - 4 * HOUR), asked_at=NOON - MINUTE)
    reading = due(planned(one))[Reason.ASKED]
    assert (reading.streams, reading.first) == (("cycles", "sleeps", "recoveries"), TODAY - 3 * ONE_DAY)
    assert (reading.last, reading.lane, reading.requests) == (TODAY, "schedule", 3)
    assert Reason.ASKED not in due(planned(after(one, reading, NOON)))
    assert Reason.ASKED not in due(planned(replace(member(), asked_at=NOON - 2 * MINUTE)))


def test_a_dashboard_that_asks_all_the_time_costs_little_while_the_night_is_not_here():
    """Asked every five minutes, from midnight on, of a member whose strap lies at home."""
    one, readings = member(read_at=at(-1, 23.9), nights=range(-34, 0)), []
    for minute in range(0, 24 * 60, 5):
        now = at(0, 0) + minute * MINUTE
        one = replace(one, asked_at=now)
        made = plan(facts(one, events=WORKING, now=now), replace(RULES, reread_share=0.0))
        for reading in made.due:
            if reading.reason is Reason.ASKED:
                readings.append(now)
                one = after(one, reading, now)
    before = [moment for moment in readings if moment < at(0, 6.9)]
    assert 5 <= len(before) <= 8
    assert len(readings) - len(before) <= 45


# East of WHOOP_TIMEZONE: the member's today has no partition yet


def in_auckland(one: MemberFacts) -> MemberFacts:
    """The member with the same nights at +13:00, on whose today (the day after RULES' last) the night has
    ended.
    """
    cycle, _ = night(1)
    return replace(
        one,
        offset=timedelta(hours=13),
        cycles=(*one.cycles, cycle._replace(start=at(0, 10), offset=timedelta(hours=13), made_at=at(0, 18))),
    )


YESTERDAY_IN_UTC = replace(RULES, last_day=TODAY)
EVENING = at(0, 20)


def test_a_night_of_a_day_without_a_partition_is_asked_for_only_when_it_has_one():
    one = in_auckland(member(read_at=EVENING - 3 * HOUR))
    waiting = plan(facts(one, now=EVENING, events=NO_WEBHOOKS), YESTERDAY_IN_UTC)
    assert Reason.RECOVERY not in due(waiting)
    made = plan(facts(one, now=EVENING, events=NO_WEBHOOKS), replace(RULES, last_day=TODAY + ONE_DAY))
    assert due(made)[Reason.RECOVERY].last == TODAY + ONE_DAY


def test_a_reader_who_opens_a_today_without_a_partition_asks_for_no_reading():
    one = replace(in_auckland(member(read_at=EVENING - 4 * HOUR)), asked_at=EVENING - MINUTE)
    assert Reason.ASKED not in due(plan(facts(one, now=EVENING), YESTERDAY_IN_UTC))
    assert Reason.ASKED in due(plan(facts(one, now=EVENING), replace(RULES, last_day=TODAY + ONE_DAY)))


def test_an_event_of_a_day_without_a_partition_asks_for_no_reading_of_another_day():
    event = FailedEvent("sleeps", TODAY + ONE_DAY, EVENING - HOUR)
    one = replace(in_auckland(member(read_at=EVENING - 4 * HOUR)), events=(event,))
    assert Reason.EVENT not in due(plan(facts(one, now=EVENING), YESTERDAY_IN_UTC))
    assert Reason.EVENT in due(plan(facts(one, now=EVENING), replace(RULES, last_day=TODAY + ONE_DAY)))
