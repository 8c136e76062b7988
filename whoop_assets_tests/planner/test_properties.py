"""What holds of every plan, whatever is lacking."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from whoop_assets.planner import Plan, PlannerSettings, Reason, plan
from whoop_assets.planner.facts import (
    CoveredSpan,
    FailedEvent,
    FailedLoad,
    MemberFacts,
    StreamCoverage,
    UnreadSpan,
)
from whoop_assets.whoop_api.scopes import SCOPES
from whoop_assets_tests.planner.moments import (
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
    facts,
    member,
    without,
)
from whoop_assets_tests.support.models.modelled import ModelledWhoop

STREAMS = ("cycles", "sleeps", "recoveries", "workouts")


@st.composite
def members(draw, user_id: int = 1) -> MemberFacts:
    """A member with any mixture of what can be lacking."""
    if draw(st.integers(0, 9)) == 0:
        return MemberFacts(user_id, frozenset(SCOPES), NOON - HOUR)
    one = member(
        user_id,
        read_at=NOON - draw(st.integers(1, 5000)) * MINUTE,
        nights=range(-34, draw(st.integers(-5, 1))),
    )
    for _ in range(draw(st.integers(0, 2))):
        one = without(one, sleep=draw(st.integers(-33, 0)))
    for _ in range(draw(st.integers(0, 2))):
        one = without(one, recovery=draw(st.integers(-33, 0)))
    lost = {TODAY + draw(st.integers(-33, -2)) * ONE_DAY for _ in range(draw(st.integers(0, 2)))}
    cycles = [
        cycle._replace(
            end=cycle.end if draw(st.integers(0, 20)) else None, pending=not draw(st.integers(0, 20))
        )
        for cycle in one.cycles
        if cycle.day not in lost
    ]
    one = replace(one, cycles=tuple(cycles), offset=timedelta(hours=draw(st.integers(-11, 13))))
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
            for name, known in one.read.items()
        }
        one = replace(one, read=read)
    if draw(st.booleans()):
        start = at(draw(st.integers(-380, -36)), 0)
        streams = draw(st.sets(st.sampled_from(STREAMS), min_size=1))
        read = {name: StreamCoverage(start, (CoveredSpan(start, NOON, NOON - HOUR),)) for name in streams}
        one = replace(one, read={**one.read, **read})
    events = tuple(
        FailedEvent(draw(st.sampled_from(STREAMS[1:])), at(-draw(st.integers(0, 9)), 0).date(), NOON - HOUR)
        for _ in range(draw(st.integers(0, 2)))
    )
    failed_at = NOON - draw(st.integers(0, 600)) * MINUTE
    failures = tuple(
        FailedLoad(
            draw(st.sampled_from(STREAMS)),
            at(-9, 0).date(),
            at(-draw(st.integers(0, 8)), 0).date(),
            draw(st.booleans()),
            failed_at - draw(st.integers(0, 300)) * MINUTE,
            failed_at,
        )
        for _ in range(draw(st.integers(0, 2)))
    )
    return replace(one, events=events, failures=failures)


HOOKS = st.sampled_from([NO_WEBHOOKS, WORKING])


def carried_out(one: MemberFacts, made: Plan, now) -> MemberFacts:
    for reading in made.due:
        one = after(one, reading, now)
        kept = [
            failure
            for failure in one.failures
            if failure.stream not in reading.streams
            or failure.first_day < reading.first
            or failure.last_day > reading.last
        ]
        one = replace(one, failures=tuple(kept))
    return one


@given(members(), HOOKS)
def test_what_has_just_been_read_is_not_asked_for_again(one, hooks):
    made = plan(facts(one, events=hooks), RULES)
    again = plan(facts(carried_out(one, made, NOON), events=hooks), RULES)
    asked = {(reading.reason, reading.first, reading.last, reading.streams) for reading in made.due}
    # A history goes on with its next piece; anything else would be the same once more.
    rest = [reading for reading in again.due if reading.reason is not Reason.HISTORY]
    assert [one for one in rest if (one.reason, one.first, one.last, one.streams) in asked] == []


@given(members(), HOOKS)
def test_the_work_comes_to_an_end(one, hooks):
    for _ in range(40):
        made = plan(facts(one, events=hooks), RULES)
        if not made.due:
            break
        one = carried_out(one, made, NOON)
    assert made.due == ()
    assert made.next_at is None or made.next_at > NOON


@given(members(), HOOKS)
def test_nothing_is_due_before_its_time_and_at_that_time_something_is(one, hooks):
    now = NOON
    for _ in range(15):
        made = plan(
            facts(one, events=replace(hooks, last_at=now) if hooks is WORKING else hooks, now=now), RULES
        )
        if not made.due:
            break
        one, now = carried_out(one, made, now), now + MINUTE
    if made.next_at is not None:
        then = made.next_at
        hooks = replace(hooks, last_at=then) if hooks is WORKING else hooks
        rules = replace(RULES, last_day=max(then.date(), RULES.last_day))
        if one.profile_read_at is not None and one.profile_read_at.date() < rules.last_day:
            one = replace(one, profile_read_at=None, body_read=False)
        assert plan(facts(one, events=hooks, now=then), rules).due


@given(st.lists(st.integers(1, 60), unique=True, min_size=2, max_size=6), st.data())
def test_the_order_of_the_members_does_not_matter(ids, data):
    some = [data.draw(members(user_id)) for user_id in ids]
    assert plan(facts(*some), RULES) == plan(facts(*some[::-1]), RULES)


@given(st.lists(members(), min_size=1, max_size=1), st.integers(0, 9_999))
def test_the_days_limit_is_never_planned_beyond(some, used):
    made = plan(facts(*some, used=used, oldest=NOON - HOUR), RULES)
    assert used + sum(one.requests for one in made.due) <= 9_500 or len(made.due) == 0


@given(members(), HOOKS)
def test_every_reading_is_within_the_partitions_and_the_grant(one, hooks):
    some = replace(one, scopes=frozenset({"read:cycles", "read:recovery"}))
    made = plan(facts(some, events=hooks), RULES)
    for reading in (*made.due, *made.held, *made.later):
        assert RULES.first_day <= reading.first <= reading.last <= RULES.last_day
        assert set(reading.streams) <= {"cycles", "recoveries"}
        assert reading.streams
        assert reading.requests >= 1


@settings(max_examples=8)
@given(st.integers(0, 1000), st.booleans(), st.integers(-18, 0))
def test_every_gap_is_asked_for_in_the_end(seed, hooks, day):
    """What is missing of a modelled member, whatever it is, is there within nine days, and was not there when
    it was read last.
    """
    whoop = ModelledWhoop(members=1, now=NOON, days=60, ahead=12, seed=seed, webhooks=hooks, zones=(0,))
    whoop.rules = replace(whoop.rules, first_day=(NOON - 50 * ONE_DAY).date())
    whoop.know_everything()
    one = whoop.members[0]
    gap = TODAY + day * ONE_DAY
    one.cycles.pop(gap, None)
    one.sleeps.discard(gap)
    one.recoveries.discard(TODAY + (day - 3) * ONE_DAY)
    one.changed()
    whoop.run(NOON + 9 * ONE_DAY)
    made = {night.day for night in one.made(NOON)}
    assert made <= set(one.cycles)
    assert made <= one.sleeps
    assert made <= one.recoveries


def test_a_strap_that_is_taken_off_costs_little_in_the_end():
    whoop = ModelledWhoop(members=1, now=NOON, days=60, ahead=0, webhooks=False, zones=(0,))
    whoop.know_everything()
    whoop.run(NOON + 20 * ONE_DAY)
    before = len(whoop.sent)
    whoop.run(NOON + 25 * ONE_DAY)
    # A morning look, the last days, the month, the snapshots.
    assert (len(whoop.sent) - before) / 5 <= 1.5 + 4.5 + 8 + 2


def test_the_rules_need_no_member_to_be_on_a_particular_day():
    first = PlannerSettings(TODAY, TODAY)
    made = plan(facts(MemberFacts(1, frozenset(SCOPES), NOON - MINUTE)), first)
    assert {one.first for one in made.due} == {TODAY}
