"""A retry uses the budget again: WHOOP never gets a request that the budget did not grant."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from whoop_assets.request_budget.tables import request_grants
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import RECORDS, at_home, frozen_world
from whoop_simulator.world.world import World

FIRST = TODAY - timedelta(days=19)
EVERYTHING = ("profile", "body_measurement", *RECORDS)

FAULTS = {
    "nothing": [],
    "a server fault": [{"kind": "status", "status": 503, "count": 3}],
    "a server fault that stays": [{"kind": "status", "status": 500, "count": None}],
    "resets": [{"kind": "reset", "count": 4}],
    "truncated bodies": [{"kind": "truncate", "probability": 0.5}],
    "bodies that are not JSON": [{"kind": "not_json", "probability": 0.5}],
    "a token that ended": [{"kind": "status", "status": 401, "count": 1}],
    "a stream that is refused": [
        {"kind": "status", "status": 401, "count": None, "path_prefix": "/v2/recovery"}
    ],
    "limits": [{"kind": "status", "status": 429, "count": 2}],
    "a page that leads nowhere": [{"kind": "endless", "count": None, "path_prefix": "/v2/activity"}],
    "a mixture": [
        {"kind": "status", "status": 502, "probability": 0.3},
        {"kind": "reset", "probability": 0.2},
        {"kind": "truncate", "probability": 0.2},
        {"kind": "status", "status": 401, "count": 1},
    ],
}


def grants(home) -> int:
    with home.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(request_grants)) or 0


@pytest.mark.parametrize("faults", FAULTS.values(), ids=FAULTS)
def test_every_attempt_uses_the_budget_once(database_url, faults):
    with at_home(database_url, frozen_world(days=40, seed=9)) as home:
        for order in faults:
            home.world.inject_fault(**order)
        before = home.world.requests, grants(home)
        results = home.load(FIRST, TODAY, EVERYTHING)
        requests = home.world.requests - before[0]
        assert requests >= len(EVERYTHING)
        assert grants(home) - before[1] == requests
        assert sum(result.total("requests") for result in results) == requests


def test_a_token_that_expires_during_a_load_costs_one_request_and_one_grant(sqlite_url):
    with at_home(sqlite_url, frozen_world(days=40, seed=9)) as home:
        home.load(FIRST, TODAY, ["cycles"])
        before = home.world.requests, grants(home)
        home.world.expire_tokens(home.member)
        (cycles,) = home.load(FIRST, TODAY, ["cycles"])
        assert cycles.failures == []
        assert cycles.total("retries") == 1
        assert grants(home) - before[1] == home.world.requests - before[0] == cycles.total("requests")


def test_retries_do_not_break_whoops_minute(sqlite_url):
    """Half of all requests fail and are retried; the simulator counts by the same clock."""
    world = World(members=1, days=60, seed=9, now=frozen_world().moment, frozen=True, requests_per_minute=20)
    with at_home(sqlite_url, world, per_minute=20) as home:
        sleep = home.clock.sleep

        def both(seconds: float) -> None:
            sleep(seconds)
            world.advance(seconds)

        home.clock.sleep = both
        world.inject_fault("status", status=500, probability=0.5)
        for back in range(8):
            home.load(TODAY - timedelta(days=50), TODAY - timedelta(days=back))
        stats = world.stats()
        assert stats["requests"] > 80
        assert stats["limited"] == 0
        assert stats["worst_minute"] <= 20
