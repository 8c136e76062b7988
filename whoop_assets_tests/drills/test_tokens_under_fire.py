"""Eight processes use one expired token, fifty times; without kills, and with one kill each time.

`-s` prints the counts; the report of a failure contains them too.
"""

import os

import pytest

from whoop_assets_tests.sync.crowd import gathered
from whoop_assets_tests.sync.under_fire import (
    KeysOfTheTest,
    kill_in_each,
    race,
    rotate_while_all_read,
    stall_in_each,
)
from whoop_simulator.http.grants import App

pytestmark = pytest.mark.drill

PROCESSES = 8
ROUNDS = int(os.environ.get("DRILL_ROUNDS", "50"))
STALLS = int(os.environ.get("DRILL_STALLS", "10"))
ROTATIONS = int(os.environ.get("DRILL_ROTATIONS", "20"))
SEED = int(os.environ.get("DRILL_SEED", "20261121"))


def test_one_of_eight_processes_refreshes_an_expired_token_and_all_are_served(database_url):
    with gathered(database_url) as crowd:
        crowd.join(PROCESSES)
        served = race(crowd, ROUNDS)
        counts = crowd.counts()
        print(
            f"\n{ROUNDS} rounds of {PROCESSES} processes: {counts['refreshes']} refreshes,"
            f" {served} of {ROUNDS * PROCESSES} served, {counts['token_refusals']} refused by the token"
            f" endpoint"
        )
        assert (counts["refreshes"], counts["token_refusals"]) == (ROUNDS, 0)
        assert served == ROUNDS * PROCESSES


def test_after_a_kill_processes_are_served_and_only_a_used_token_is_lost(database_url):
    with gathered(database_url) as crowd:
        crowd.join(PROCESSES)
        result = kill_in_each(crowd, ROUNDS, SEED)
        print(f"\n{result}")
        assert result.rounds == ROUNDS
        assert result.served + result.told == ROUNDS * (PROCESSES - 1)


def test_a_stalled_process_stores_the_valid_pair_and_no_member_must_reconnect(database_url):
    with gathered(database_url) as crowd:
        crowd.join(PROCESSES)
        served = stall_in_each(crowd, STALLS)
        print(f"\n{STALLS} rounds, the holder stopped for longer than its lease: {served} served, none lost")
        assert served == STALLS * PROCESSES


def test_keys_can_be_rotated_while_all_processes_refresh(database_url):
    keys = KeysOfTheTest(database_url)
    with gathered(database_url, token_key=keys.setting, app=App(access_token_seconds=2)) as crowd:
        crowd.join(4)
        reads, refreshes = rotate_while_all_read(crowd, ROTATIONS, keys.next)
        keys.assert_only_the_last_is_needed(crowd.database)
        print(f"\n{ROTATIONS} rotations, {refreshes} refreshes, {reads} reads by 4 processes; none failed")
