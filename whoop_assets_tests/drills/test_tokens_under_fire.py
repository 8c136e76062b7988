"""Eight processes use one expired token fifty times, without kills and with one kill per round.

`-s` prints the counts; the report of a failure contains them too.
"""

import os

import pytest

from whoop_assets_tests.support.token_processes.readers import open_token_readers
from whoop_assets_tests.support.token_processes.rounds import (
    KeySource,
    kill_one_each_round,
    refresh_each_round,
    rotate_keys_during_reads,
    stall_holder_each_round,
)
from whoop_simulator.http.grants import App

pytestmark = pytest.mark.drill

PROCESSES = 8
ROUNDS = int(os.environ.get("DRILL_ROUNDS", "50"))
STALLS = int(os.environ.get("DRILL_STALLS", "10"))
ROTATIONS = int(os.environ.get("DRILL_ROTATIONS", "20"))
SEED = int(os.environ.get("DRILL_SEED", "20261121"))


def test_one_of_eight_processes_refreshes_an_expired_token_and_all_succeed(database_url):
    with open_token_readers(database_url) as group:
        group.start(PROCESSES)
        served = refresh_each_round(group, ROUNDS)
        counts = group.counts()
        print(
            f"\n{ROUNDS} rounds of {PROCESSES} processes: {counts['refreshes']} refreshes,"
            f" {served} of {ROUNDS * PROCESSES} served, {counts['token_refusals']} refused by the token"
            f" endpoint"
        )
        assert (counts["refreshes"], counts["token_refusals"]) == (ROUNDS, 0)
        assert served == ROUNDS * PROCESSES


def test_after_a_kill_the_other_processes_succeed_or_report_the_lost_token(database_url):
    with open_token_readers(database_url) as group:
        group.start(PROCESSES)
        result = kill_one_each_round(group, ROUNDS, SEED)
        print(f"\n{result}")
        assert result.rounds == ROUNDS
        assert result.served + result.reconnect == ROUNDS * (PROCESSES - 1)


def test_a_stalled_process_stores_the_valid_pair_and_no_member_must_reconnect(database_url):
    with open_token_readers(database_url) as group:
        group.start(PROCESSES)
        served = stall_holder_each_round(group, STALLS)
        print(f"\n{STALLS} rounds, the holder stopped for longer than its lease: {served} served, none lost")
        assert served == STALLS * PROCESSES


def test_keys_can_be_rotated_while_processes_refresh(database_url):
    keys = KeySource(database_url)
    with open_token_readers(database_url, token_key=keys.setting, app=App(access_token_seconds=2)) as group:
        group.start(4)
        reads, refreshes = rotate_keys_during_reads(group, ROTATIONS, keys.next)
        keys.assert_only_newest_key_is_used(group.database)
        print(f"\n{ROTATIONS} rotations, {refreshes} refreshes, {reads} reads by 4 processes; none failed")
