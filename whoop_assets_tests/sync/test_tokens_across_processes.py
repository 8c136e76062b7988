"""Several processes and one token, in small; `drills/test_tokens_under_fire.py` does it for minutes."""

from datetime import timedelta

import pytest

from whoop_assets_tests.sync.crowd import Bounds, gathered
from whoop_assets_tests.sync.under_fire import (
    KeysOfTheTest,
    kill_in_each,
    race,
    rotate_while_all_read,
    stall_in_each,
)
from whoop_simulator.http.grants import App

pytestmark = pytest.mark.slow


def test_one_of_several_processes_refreshes_an_expired_token_and_all_are_served(database_url):
    with gathered(database_url) as crowd:
        crowd.join(3)
        assert race(crowd, 3) == 9


@pytest.mark.parametrize("seed", [3])
def test_survivors_of_a_kill_get_data_or_a_true_error(database_url, seed):
    short = Bounds(lease=timedelta(seconds=3), grace=timedelta(seconds=1))
    with gathered(database_url, bounds=short) as crowd:
        crowd.join(3)
        result = kill_in_each(crowd, 3, seed)
        assert result.served + result.told == 6


def test_a_stalled_holder_stores_the_new_pair(database_url):
    with gathered(database_url, bounds=Bounds(lease=timedelta(seconds=3))) as crowd:
        crowd.join(2)
        assert stall_in_each(crowd, 1) == 2


def test_keys_are_rotated_while_processes_refresh(database_url):
    keys = KeysOfTheTest(database_url)
    with gathered(database_url, token_key=keys.setting, app=App(access_token_seconds=2)) as crowd:
        crowd.join(2)
        rotate_while_all_read(crowd, 2, keys.next)
        keys.assert_only_the_last_is_needed(crowd.database)
