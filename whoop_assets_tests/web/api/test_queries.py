"""Freshness of today's recovery, and readings that are requested by opening today."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from whoop_assets.app_export.tables import imported_cycles
from whoop_assets.members import readers
from whoop_assets.members import store as member_store
from whoop_assets.planner import Reason
from whoop_assets.planner.current_plan import plan_now
from whoop_assets.planner.tables import asked_readings
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.summaries.tables import daily_summary
from whoop_assets.sync.members import membership
from whoop_assets.web.api import queries
from whoop_assets.web.api.queries import MIN_ASK_INTERVAL, STALE_WITH, STALE_WITHOUT, Question
from whoop_assets_tests.support.data.daily_rows import daily_row
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import at_home, frozen_world

ONE_DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture
def home(database_url):
    with at_home(database_url, frozen_world(members=2, days=40)) as opened:
        opened.load(TODAY - 35 * ONE_DAY, TODAY)
        rebuild_days(opened.database, opened.members, TODAY - 35 * ONE_DAY, TODAY)
        yield opened


@pytest.fixture
def reader(home):
    with home.database.write() as connection:
        return readers.add(connection, "a dashboard", [home.member], home.clock.now())[0]


def status(home, reader):
    with home.database.read() as connection:
        now = home.database.now(connection)
        (found,) = queries.recovery_status(connection, reader, now)
    return found


def opened(home, reader, first=TODAY, last=TODAY, **given):
    """Open these days as the API does; return the members for whom a reading was requested."""
    with home.database.read() as connection:
        now = home.database.now(connection)
        found = queries.opened_today(connection, Question(reader, first, last, 200, **given), now)
    wanted = [member.user_id for member in found if member.worth_asking]
    with home.database.write() as connection:
        queries.ask(connection, wanted, now)
    return wanted


def asked_for(home):
    """Return the planned readings that a reader requested."""
    made = plan_now(home.database, home.connection.settings)
    return [task for task in (*made.due, *made.later) if task.reason is Reason.ASKED]


def test_the_status_matches_the_stored_rows(home, reader):
    found = status(home, reader)
    row = home.rows("daily_summary").get((home.member, found.today))
    member_rows = [row for row in home.rows("recoveries").values() if row["user_id"] == home.member]
    assert (found.today, found.connected) == (TODAY, True)
    assert found.today_exists == (row is not None)
    assert found.recovery_exists == (row is not None and row["last_recovery_synced_at"] is not None)
    assert found.recovery_changed_at == max(row["changed_at"] for row in member_rows)
    assert found.at - found.recovery_looked_at < MINUTE
    assert not found.is_stale


def test_a_member_without_data_has_a_status(home, reader):
    with home.database.write() as connection:
        membership.erase_member(connection, home.member)
        no_profile = {"email": None, "first_name": None, "last_name": None}
        member_store.connect(connection, home.member, ["offline"], no_profile, home.clock.now())
        reader = readers.add(connection, "another", [home.member], home.clock.now())[0]
    found = status(home, reader)
    assert (found.today, found.today_exists) == (TODAY, False)
    assert (found.recovery_looked_at, found.recovery_changed_at) == (None, None)
    assert found.is_stale


def test_a_member_from_an_export_has_a_local_day_and_no_requested_readings(home):
    at = home.database.now
    with home.database.write([member_store.NEWCOMERS]) as connection:
        user_id = membership.add_export_only(connection, at(connection))
        today = (at(connection) + timedelta(hours=14)).date()
        cycle = {
            "user_id": user_id,
            "timezone_offset": "+14:00",
            "day": today,
            "payload": "{}",
            "content_hash": "",
            **dict.fromkeys(("start_time", "first_seen_at", "changed_at", "imported_at"), at(connection)),
        }
        connection.execute(insert(imported_cycles), [cycle])
        row = daily_row(user_id, today, full=False, recovery_score=66.0, timezone_offset="+14:00")
        connection.execute(insert(daily_summary), [row])
        reader, _ = readers.add(connection, "a dashboard", [user_id], at(connection))
    with home.database.read() as connection:
        now = at(connection)
        (found,) = queries.recovery_status(connection, reader, now)
    assert (found.today, found.today_exists, found.recovery_exists) == (today, True, True)
    assert (found.recovery_looked_at, found.is_stale, found.worth_asking) == (None, True, False)


def test_today_is_the_members_local_day(home, reader):
    offset = home.truth()["cycles"][0]["timezone_offset"]
    assert status(home, reader).today == (home.clock.now()).date()
    home.clock.advance(timedelta(hours=12) + timedelta(minutes=1))
    local = home.clock.now() + queries.offset_of(offset)
    assert status(home, reader).today == local.date()


def test_opening_today_requests_a_reading_if_the_recovery_is_stale_once_per_interval(home, reader):
    assert opened(home, reader) == []
    home.clock.advance(STALE_WITH if status(home, reader).recovery_exists else STALE_WITHOUT)
    assert opened(home, reader, TODAY - ONE_DAY, TODAY - ONE_DAY) == []
    assert opened(home, reader, TODAY + ONE_DAY, TODAY + 9 * ONE_DAY) == []
    assert opened(home, reader, member=home.members[1]) == []
    assert opened(home, reader, after=(TODAY, home.members[1] + 9)) == []
    assert opened(home, reader, TODAY - 9 * ONE_DAY, TODAY) == [home.member]
    assert opened(home, reader) == []
    home.clock.advance(MIN_ASK_INTERVAL - timedelta(seconds=1))
    assert opened(home, reader) == []
    home.clock.advance(1)
    assert opened(home, reader) == [home.member]


def test_two_concurrent_readers_request_one_reading(home, reader):
    with home.database.write() as connection:
        now = home.clock.now()
        queries.ask(connection, [home.member], now)
        later = now + timedelta(seconds=1)
        queries.ask(connection, [home.member], later)
        queries.ask(connection, [*home.members, 4711], later)
        asked = dict(connection.execute(select(asked_readings.c.user_id, asked_readings.c.asked_at)).all())
    assert asked == {home.member: now, home.members[1]: later}


def test_no_reading_of_a_disconnected_member_is_requested(home, reader):
    home.clock.advance(STALE_WITH)
    with home.database.write() as connection:
        member_store.set_status(connection, home.member, member_store.DISCONNECTED)
    assert opened(home, reader) == []


def test_a_request_is_planned_as_a_reading_of_the_last_days_until_it_is_done(home, reader):
    home.advance(STALE_WITH)
    assert asked_for(home) == []
    assert opened(home, reader) == [home.member]
    (reading,) = asked_for(home)
    assert (reading.user_id, reading.streams) == (home.member, ("cycles", "sleeps", "recoveries"))
    assert (reading.last, reading.lane, reading.requests) == (TODAY, "schedule", 3)
    assert reading.first >= TODAY - 3 * ONE_DAY
    home.advance(max(reading.due - home.clock.now(), timedelta(0)) + timedelta(seconds=1))
    (reading,) = asked_for(home)
    home.load(reading.first, reading.last, reading.streams, members=[home.member], since=reading.since)
    assert asked_for(home) == []
    found = status(home, reader)
    assert not found.is_stale


def test_a_request_expires_after_an_hour(home, reader):
    home.advance(STALE_WITH)
    assert opened(home, reader) == [home.member]
    home.clock.advance(timedelta(hours=1))
    assert asked_for(home) == []
