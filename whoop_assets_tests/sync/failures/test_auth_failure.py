"""A 401 after a successful refresh: the failure of one stream, or the end of the grant."""

from datetime import timedelta

import pytest

from whoop_assets.sync import auth_failure
from whoop_assets.sync.members.connecting import disconnect_member
from whoop_assets.sync.session import WhoopSession
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import RECORDS, at_home, frozen_world

FIRST = TODAY - timedelta(days=3)
ALL = ("profile", "body_measurement", *RECORDS)
LAST_OF_TRIAL = "/developer/v2/activity/workout"
"""The last request of a trial that begins with a 401 for cycles."""


@pytest.fixture
def home(database_url):
    with at_home(database_url, frozen_world(members=2, days=10)) as home:
        yield home


def refuse(home, *paths, count=None):
    for path in paths:
        home.world.inject_fault("status", status=401, count=count, path_prefix=path)


def status(home, user_id):
    return home.rows("members")[user_id]["status"]


def test_a_401_after_a_successful_refresh_fails_only_that_stream(home):
    refuse(home, "/v2/activity/workout")
    results = home.load(FIRST, TODAY, ALL, members=[home.member])
    (failure,) = [failure for result in results for failure in result.failures]
    assert (failure.stream, failure.transient) == ("workouts", False)
    assert "answered 401" in failure.cause
    assert [result.to_reconnect for result in results] == [[]] * len(ALL)
    assert status(home, home.member) == "connected"
    assert home.world.stats()["refreshes"] == 1  # one refresh; the requests of other streams need none


def test_when_every_stream_answers_401_the_member_needs_reconnection(home):
    revoked, _ = home.members
    refuse(home, "/v2")
    results = home.load(FIRST, TODAY, ALL, members=[revoked])
    assert status(home, revoked) == "reconnection_needed"
    assert all(result.to_reconnect == [revoked] for result in results)
    assert {
        "whoop-assets connect" in f.cause and "every stream" in f.cause
        for result in results
        for f in result.failures
    } == {True}
    # Two requests for the first stream, and one per token for each other stream; then no further request.
    assert (
        sum(load.requests for result in results for load in result.loads)
        == 2 + auth_failure.MAX_TOKENS_TRIED * 5
    )
    assert home.world.stats()["refreshes"] == auth_failure.MAX_TOKENS_TRIED


def test_a_marked_member_is_connected_by_a_new_consent(home):
    revoked, other = home.members
    refuse(home, "/v2")
    home.load(FIRST, TODAY, ALL, members=[revoked])

    home.world.clear_faults()
    assert status(home, other) == "connected"
    home.connect(revoked)
    assert [failure for result in home.load(FIRST, TODAY, ALL) for failure in result.failures] == []


def test_tokens_that_expire_in_a_row_mark_no_member(home):
    refuse(home, "/v2/user/profile", count=2)
    moments = [home.world.requests + number for number in (2, 7)]
    home.world.before_request = lambda number, *_: number in moments and home.world.expire_tokens(home.member)
    home.load(FIRST, TODAY, ALL, members=[home.member])
    home.world.before_request = None
    assert status(home, home.member) == "connected"


def test_only_granted_streams_count(database_url):
    with at_home(database_url, frozen_world(days=10), connect=False) as home:
        user_id = home.world.user_ids[0]
        home.connect(user_id, ["offline", "read:profile", "read:cycles"])
        refuse(home, "/v2/cycle", "/v2/user/profile")
        home.load(FIRST, TODAY, ["cycles"])
        assert status(home, user_id) == "reconnection_needed"


def test_other_errors_are_no_proof_of_a_revoked_grant(home):
    refuse(home, "/v2/cycle", "/v2/activity", "/v2/recovery")
    home.world.inject_fault("status", status=500, count=None, path_prefix="/v2/user")
    results = home.load(FIRST, TODAY, ["cycles"], members=[home.member])
    assert "answered 401" in results[0].failures[0].cause
    assert status(home, home.member) == "connected"


def test_a_401_for_a_replaced_token_marks_no_member(home):
    refuse(home, "/v2/activity/workout")
    another = WhoopSession(home.connection.settings, home.database)

    def renewed():
        another.tokens(home.member).after_rejection(another.tokens(home.member).access_token())

    home.load(FIRST, TODAY, ["cycles"], members=[home.member])
    home.at_request("/developer/v2/user/profile", renewed)  # the first request of the trial
    (failure,) = home.load(FIRST, TODAY, ["workouts"], members=[home.member])[0].failures
    assert status(home, home.member) == "connected"
    assert failure.transient  # so that the run is tried again, with the new token
    assert "replaced meanwhile: try again" in failure.cause
    home.world.clear_faults()
    assert home.load(FIRST, TODAY, ["workouts"], members=[home.member])[0].failures == []
    another.close()


def test_a_member_who_leaves_during_the_trial_is_not_marked(home):
    refuse(home, "/v2/c", "/v2/a", "/v2/r", "/v2/user/m", "/v2/user/p")
    home.at_response(LAST_OF_TRIAL, lambda: disconnect_member(home.connection, home.member, erase=False))
    results = home.load(FIRST, TODAY, ["cycles"], members=[home.member])
    assert status(home, home.member) == "disconnected"
    assert results[0].to_reconnect == []


def test_a_member_who_reconnects_during_the_trial_stays_connected(home):
    refuse(home, "/v2/c", "/v2/a", "/v2/r", "/v2/user/m", "/v2/user/p")

    def come_back():
        home.world.clear_faults()
        home.connect(home.member)

    home.at_response(LAST_OF_TRIAL, come_back)
    home.load(FIRST, TODAY, ["cycles"], members=[home.member])
    assert status(home, home.member) == "connected"
    assert home.load(FIRST, TODAY, ["cycles"], members=[home.member])[0].failures == []


def test_the_requests_of_the_trial_are_counted(home):
    refuse(home, "/v2/activity/workout")
    home.load(FIRST, TODAY, ["cycles"], members=[home.member])
    limited = {"status": 429, "headers": {"X-RateLimit-Reset": "1"}, "path_prefix": "/v2/user/profile"}
    home.world.inject_fault("answer", count=2, **limited)
    (load,) = home.load(FIRST, TODAY, ["workouts"], members=[home.member])[0].loads
    assert load.limited == 2
    assert load.retries >= 2
    assert load.waited_seconds >= 2
