"""A few rounds of several processes with one token; a drill runs many rounds."""

from datetime import timedelta

import pytest

from whoop_assets_tests.support.token_processes.readers import LeaseTimes, open_token_readers
from whoop_assets_tests.support.token_processes.rounds import (
    KeySource,
    kill_one_each_round,
    refresh_each_round,
    rotate_keys_during_reads,
    stall_holder_each_round,
)
from whoop_simulator.http.grants import App

pytestmark = pytest.mark.slow


def test_one_of_several_processes_refreshes_an_expired_token_and_all_are_served(database_url):
    with open_token_readers(database_url) as group:
        group.start(3)
        assert refresh_each_round(group, 3) == 9


@pytest.mark.parametrize("seed", [3])
def test_after_a_kill_other_processes_get_data_or_the_correct_error(database_url, seed):
    short = LeaseTimes(lease=timedelta(seconds=3), grace=timedelta(seconds=1))
    with open_token_readers(database_url, lease_times=short) as group:
        group.start(3)
        result = kill_one_each_round(group, 3, seed)
        assert result.served + result.reconnect == 6


def test_a_stalled_holder_stores_the_new_pair(database_url):
    with open_token_readers(database_url, lease_times=LeaseTimes(lease=timedelta(seconds=3))) as group:
        group.start(2)
        assert stall_holder_each_round(group, 1) == 2


def test_keys_are_rotated_while_processes_refresh(database_url):
    keys = KeySource(database_url)
    with open_token_readers(database_url, token_key=keys.setting, app=App(access_token_seconds=2)) as group:
        group.start(2)
        rotate_keys_during_reads(group, 2, keys.next)
        keys.assert_only_newest_key_is_used(group.database)
