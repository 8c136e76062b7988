"""The planner's facts equal the content of the tables, on both databases."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, update

from whoop_assets.members.store import DISCONNECTED, set_status
from whoop_assets.planner import gather
from whoop_assets.planner.facts import RECENT, CoveredSpan, FailedEvent, UnreadSpan
from whoop_assets.records import coverage, load_failures, tables
from whoop_assets.records.coverage import Span
from whoop_assets.records.load_failures import Failure
from whoop_assets.request_budget import tables as budget_tables
from whoop_assets.webhooks import tables as webhook_tables
from whoop_assets_tests.support.fixed_time import NOW, TODAY
from whoop_assets_tests.support.home import at_home, frozen_world

ONE_DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def home(database_url):
    with at_home(database_url, frozen_world(members=2, days=80)) as connected:
        yield connected


def gather_facts(home, **given):
    with home.database.read() as connection:
        now = home.database.now(connection)
        return gather.gather(connection, now, now.date(), requests_per_day=10_000, **given)


def test_facts_contain_the_cycles_sleeps_and_recoveries_of_the_last_weeks(home):
    home.load(TODAY - 70 * ONE_DAY, TODAY)
    found = gather_facts(home)
    assert [member.user_id for member in found.members] == sorted(home.members)
    recoveries = home.rows("recoveries")
    for member in found.members:
        cycles = sorted(
            (row for row in home.rows("cycles").values() if row["user_id"] == member.user_id),
            key=lambda row: row["start_time"],
        )
        back = (found.now - RECENT).date()
        assert [(c.start, c.end, c.day, c.made_at) for c in member.cycles] == [
            (row["start_time"], row["end_time"], row["day"], row["created_at"])
            for row in cycles
            if row["day"] >= back
        ]
        assert (member.first_cycle, member.latest_cycle) == (
            cycles[0]["start_time"],
            cycles[-1]["start_time"],
        )
        sleeps = sorted(
            (
                row
                for row in home.rows("sleeps").values()
                if row["user_id"] == member.user_id and not row["nap"]
            ),
            key=lambda row: row["start_time"],
        )
        states = {row["id"]: recoveries.get(row["id"], {}).get("score_state") for row in sleeps}
        expected = [
            (row["start_time"], row["end_time"], row["score_state"], states[row["id"]])
            for row in sleeps
            if row["day"] >= back
        ]
        known = [(s.start, s.end, s.state, s.recovery_state) for s in member.sleeps]
        assert [entry for entry in known if entry not in expected] == []
        assert [entry for entry in expected if entry not in known] == []


def test_two_cycles_of_a_member_may_begin_together(home):
    home.load(TODAY - 20 * ONE_DAY, TODAY)
    c = tables.cycles.c
    newest, other = [home.truth()["cycles"][place]["id"] for place in (0, 1)]
    start = home.rows("cycles")[newest]["start_time"]
    with home.database.write() as connection:
        connection.execute(update(tables.cycles).where(c.id == other).values(start_time=start))
    (member,) = gather_facts(home, only=home.member).members
    assert [cycle.start for cycle in member.cycles[-2:]] == [start, start]


def test_the_facts_of_one_member_are_read_from_the_rows_of_that_member(home):
    """A member's page reads them: its time must not grow with the number of members."""
    home.load(TODAY - 20 * ONE_DAY, TODAY)
    statements = []
    with home.database.read() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: statements.append(given[2:4]))
        found = gather.gather(connection, NOW, TODAY, requests_per_day=10_000, only=home.member)
    assert found.members == tuple(one for one in gather_facts(home).members if one.user_id == home.member)
    of_all_members = [
        sql
        for sql, values in statements
        if re.search(r"FROM.* (coverage|cycles|sleeps)\b", sql, re.DOTALL)
        and str(home.member) not in str(values)
    ]
    # A requested reading of six months, with its coverage; few members have one.
    assert [sql for sql in of_all_members if "forced_readings" not in sql] == []


def test_a_deleted_recovery_counts_as_missing(home):
    home.load(TODAY - 20 * ONE_DAY, TODAY)
    newest = home.truth()["recoveries"][0]["sleep_id"]
    home.world.delete(home.member, "recoveries", newest)
    home.load(TODAY - 20 * ONE_DAY, TODAY)
    without_recovery = [
        sleep for sleep in gather_facts(home, only=home.member).members[0].sleeps if not sleep.recovery_state
    ]
    assert newest in {
        row["id"]
        for row in home.rows("sleeps").values()
        if row["start_time"] in {s.start for s in without_recovery}
    }


