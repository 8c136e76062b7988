"""Which imported record matches which record of the API."""

from datetime import date, timedelta

import pytest
from sqlalchemy import insert, select

from whoop_assets.app_export.matching import TOLERANCE, Known, pairs, rematch
from whoop_assets.app_export.tables import imported_sleeps
from whoop_assets.records.tables import sleeps
from whoop_assets_tests.support.data.factories import MEMBER, at

SECOND = timedelta(seconds=1)
START = at(3, 8)


@pytest.mark.parametrize("distance", [-TOLERANCE, -SECOND, 0 * SECOND, SECOND, TOLERANCE])
def test_records_that_start_within_a_minute_match(distance):
    assert pairs([("a", START)], [Known(1, START + distance)]) == {"a": 1}


@pytest.mark.parametrize("distance", [-TOLERANCE - SECOND, TOLERANCE + SECOND])
def test_records_that_start_further_apart_do_not_match(distance):
    assert pairs([("a", START)], [Known(1, START + distance)]) == {}


def test_an_existing_record_precedes_a_nearer_deleted_one():
    known = [Known(1, START, alive=False), Known(2, START + 30 * SECOND)]
    assert pairs([("a", START)], known) == {"a": 2}
    assert pairs([("a", START)], known[:1]) == {"a": 1}


def test_the_nearer_start_precedes_the_earlier():
    known = [Known(1, START - 30 * SECOND), Known(2, START + 10 * SECOND)]
    assert pairs([("a", START)], known) == {"a": 2}
    assert pairs([("a", START)], known[::-1]) == {"a": 2}


def test_of_equally_near_records_the_lower_id_matches():
    known = [Known(2, START - SECOND), Known(1, START + SECOND)]
    assert pairs([("a", START)], known) == {"a": 1}


def test_of_equally_near_imported_records_the_earlier_matches():
    ours = [("late", START + SECOND), ("early", START - SECOND)]
    assert pairs(ours, [Known(1, START)]) == {"early": 1}


def test_each_record_is_in_one_pair():
    """The nearest pair is formed first; the other imported record gets what is left."""
    ours = [("a", START), ("b", START + 40 * SECOND)]
    known = [Known(1, START + 30 * SECOND), Known(2, START + 90 * SECOND)]
    assert pairs(ours, known) == {"b": 1}
    assert pairs(ours, [*known, Known(3, START - 50 * SECOND)]) == {"a": 3, "b": 1}


def test_records_of_other_times_disturb_no_match():
    ours = [(hour, at(3, hour)) for hour in (20, 1, 8)]
    known = [Known(f"id {hour}", at(3, hour)) for hour in (8, 3, 1, 14, 20)]
    assert pairs(ours, known) == {1: "id 1", 8: "id 8", 20: "id 20"}


@pytest.mark.parametrize(
    "day", [date.min, date.min + timedelta(days=1), date.max, date.max - timedelta(days=1)]
)
def test_days_at_the_ends_of_the_calendar_can_be_matched(database, day):
    with database.write([MEMBER]) as connection:
        assert rematch(connection, [MEMBER], day, day) == set()


def test_a_sleep_matches_only_a_sleep_and_a_nap_only_a_nap(sqlite_database):
    same = {
        "user_id": MEMBER,
        "day": date(2026, 5, 3),
        "timezone_offset": "+00:00",
        "payload": "{}",
        "content_hash": "-",
    }
    same |= dict.fromkeys(("first_seen_at", "changed_at"), START)
    imported = {"start_time": START, "end_time": START + timedelta(hours=1)}
    imported |= dict.fromkeys(("cycle_start_time", "imported_at"), START)
    stored = {"cycle_id": 1, "score_state": "SCORED", "end_time": START + timedelta(hours=1)}
    stored |= dict.fromkeys(("created_at", "updated_at", "synced_at"), START)
    with sqlite_database.write([MEMBER]) as connection:
        connection.execute(insert(imported_sleeps), [same | imported | {"nap": nap} for nap in (False, True)])
        for identity, start, nap in (("a nap", START, True), ("a night", START + 30 * SECOND, False)):
            of_one = {"id": identity, "start_time": start, "nap": nap}
            connection.execute(insert(sleeps), [same | stored | of_one])
        assert rematch(connection, [MEMBER], same["day"], same["day"]) == {(MEMBER, same["day"])}
        found = connection.execute(select(imported_sleeps.c.nap, imported_sleeps.c.matched_id)).all()
        assert {row.nap: row.matched_id for row in found} == {False: "a night", True: "a nap"}
        assert rematch(connection, [MEMBER], same["day"], same["day"]) == set()
