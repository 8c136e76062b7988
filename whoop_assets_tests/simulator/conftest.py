"""Fixtures: simulators with a long history, and a plain HTTP client."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from whoop_assets_tests.support.servers.ports import NO_CERTIFICATES
from whoop_simulator.running import RunningSimulator
from whoop_simulator.world.world import World

NOW = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
PATHS = {
    "cycles": "/v2/cycle",
    "sleeps": "/v2/activity/sleep",
    "recoveries": "/v2/recovery",
    "workouts": "/v2/activity/workout",
}


class Api:
    """A member's HTTP client for the API."""

    def __init__(self, simulator: RunningSimulator, user_id: int, scopes: list[str] | None = None) -> None:
        world = simulator.world
        answer = world.issue_tokens(user_id) if scopes is None else world.issue_tokens(user_id, scopes)
        self.tokens = answer
        self.user_id = user_id
        self.http = httpx.Client(
            base_url=simulator.api_url,
            headers={"Authorization": f"Bearer {answer['access_token']}"},
            verify=NO_CERTIFICATES,
            timeout=60,
        )

    def get(self, path: str, **query: Any) -> httpx.Response:
        return self.http.get(path, params={name: value for name, value in query.items() if value is not None})

    def crawl(self, stream: str, **query: Any) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = []
        token = None
        while True:
            page = self.get(PATHS[stream], limit=25, nextToken=token, **query).json()
            records += page["records"]
            token = page["next_token"]
            if not token:
                return records


def make_world(**options: Any) -> World:
    return World(
        **{"members": 1, "days": 30, "seed": 7, "now": NOW, "frozen": True, "limits": False, **options}
    )


@pytest.fixture(scope="session")
def big_world() -> World:
    """Four members with 500 days; read only."""
    return make_world(members=4, days=500)


@pytest.fixture(scope="session")
def big(big_world: World) -> Iterator[RunningSimulator]:
    """The big world over HTTP; read only."""
    with RunningSimulator(world=big_world) as simulator:
        yield simulator


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    """A simulator of one test: one member, thirty days, frozen clock, no limits."""
    with RunningSimulator(world=make_world()) as running:
        yield running


@pytest.fixture
def api(simulator: RunningSimulator) -> Api:
    return Api(simulator, simulator.world.user_ids[0])
