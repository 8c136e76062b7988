"""Random broken responses do not end a backfill; an unreachable WHOOP ends it within a time limit."""

from datetime import timedelta

import pytest

from whoop_assets.records import load_failures
from whoop_assets.sync.session import WhoopSession
from whoop_assets.whoop_api.http.fault_time import MAX_RUN_SECONDS
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import RECORDS, at_home, frozen_world
from whoop_assets_tests.support.servers.ports import REFUSING_PORT
from whoop_simulator.http.faults import Faults

FIRST = TODAY - timedelta(days=49)
EVERYTHING = ("profile", "body_measurement", *RECORDS)
SEEDS = range(20)


@pytest.mark.slow
def test_backfills_complete_with_a_quarter_of_the_responses_broken(sqlite_url):
    with at_home(sqlite_url, frozen_world(days=60)) as home:
        requests = retries = 0.0
        for seed in SEEDS:
            home.world.faults = Faults(seed)
            # Each of the three hits a twelfth of the requests: together 23 to 25 percent.
            for kind in ("status", "reset", "truncate"):
                home.world.inject_fault(kind, probability=1 / 12)
            results = home.load(FIRST, TODAY, EVERYTHING)
            assert [(seed, failure) for result in results for failure in result.failures] == []
            requests += sum(result.total("requests") for result in results)
            retries += sum(result.total("retries") for result in results)
        assert 0.18 < retries / requests < 0.32
        assert len(home.rows("cycles")) > 45


def test_an_unreachable_whoop_ends_the_loads_of_all_members_within_the_stated_time(sqlite_url):
    with at_home(sqlite_url, frozen_world(members=4, days=5)) as home:
        nowhere = home.connection.settings.replace(api_url=f"http://127.0.0.1:{REFUSING_PORT}")
        with WhoopSession(nowhere, home.database) as connection:
            home.connection = connection
            began = home.clock.now()
            home.load(FIRST, TODAY, EVERYTHING)
        assert (home.clock.now() - began).total_seconds() <= MAX_RUN_SECONDS + 1
        with home.database.read() as connection:
            failing = load_failures.open_failures(connection)
        assert {(failure.user_id, failure.stream) for failure in failing} == {
            (member, stream) for member in home.members for stream in EVERYTHING
        }
        assert all(failure.transient for failure in failing)


def test_a_token_endpoint_that_cannot_be_reached_ends_within_the_stated_time_too(sqlite_url):
    with at_home(sqlite_url, frozen_world(members=4, days=5)) as home:
        for member in home.members:
            home.world.expire_tokens(member)
        home.clock.advance(timedelta(hours=2))
        nowhere = home.connection.settings.replace(oauth_url=f"http://127.0.0.1:{REFUSING_PORT}")
        with WhoopSession(nowhere, home.database) as connection:
            home.connection = connection
            began = home.clock.now()
            home.load(FIRST, TODAY, EVERYTHING)
        # One attempt of the token endpoint is three connections, with waits between them.
        assert (home.clock.now() - began).total_seconds() <= MAX_RUN_SECONDS + 10
        with home.database.read() as connection:
            failing = load_failures.open_failures(connection)
        assert len(failing) == len(home.members) * len(EVERYTHING)
        assert all(failure.transient for failure in failing)
