"""The simulation's shared memory counts the requests of a process, because a killed process cannot report."""

from datetime import timedelta
from pathlib import Path

from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import at_home, frozen_world
from whoop_assets_tests.support.simulated_weeks.runs import watch_requests
from whoop_assets_tests.support.simulated_weeks.shared_clock import Activity, SharedMemory

SLOT = 3


def test_shared_memory_and_whoop_count_the_same_requests_and_token_exchanges(
    sqlite_url: str, tmp_path: Path
) -> None:
    page = SharedMemory(tmp_path / "page")
    with at_home(sqlite_url, frozen_world(days=20)) as home:
        watch_requests(home.connection, page, SLOT)
        home.world.expire_tokens(home.member)
        before = home.world.stats()
        home.load(TODAY - timedelta(days=5), TODAY)
        after = home.world.stats()

    assert after["requests"] - before["requests"] > 4
    assert page.get(SLOT, Activity.REQUESTS) == after["requests"] - before["requests"]
    assert page.get(SLOT, Activity.EXCHANGES) == after["refreshes"] - before["refreshes"] == 1
    assert page.get(SLOT, Activity.ASKS) == 0
