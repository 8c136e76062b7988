"""A failure affects only one record, piece, stream or member, and is recorded."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import insert

from whoop_assets.errors import DatabaseError
from whoop_assets.records import load_failures, quarantine, tables
from whoop_assets.sync.parsing import parse_record
from whoop_assets.whoop_api.http.response_body import RawResponse
from whoop_assets.whoop_api.streams import WORKOUTS
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import RECORDS, at_home, frozen_world

FIRST = TODAY - timedelta(days=19)


def open_failures(home):
    with home.database.read() as connection:
        return load_failures.open_failures(connection)


def test_a_record_that_fails_validation_is_quarantined_and_the_rest_is_stored(database_url):
    with at_home(database_url, frozen_world(days=40, seed=9)) as home:
        bad = home.truth()["workouts"][2]
        home.world.edit(home.member, "workouts", bad["id"], {"sport_name": None})
        home.load(FIRST, TODAY)
        kept = list(home.rows("quarantine").values())
        assert [(row["stream"], row["record_key"]) for row in kept] == [("workouts", bad["id"])]
        assert "sport_name" in kept[0]["reason"]
        assert bad["id"] not in home.rows("workouts")
        assert len(home.rows("workouts")) > 5

        home.world.edit(home.member, "workouts", bad["id"], {"sport_name": "running"})
        home.advance(1)
        home.load(FIRST, TODAY)
        assert bad["id"] in home.rows("workouts")
        assert all(row["resolved_at"] is not None for row in home.rows("quarantine").values())


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 502},
        {"kind": "status", "status": 429},
        {"kind": "reset"},
        {"kind": "truncate"},
        {"kind": "not_json"},
    ],
    ids=lambda fault: "-".join(map(str, fault.values())),
)
def test_transient_faults_are_retried_until_the_data_are_complete(sqlite_url, new_database_url, fault):
    world = frozen_world(days=40, seed=9)
    with at_home(new_database_url("sqlite"), world) as calm:
        calm.load(FIRST, TODAY)
        expected = calm.contents(FIRST, TODAY)
    with at_home(sqlite_url, world) as home:
        world.inject_fault(**fault, count=3, path_prefix="/developer/v2/activity")
        results = home.load(FIRST, TODAY)
        assert [failure for result in results for failure in result.failures] == []
        assert sum(result.total("retries") for result in results) == 3
        assert home.contents(FIRST, TODAY) == expected


def test_a_permanent_fault_fails_only_its_stream(sqlite_url):
    with at_home(sqlite_url, frozen_world(days=40, seed=9)) as home:
        home.world.inject_fault(
            kind="status", status=500, count=1000, path_prefix="/developer/v2/activity/workout"
        )
        home.load(FIRST, TODAY)
        (failure,) = open_failures(home)
        assert (failure.user_id, failure.stream, failure.transient) == (home.member, "workouts", True)
        assert "500" in failure.cause
        assert home.rows("workouts") == {}
        assert len(home.rows("sleeps")) > 15
        assert "workouts" not in {row["stream"] for row in home.rows("coverage").values()}

        home.world.clear_faults()
        home.load(FIRST, TODAY)
        assert open_failures(home) == []
        assert len(home.rows("workouts")) > 5


def test_one_members_revoked_grant_does_not_affect_other_members(database_url):
    with at_home(database_url, frozen_world(members=3, days=40, seed=9)) as home:
        dead = home.members[0]
        home.world.revoke_tokens(dead)
        results = home.load(FIRST, TODAY)
        assert {failure.user_id for result in results for failure in result.failures} == {dead}
        assert all(not failure.transient for failure in open_failures(home))
        status = home.rows("members")[dead]
        assert status["status"] == "reconnection_needed"
        assert {row["user_id"] for row in home.rows("cycles").values()} == set(home.members[1:])

        home.connect(dead)
        home.load(FIRST, TODAY)
        assert {row["user_id"] for row in home.rows("cycles").values()} == set(home.members)
        assert open_failures(home) == []


def test_a_missing_scope_skips_its_stream_with_a_warning_that_names_it(sqlite_url):
    with at_home(sqlite_url, frozen_world(days=40, seed=9), connect=False) as home:
        user_id = home.world.user_ids[0]
        home.connect(user_id, ["offline", "read:profile", "read:cycles", "read:sleep"])
        before = home.world.requests
        results = home.load(FIRST, TODAY, ["workouts"])
        assert home.world.requests == before
        assert "read:workout" in results[0].warnings[0]
        assert str(user_id) in results[0].warnings[0]
        assert results[0].failures == []


def test_an_exhausted_budget_ends_the_load_and_the_next_load_continues(database_url):
    first = TODAY - timedelta(days=299)
    world = frozen_world(days=320, seed=9)
    with at_home(database_url, world, per_day=30) as home:
        home.clock.advance(1)
        since = home.clock.now()
        results = home.load(first, TODAY, since=since)
        assert any("run the same again after that time" in failure.cause for failure in open_failures(home))
        stored = len(home.rows("cycles"))
        assert stored > 0
        read = home.world.requests
        for _ in range(4):
            home.advance(timedelta(days=1, minutes=1))
            results = home.load(first, TODAY, since=since)
        assert [failure for result in results for failure in result.failures] == []
        first_pages = 2 * len(RECORDS) * 5
        assert home.world.requests - read < 75 + first_pages


def test_a_budget_that_ends_within_a_piece_keeps_the_complete_part(sqlite_url):
    first = TODAY - timedelta(days=299)
    with at_home(sqlite_url, frozen_world(days=320, seed=9), per_day=8) as home:
        home.clock.advance(1)
        since, stored = home.clock.now(), []
        for _ in range(3):
            home.load(first, TODAY, ["cycles"], since=since)
            stored.append(len(home.rows("cycles")))
            home.advance(timedelta(days=1, minutes=1))
        assert 100 < stored[0] < stored[1]
        assert stored[2] >= 300


def test_a_repeated_page_cursor_stops_the_read(sqlite_url):
    with at_home(sqlite_url, frozen_world(days=60, seed=9)) as home:
        home.world.inject_fault(kind="repeat_cursor", count=1000)
        home.load(TODAY - timedelta(days=55), TODAY)
        assert home.world.requests < 60


@pytest.mark.parametrize(
    "odd",
    [
        {"sport_name": "x" * 129},
        {"score_state": "Y" * 33},
        {"start": "0001-01-01T00:00:00.000Z"},
        {"something_new": "a\x00b"},
        {"timezone_offset": "+99:00"},
    ],
    ids=lambda odd: next(iter(odd)),
)
def test_one_odd_record_does_not_affect_other_members(database_url, odd):
    with at_home(database_url, frozen_world(members=2, days=40, seed=9)) as home:
        first_loaded = min(home.members)
        recent = home.truth(first_loaded)["workouts"][:-20:-1]
        victim = recent[2]
        page = [workout | odd if workout is victim else workout for workout in recent]
        # The simulator itself serves nothing that odd.
        home.world.inject_fault(
            kind="answer", body=json.dumps({"records": page}), path_prefix="/v2/activity/workout"
        )
        home.load(FIRST, TODAY, ["cycles", "workouts"])
        assert len(home.rows("workouts")) > len(page)
        assert {row["user_id"] for row in home.rows("workouts").values()} == set(home.members)
        assert open_failures(home) == []
        quarantined = [row["record_key"] for row in home.rows("quarantine").values()]
        if "something_new" in odd:
            assert home.rows("workouts")[victim["id"]]["payload"]["something_new"] == "a\x00b"
        else:
            assert quarantined == [victim["id"]]


def test_a_number_that_no_database_can_store_is_quarantined(database_url):
    with at_home(database_url, frozen_world(days=10)) as home:
        body = b'{"id": "n", "user_id": %d, "strain": 1e999}' % home.member
        raw = RawResponse(200, {}, body).json()
        rejected = parse_record(WORKOUTS, raw, home.member, home.clock.now(), "/v2/activity/workout")
        with home.database.write([home.member]) as connection:
            quarantine.keep(connection, home.member, "workouts", [rejected], home.clock.now())
        (row,) = home.rows("quarantine").values()
        assert "inf" in row["payload"]


def test_a_database_error_quotes_no_stored_value(database_url):
    with at_home(database_url, frozen_world(days=5), connect=False) as home:
        row = {
            "user_id": 1,
            "day": TODAY,
            "email": "somebody@example.com",
        }  # a required field is missing
        with pytest.raises(DatabaseError) as refused, home.database.write([1]) as connection:
            connection.execute(insert(tables.profiles), row)
        assert "somebody" not in str(refused.value)
        assert refused.value.__cause__ is None
        assert refused.value.__suppress_context__


def test_a_rejected_profile_leaves_no_name_and_no_address_in_quarantine(database_url):
    """Only `members` and `profiles` contain them; of a rejected profile the field types are stored."""
    with at_home(database_url, frozen_world(days=5)) as home:
        profile = home.world.profile(home.member)
        home.world.edit(home.member, "profile", None, {"first_name": 5, "nick_name": {"of": "Zwyxel"}})
        home.load(TODAY, TODAY, ["profile"])
        (kept,) = home.rows("quarantine").values()
        assert "first_name must be text" in kept["reason"]
        assert kept["payload"] == {
            "user_id": home.member,
            "email": "(str)",
            "first_name": "(int)",
            "last_name": "(str)",
            "nick_name": "(dict)",
        }
        assert not [text for text in (profile["email"], profile["last_name"], "Zwyxel") if text in str(kept)]
