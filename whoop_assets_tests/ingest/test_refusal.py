"""401 after a good refresh: one stream's failure, or the end of the grant."""

from datetime import timedelta

import pytest

from whoop_assets_tests.ingest.home import RECORDS, TODAY, at_home, frozen_world

FIRST = TODAY - timedelta(days=3)
ALL = ("profile", "body_measurement", *RECORDS)


@pytest.fixture
def home(database_url):
    with at_home(database_url, frozen_world(members=2, days=10)) as home:
        yield home


def refuse(home, *paths):
    for path in paths:
        home.world.order_fault("status", status=401, count=None, path_prefix=path)


def status(home, user_id):
    return home.rows("members")[user_id]["status"]


def test_a_401_after_a_good_refresh_is_that_streams_failure(home):
    refuse(home, "/v2/activity/workout")
    rounds = home.load(FIRST, TODAY, ALL, members=[home.member])
    (failure,) = [failure for one in rounds for failure in one.failures]
    assert (failure.stream, failure.transient) == ("workouts", False)
    assert "answered 401" in failure.cause
    assert [one.to_reconnect for one in rounds] == [[]] * len(ALL)
    assert status(home, home.member) == "connected"
    assert (
        home.world.stats()["refreshes"] == 1
    )  # one renewal was tried, and the trial of the others cost none


def test_when_every_stream_answers_401_the_member_needs_reconnection(home):
    gone, other = home.members
    refuse(home, "/v2")
    rounds = home.load(FIRST, TODAY, ALL, members=[gone])
    assert status(home, gone) == "reconnection_needed"
    assert all(one.to_reconnect == [gone] for one in rounds)
    assert {
        "whoop-assets connect" in f.cause and "every stream" in f.cause
        for one in rounds
        for f in one.failures
    } == {True}
    # Two for the first stream, one for each other; after that nothing is asked any more.
    assert sum(load.requests for one in rounds for load in one.loads) == 2 + 5
    assert home.world.stats()["refreshes"] == 1

    home.world.clear_faults()
    assert status(home, other) == "connected"
    home.connect(gone)
    assert [failure for one in home.load(FIRST, TODAY, ALL) for failure in one.failures] == []


def test_only_granted_streams_count(database_url):
    with at_home(database_url, frozen_world(days=10), connect=False) as home:
        user_id = home.world.user_ids[0]
        home.connect(user_id, ["offline", "read:profile", "read:cycles"])
        refuse(home, "/v2/cycle", "/v2/user/profile")
        home.load(FIRST, TODAY, ["cycles"])
        assert status(home, user_id) == "reconnection_needed"


def test_what_goes_wrong_otherwise_is_no_proof(home, monkeypatch):
    monkeypatch.setattr("whoop_assets.whoop.sending.BACKOFF_FIRST", 0.001)
    refuse(home, "/v2/cycle", "/v2/activity", "/v2/recovery")
    home.world.order_fault("status", status=500, count=None, path_prefix="/v2/user")
    rounds = home.load(FIRST, TODAY, ["cycles"], members=[home.member])
    assert "answered 401" in rounds[0].failures[0].cause
    assert status(home, home.member) == "connected"