def test_facts_contain_the_coverage_and_its_unread_spans(home):
    spans = [(-300, -250), (-200, -100), (-100, -60), (-50, -34), (-33, -20), (-10, 0)]
    with home.database.write([home.member]) as connection:
        for stream in ("cycles", "workouts"):
            for number, (start, end) in enumerate(spans):
                span = Span(NOW + start * ONE_DAY, NOW + end * ONE_DAY)
                coverage.record(
                    connection, home.member, stream, span, NOW + (end - 1) * ONE_DAY + number * HOUR
                )
    (member,) = gather_facts(home, only=home.member).members
    holes = tuple(
        UnreadSpan(NOW + start * ONE_DAY, NOW + end * ONE_DAY)
        for start, end in ((-250, -200), (-60, -50), (-34, -33), (-20, -10))
    )
    for stream in ("cycles", "workouts"):
        assert member.read[stream].oldest == NOW - 300 * ONE_DAY
        assert member.read[stream].unread == holes
    assert len(member.read["cycles"].spans) == len(spans)
    assert [read.start for read in member.read["workouts"].spans] == [
        NOW + start * ONE_DAY for start in (-50, -33, -10)
    ]
    assert isinstance(member.read["workouts"].spans[0], CoveredSpan)
    assert "sleeps" not in member.read


def test_facts_contain_webhook_events_and_failed_loads(home):
    def webhook(name, at, *, state="done", attempts=0, stream="workouts", user=None):
        return {
            "trace_id": name, "user_id": user or home.member, "event_type": "workout.updated",
            "record_id": "x", "stream": stream, "payload": "{}", "sent_at": at, "received_at": at,
            "state": state, "open_since": at, "attempts": attempts, "day": TODAY,
        }  # fmt: skip

    with home.database.write() as connection:
        rows = [
            webhook("long ago", NOW - 20 * ONE_DAY),
            webhook("a", NOW - 9 * HOUR),
            webhook("b", NOW - 8 * HOUR - timedelta(minutes=45)),
            webhook("c", NOW - 3 * HOUR, user=home.members[1]),
            webhook("tried once", NOW - 2 * HOUR, state="open", attempts=1),
            webhook("tried three times", NOW - 2 * HOUR, state="open", attempts=3),
            webhook("parked", NOW - HOUR, state="parked"),
            webhook("of no stream", NOW - HOUR, state="parked", stream=None),
        ]
        connection.execute(insert(webhook_tables.webhook_events), rows)
        failure = Failure(home.member, "sleeps", TODAY - ONE_DAY, TODAY, "a cause", True, "a run")
        load_failures.record(connection, failure, NOW - HOUR)
        load_failures.record(connection, failure, NOW)
    found = gather_facts(home)
    assert (found.events.count, found.events.first_at, found.events.last_at) == (
        7,
        NOW - 9 * HOUR,
        NOW - HOUR,
    )
    member, other = sorted(found.members, key=lambda member: member.user_id != home.member)
    assert (member.last_event_at, other.last_event_at) == (NOW - HOUR, NOW - 3 * HOUR)
    assert set(member.events) == {
        FailedEvent("workouts", TODAY, NOW - 2 * HOUR),
        FailedEvent("workouts", TODAY, NOW - HOUR),
    }
    ((stream, first, last, transient, since, until),) = member.failures
    assert (stream, first, last, transient) == ("sleeps", TODAY - ONE_DAY, TODAY, True)
    assert (since, until) == (NOW - HOUR, NOW)


def test_facts_contain_connected_members_and_todays_snapshots(home):
    home.load(TODAY, TODAY, ("profile", "body_measurement"), members=[home.member])
    with home.database.write() as connection:
        set_status(connection, home.members[1], DISCONNECTED)
    (member,) = gather_facts(home).members
    assert member.user_id == home.member
    assert member.body_read
    assert member.profile_read_at is not None
    home.clock.advance(ONE_DAY)
    (member,) = gather_facts(home).members
    assert (member.profile_read_at, member.body_read) == (None, False)


def test_the_daily_budget_uses_the_limit_and_remaining_requests_that_whoop_states(home):
    with home.database.write() as connection:
        for hours in (30, 20, 1):
            connection.execute(
                insert(budget_tables.request_grants), {"granted_at": NOW - hours * HOUR, "lane": "schedule"}
            )
        connection.execute(
            insert(budget_tables.request_limits),
            {"window_seconds": 86_400, "requests": 777, "learned_at": NOW},
        )
        connection.execute(
            insert(budget_tables.request_gate),
            {"id": 1, "not_before": NOW + HOUR, "limited_at": NOW, "share": 0.5},
        )
    budget = gather_facts(home).budget
    assert (budget.per_day, budget.closed_until, budget.oldest) == (777, NOW + HOUR, NOW - 20 * HOUR)
    assert 2 <= budget.used < 700
    with home.database.write() as connection:
        until = NOW + HOUR
        stated = {"window_seconds": 86_400, "remaining": 77, "as_of": NOW, "until": until}
        connection.execute(insert(budget_tables.request_allowances), stated)
    assert gather_facts(home).budget.used == 700


def test_a_pause_and_an_allowance_from_before_the_clock_was_set_back_are_ignored_as_by_the_budget(home):
    before = gather_facts(home).budget
    with home.database.write() as connection:
        far = NOW + 30 * ONE_DAY
        gate = {"id": 1, "not_before": far, "limited_at": NOW, "share": 0.5}
        connection.execute(insert(budget_tables.request_gate), gate)
        stated = {"window_seconds": 86_400, "remaining": 1, "as_of": NOW, "until": far}
        connection.execute(insert(budget_tables.request_allowances), stated)
    assert gather_facts(home).budget == before
