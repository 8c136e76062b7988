"""A load reads a cycle again that is stored as open although a later cycle exists."""

from datetime import timedelta

import pytest

from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import RECORDS, at_home, frozen_world
from whoop_assets_tests.support.webhook_inbox import SimulatedInbox

GAP = timedelta(days=17)
FIRST = TODAY - timedelta(days=9)


@pytest.fixture
def home(sqlite_url):
    """A member with the last load 17 days ago, in the middle of a cycle."""
    with at_home(sqlite_url, frozen_world(days=40, seed=9)) as home:
        home.load_and_summarise(FIRST, TODAY)
        home.advance(GAP)
        (old,) = stored_as_open(home)
        home.world.rescore(home.member, "cycles", old["id"])
        yield home


def stored_as_open(home):
    return [row for row in home.rows("cycles").values() if row["end_time"] is None]


def truth_of(home, cycle_id):
    return next(cycle for cycle in home.truth()["cycles"] if cycle["id"] == cycle_id)


def latest_cycle(home):
    return max(home.truth()["cycles"], key=lambda cycle: cycle["start"])


@pytest.mark.parametrize("streams", [["cycles"], ["workouts"], RECORDS])
def test_a_backfill_of_the_last_14_days_closes_the_cycle_that_was_open_17_days_ago(home, streams):
    (old,) = stored_as_open(home)
    closed = truth_of(home, old["id"])
    assert old["strain"] != closed["score"]["strain"]
    today = TODAY + GAP
    home.load(today - timedelta(days=13), today, streams)
    row = home.rows("cycles")[old["id"]]
    assert row["payload"] == closed
    assert row["end_time"] is not None
    assert [row["id"] for row in stored_as_open(home)] == [latest_cycle(home)["id"]]
    assert (old["user_id"], old["day"]) in home.rows("stale_days")


def test_an_open_cycle_with_a_failing_url_does_not_affect_other_records(home):
    (old,) = stored_as_open(home)
    home.world.inject_fault("status", status=500, count=None, path_prefix=f"/developer/v2/cycle/{old['id']}")
    today = TODAY + GAP
    loaded = home.load(today - timedelta(days=13), today)
    assert [failure for result in loaded for failure in result.failures] == []
    assert latest_cycle(home)["id"] in home.rows("cycles")
    assert home.rows("cycles")[old["id"]]["end_time"] is None
    home.world.clear_faults()
    home.load(today - timedelta(days=13), today)
    assert home.rows("cycles")[old["id"]]["end_time"] is not None


def test_the_same_cycle_is_not_read_once_more_by_the_next_load(home):
    today = TODAY + GAP
    home.load(today - timedelta(days=13), today)
    home.advance(60)
    before = home.world.requests
    home.load(today - timedelta(days=13), today)
    assert home.world.requests - before == len(RECORDS)


def test_a_webhook_event_after_a_longer_gap_closes_it_too(home):
    (old,) = stored_as_open(home)
    home.advance(timedelta(days=20))  # the load for an event looks 30 days back
    box = SimulatedInbox(home)
    night = next(sleep for sleep in home.truth()["sleeps"] if not sleep["nap"])
    home.world.rescore(home.member, "sleeps", night["id"])
    box.receive()
    box.process_due_events()
    assert home.rows("cycles")[old["id"]]["payload"] == truth_of(home, old["id"])
    summary = home.rows("daily_summary")[home.member, old["day"]]
    assert summary["strain"] == truth_of(home, old["id"])["score"]["strain"]


def test_a_cycle_that_whoop_deleted_in_the_gap_is_deleted(home):
    (old,) = stored_as_open(home)
    home.world.delete(home.member, "cycles", old["id"])
    home.load(TODAY + GAP - timedelta(days=13), TODAY + GAP)
    assert old["id"] not in home.rows("cycles")
