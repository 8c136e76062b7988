"""Overlapping loads, and changes during a load."""

from datetime import date, timedelta

import pytest

from whoop_assets.errors import ReconnectionNeeded, UnknownMember
from whoop_assets.members import store as member_store
from whoop_assets.records import coverage, load_failures
from whoop_assets.records.coverage import Span
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.sync.load_members import LoadRequest, load_members
from whoop_assets.sync.members.connecting import disconnect_member
from whoop_assets.sync.session import WhoopSession
from whoop_assets_tests.support.fixed_time import NOW, TODAY
from whoop_assets_tests.support.home import at_home, frozen_world, moment

FIRST = TODAY - timedelta(days=9)


@pytest.fixture
def home(sqlite_url):
    with at_home(sqlite_url, frozen_world(days=30, seed=9)) as home:
        yield home


def load_request(home, stream, first, last, run_id):
    home.clock.advance(1)
    now = home.clock.now()
    return LoadRequest(stream, first, last, now.date(), now, now, run_id=run_id)


def open_failures(home, run_id=None):
    with home.database.read() as connection:
        return load_failures.open_failures(connection, run_id=run_id)


def test_a_load_of_other_days_does_not_clear_a_failure(home):
    home.world.inject_fault(
        kind="status", status=403, count=1000, path_prefix="/developer/v2/activity/workout"
    )
    load_members(
        home.connection, load_request(home, "workouts", FIRST - timedelta(days=5), FIRST, "backfill")
    )
    home.world.clear_faults()
    load_members(home.connection, load_request(home, "workouts", TODAY - timedelta(days=2), TODAY, "refresh"))
    assert [failure.stream for failure in open_failures(home, "backfill")] == ["workouts"]

    home.world.inject_fault(
        kind="status", status=403, count=1000, path_prefix="/developer/v2/activity/workout"
    )
    load_members(
        home.connection, load_request(home, "workouts", TODAY - timedelta(days=2), TODAY, "refresh2")
    )
    assert [failure.first_day for failure in open_failures(home, "backfill")] == [FIRST - timedelta(days=5)]

    home.world.clear_faults()
    load_members(home.connection, load_request(home, "workouts", FIRST - timedelta(days=9), TODAY, "again"))
    assert open_failures(home) == []


def test_a_snapshot_load_of_a_past_day_does_not_clear_todays_failure(home):
    home.world.inject_fault(kind="status", status=403, count=10, path_prefix="/developer/v2/user/measurement")
    load_members(home.connection, load_request(home, "body_measurement", TODAY, TODAY, "today"))
    home.world.clear_faults()
    yesterday = TODAY - timedelta(days=1)
    load_members(home.connection, load_request(home, "body_measurement", yesterday, yesterday, "yesterday"))
    assert len(open_failures(home, "today")) == 1


def test_a_pair_that_arrives_after_the_lease_expired_is_stored(home):
    # Another process takes the lease over and is rejected, because this process has used the token.
    home.world.expire_tokens(home.member)
    other = WhoopSession(home.connection.settings, home.database)

    def another_is_rejected():
        home.clock.advance(timedelta(minutes=5))
        with pytest.raises(ReconnectionNeeded, match="connected again"):
            other.client(home.member, "schedule").profile()

    home.at_response("/oauth/oauth2/token", another_is_rejected)
    assert home.connection.client(home.member, "schedule").profile().payload["user_id"] == home.member
    assert home.rows("members")[home.member]["status"] == "connected"
    assert other.client(home.member, "schedule").profile().payload["user_id"] == home.member
    other.close()


def test_a_naps_recovery_stored_by_another_load_is_not_deleted(home):
    home.load(FIRST, TODAY)
    sleep = next(s for s in home.truth()["sleeps"][3:] if not s["nap"])
    recovery = next(r for r in home.truth()["recoveries"] if r["sleep_id"] == sleep["id"])
    nap_id = "00000000-0000-4000-8000-000000000077"
    start = moment(sleep["start"]) + timedelta(hours=14)
    nap = sleep | {
        "id": nap_id,
        "nap": True,
        "start": text(start),
        "end": text(start + timedelta(minutes=30)),
    }

    def load_concurrently():
        home.world.add(home.member, "sleeps", nap)
        home.world.add(home.member, "recoveries", recovery | {"sleep_id": nap_id})
        home.clock.advance(1)
        home.load(FIRST, TODAY, ["sleeps", "recoveries"])
        home.clock.advance(1)

    home.at_response("/developer/v2/recovery", load_concurrently)
    home.load(FIRST, TODAY, ["recoveries"])
    assert nap_id in home.rows("recoveries")


def text(time):
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_piece_read_during_an_erase_is_not_stored(home):
    home.at_response(
        "/developer/v2/cycle", lambda: disconnect_member(home.connection, home.member, erase=True)
    )
    load_members(home.connection, load_request(home, "cycles", FIRST, TODAY, "run"))
    for table in ("cycles", "record_versions", "coverage", "stale_days", "load_failures", "members"):
        assert home.rows(table) == {}, table
    with home.database.read() as connection, pytest.raises(UnknownMember):
        member_store.require(connection, home.member)


def test_days_of_a_disconnected_member_are_summarised_without_open_failures(home):
    home.load(FIRST, TODAY)
    home.world.inject_fault(kind="status", status=403, count=10, path_prefix="/developer/v2/activity/workout")
    home.load(FIRST, TODAY, ["workouts"])
    home.world.clear_faults()
    disconnect_member(home.connection, home.member, erase=False)
    assert open_failures(home) == []
    with home.database.read() as connection:
        members = member_store.chosen(connection, (), with_disconnected=True)
        assert member_store.chosen(connection, ()) == []
    rebuild_days(home.database, [member.user_id for member in members], date(2026, 1, 1), TODAY)
    assert len(home.rows("daily_summary")) >= 9
    with home.database.read() as connection:
        assert STALE_DAYS.stale(connection) == []


def test_an_older_read_does_not_replace_newer_coverage(home):
    def at(hour):
        return NOW + timedelta(hours=hour)

    with home.database.write() as connection:
        coverage.record(connection, 1, "sleeps", Span(at(2), at(4)), at(12))
        coverage.record(connection, 1, "sleeps", Span(at(0), at(6)), at(7))
        assert coverage.unread(connection, 1, "sleeps", Span(at(0), at(6)), since=at(8)) == [
            Span(at(4), at(6)),
            Span(at(0), at(2)),
        ]
        assert coverage.unread(connection, 1, "sleeps", Span(at(0), at(6)), since=at(7)) == []


def test_a_snapshot_that_was_requested_since_the_run_began_is_not_requested_again(home):
    def requests_of_load(until):
        before = home.world.requests
        for stream in ("profile", "body_measurement"):
            load_members(home.connection, LoadRequest(stream, TODAY, TODAY, TODAY, until, until))
        return home.world.requests - before

    began = home.clock.now()
    home.clock.advance(1)
    assert requests_of_load(began) == 2
    assert requests_of_load(began) == 0
    assert requests_of_load(home.clock.now()) == 2
