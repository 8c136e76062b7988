"""Unexpected responses: a few attempts, one recorded sentence, and the other streams continue."""

import json
from datetime import timedelta
from typing import Any

import pytest

from whoop_assets.records import load_failures
from whoop_assets.whoop_api.client import MAX_IDLE_PAGES
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import at_home, frozen_world

FIRST = TODAY - timedelta(days=19)
PATH = "/v2/activity/workout"

MAX_ATTEMPTS = 25
"""More attempts than fit into the retry time of a request, each with an immediate failure."""

ODD: dict[str, dict[str, Any]] = {
    "a list": {"body": "[]"},
    "null": {"body": "null"},
    "a number": {"body": "1"},
    "an object without records": {"body": '{"message": "upstream is busy"}'},
    "records that are null": {"body": '{"records": null, "next_token": null}'},
    "records that are an object": {"body": '{"records": {}}'},
    "records that are no objects": {"body": '{"records": [null, 1]}'},
    "a cursor that is no text": {"body": '{"records": [], "next_token": 25}'},
    "a page of HTML": {"body": "<html>Just a moment...</html>"},
    "nothing": {"body": ""},
    "no content": {"status": 204},
    "a redirect": {"status": 302, "headers": {"Location": "https://id.whoop.com/login"}},
    "a redirect to nowhere": {"status": 301},
    "not found": {"status": 404, "body": "Not found"},
    "forbidden": {"status": 403, "body": "<html>Attention Required!</html>"},
    "gone": {"status": 410},
    "an unknown status": {"status": 599},
}


FAST = ("a list", "records that are no objects", "nothing", "a redirect", "not found")
"""One of each kind; the fast tests use no others."""


@pytest.mark.parametrize(
    "order",
    [
        pytest.param({"kind": "answer", **odd}, id=name, marks=[] if name in FAST else pytest.mark.slow)
        for name, odd in ODD.items()
    ]
    + [pytest.param({"kind": "endless"}, id="pages without end")],
)
def test_an_odd_response_fails_only_its_stream_with_one_sentence(sqlite_url, order):
    with at_home(sqlite_url, frozen_world(members=2, days=40, seed=9)) as home:
        home.load(FIRST, TODAY, ["cycles"])
        begun = home.world.requests
        home.world.inject_fault(**order, count=None, path_prefix=PATH)
        home.load(FIRST, TODAY, ["workouts"])
        most = MAX_IDLE_PAGES + 2 if order["kind"] == "endless" else MAX_ATTEMPTS
        # Each load first reads the member's newest cycles with one request.
        assert home.world.requests - begun <= 2 * (1 + most)

        home.load(FIRST, TODAY, ["sleeps"])
        with home.database.read() as connection:
            failing = load_failures.open_failures(connection)
        assert {(failure.user_id, failure.stream) for failure in failing} == {
            (member, "workouts") for member in home.members
        }
        for failure in failing:
            assert failure.cause.startswith(f"GET {PATH} ")
            assert failure.cause.endswith(".")
            assert "\n" not in failure.cause
            assert len(failure.cause) < 200
            assert "busy" not in failure.cause
        assert home.rows("workouts") == {}
        assert "workouts" not in {row["stream"] for row in home.rows("coverage").values()}
        assert {row["user_id"] for row in home.rows("sleeps").values()} == set(home.members)

        home.world.clear_faults()
        home.advance(1)
        home.load(FIRST, TODAY)
        with home.database.read() as connection:
            assert load_failures.open_failures(connection) == []
        assert {row["user_id"] for row in home.rows("workouts").values()} == set(home.members)


def test_an_odd_response_deletes_no_stored_record(sqlite_url):
    """The page and the 404 of the record do not come from WHOOP."""
    with at_home(sqlite_url, frozen_world(days=40, seed=9)) as home:
        home.load(FIRST, TODAY)
        before = home.rows("workouts")
        assert len(before) > 5
        for body in ("{}", "[]", '{"records": null}', "<html>"):
            home.world.clear_faults()
            home.world.inject_fault("answer", body=body, count=None, path_prefix=PATH)
            home.advance(1)
            home.load(FIRST, TODAY)
            assert home.rows("workouts").keys() == before.keys()


def test_records_of_another_member_are_quarantined(database_url):
    with at_home(database_url, frozen_world(members=2, days=40, seed=9)) as home:
        member, other = home.members
        theirs = home.truth(other)["workouts"][:3]
        page = json.dumps({"records": theirs, "next_token": None})
        home.world.inject_fault("answer", body=page, count=1, path_prefix=PATH)
        home.load(FIRST, TODAY, members=[member])
        assert home.rows("workouts") == {}
        kept = list(home.rows("quarantine").values())
        assert {row["record_key"] for row in kept} == {record["id"] for record in theirs}
        assert all("user_id is not that of the member" in row["reason"] for row in kept)

        home.advance(1)
        home.load(FIRST, TODAY)
        workouts = home.rows("workouts")
        assert {row["user_id"] for row in workouts.values()} == {member, other}
        assert all(workouts[record["id"]]["user_id"] == other for record in theirs)
