"""Order of responses, confirmed deletions, and the versions that remain."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete

from whoop_assets.records import tables, upsert
from whoop_assets.records.coverage import Span
from whoop_assets.sync.deletion_confirmation import confirm_absences
from whoop_assets.whoop_api.streams import STREAMS
from whoop_assets_tests.support.data.factories import NOW, at, cycle, recovery, sleep
from whoop_assets_tests.support.data.factories import workout as stored_workout
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import RECORDS, at_home, days_of, frozen_world, moment

FIRST = TODAY - timedelta(days=19)


@pytest.fixture
def home(database_url):
    with at_home(database_url, frozen_world(days=40, seed=9)) as home:
        home.load_and_summarise(FIRST, TODAY)
        home.advance(timedelta(seconds=1))
        yield home


def newest(home, stream, skip=3):
    """A record of the last days, not of the very newest."""
    return home.truth()[stream][skip]


def test_the_open_cycles_strain_is_updated_although_updated_at_is_unchanged(home):
    home.advance(timedelta(hours=6))
    home.load(TODAY - timedelta(days=1), TODAY, ["cycles"])
    before = max(home.rows("cycles").values(), key=lambda row: row["start_time"])
    assert before["end_time"] is None
    home.advance(timedelta(hours=3))
    home.load(TODAY - timedelta(days=1), TODAY, ["cycles"])
    after = home.rows("cycles")[before["id"]]
    assert after["updated_at"] == before["updated_at"]
    assert after["strain"] > before["strain"]


def test_only_the_last_state_of_an_open_cycle_is_kept(home):
    open_cycle = max(home.rows("cycles").values(), key=lambda row: row["start_time"])
    for _ in range(3):
        home.advance(timedelta(hours=1))
        home.load(TODAY - timedelta(days=1), TODAY, ["cycles"])
    versions = [v for v in home.rows("record_versions").values() if v["record_key"] == str(open_cycle["id"])]
    assert len(versions) == 1
    assert versions[0]["payload"] == home.rows("cycles")[open_cycle["id"]]["payload"]


def test_each_distinct_content_is_kept_once_with_the_endpoint_that_gave_it(home):
    sleep = newest(home, "sleeps")
    home.world.rescore(home.member, "sleeps", sleep["id"])
    home.load(FIRST, TODAY)
    home.advance(1)
    home.load(FIRST, TODAY)
    versions = [
        v
        for v in home.rows("record_versions").values()
        if v["record_key"] == sleep["id"] and v["stream"] == "sleeps"
    ]
    assert len(versions) == 2
    assert {v["endpoint"] for v in versions} == {"/v2/activity/sleep"}
    assert sleep in [v["payload"] for v in versions]


def test_a_deleted_workout_is_marked_deleted_and_its_day_becomes_stale(home):
    workout = newest(home, "workouts")
    day = home.rows("workouts")[workout["id"]]["day"]
    home.world.delete(home.member, "workouts", workout["id"])
    home.load(FIRST, TODAY)
    row = home.rows("workouts", deleted=True)[workout["id"]]
    assert row["deleted_at"] is not None
    assert row["payload"] == workout
    assert (home.member, day) in home.rows("stale_days")


def test_a_record_whose_cycle_fails_is_stored_and_moves_when_a_load_reads_the_cycle(database_url):
    with at_home(database_url, frozen_world(days=40, seed=9)) as home:
        home.load(FIRST, TODAY, ["cycles"])
        night = next(sleep for sleep in home.truth()["sleeps"][3:] if not sleep["nap"])
        with home.database.write([home.member]) as connection:
            connection.execute(delete(tables.cycles).where(tables.cycles.c.id == night["cycle_id"]))
        url = f"/developer/v2/cycle/{night['cycle_id']}"
        home.world.inject_fault("status", status=400, count=None, path_prefix=url)
        since = home.clock.now()
        home.advance(1)
        results = home.load(FIRST, TODAY, ["sleeps", "recoveries"], since=since)
        assert [failure for result in results for failure in result.failures] == []
        assert ["A cycle that" in warning for result in results for warning in result.warnings] == [True] * 2
        assert home.rows("sleeps")[night["id"]]["payload"] == night

        home.world.clear_faults()
        home.load(FIRST, TODAY)
        days = days_of(home.truth())
        for stream in ("sleeps", "recoveries"):
            assert home.rows(stream)[night["id"]]["day"] == days[stream][night["id"]]


def test_a_deleted_sleep_deletes_its_recovery(home):
    sleep = next(s for s in home.truth()["sleeps"][3:] if not s["nap"])
    home.world.delete(home.member, "sleeps", sleep["id"])
    home.load(FIRST, TODAY, ["cycles", "sleeps"])
    assert sleep["id"] not in home.rows("sleeps")
    assert sleep["id"] not in home.rows("recoveries")


def test_a_record_that_reappears_is_undeleted(home):
    workout = newest(home, "workouts")
    home.world.delete(home.member, "workouts", workout["id"])
    home.load(FIRST, TODAY)
    home.advance(1)
    home.world.undelete(home.member, "workouts", workout["id"])
    home.load(FIRST, TODAY)
    assert home.rows("workouts")[workout["id"]]["deleted_at"] is None


def test_if_most_of_a_span_is_missing_no_record_is_deleted(home):
    for workout in home.truth()["workouts"]:
        home.world.delete(home.member, "workouts", workout["id"])
    known = home.rows("workouts")
    assert len(known) > 10
    results = home.load(FIRST, TODAY, ["workouts"])
    assert home.rows("workouts").keys() == known.keys()
    assert "too many at once to be deletions" in results[0].warnings[0]


@pytest.mark.parametrize(
    ("known", "missing", "confirmed"),
    [
        (2, 2, True),
        (3, 3, False),
        (11, 10, True),
        (22, 11, True),
        (21, 11, False),
        (101, 50, True),
        (103, 51, False),
    ],
)
def test_missing_records_are_requested_unless_they_are_too_many(sqlite_url, known, missing, confirmed):
    """Of an empty response at most two, else ten of any number, or half of the known ones up to fifty."""
    keys = [str(UUID(int=number)) for number in range(known)]
    span = Span(at(1), at(5))
    with at_home(sqlite_url, frozen_world(days=2)) as home:
        with home.database.write([home.member]) as connection:
            stored = [stored_workout(key, at(3, number / 10)) for number, key in enumerate(keys)]
            upsert.store(connection, home.member, "workouts", stored, NOW)
        before = home.world.requests
        result = absences(home, "workouts", span, set(keys[missing:]))
        assert home.world.requests - before == (missing if confirmed else 0)
        assert set(result.batch.gone) == set(keys[:missing] if confirmed else ())
        assert result.warning == (
            None
            if confirmed
            else f"{missing} of {known} known workouts of member {home.member} between 2026-05-01 and"
            " 2026-05-05 were not returned: too many at once to be deletions, so nothing was deleted."
        )


def absences(home, stream, span, seen, read_at=NOW):
    client = home.connection.client(home.member, "backfill")
    return confirm_absences(client, home.database, STREAMS[stream], home.member, span, seen, read_at)


def test_a_record_that_came_but_was_rejected_is_not_missing(sqlite_url):
    """The key of a rejected record is seen as text, also that of a cycle."""
    with at_home(sqlite_url, frozen_world(days=2)) as home:
        with home.database.write([home.member]) as connection:
            upsert.store(
                connection, home.member, "cycles", [cycle(1, at(3), at(4)), cycle(2, at(4), None)], NOW
            )
        before = home.world.requests
        result = absences(home, "cycles", Span(at(1), at(9)), {"1", 2})
        assert (home.world.requests - before, result.batch.gone) == (0, {})


def test_a_missing_recovery_is_gone_if_its_cycle_has_another_one(sqlite_url):
    with at_home(sqlite_url, frozen_world(days=5)) as home:
        present = home.truth()["recoveries"][1]
        replaced = recovery(str(UUID(int=7)), present["cycle_id"])
        with home.database.write([home.member]) as connection:
            stored = [
                replaced,
                recovery(present["sleep_id"], present["cycle_id"]),
            ]
            night = [sleep(record.key, 1, at(3, hour), at(3, 9)) for hour, record in enumerate(stored)]
            upsert.store(connection, home.member, "sleeps", night, NOW)
            upsert.store(connection, home.member, "recoveries", stored, NOW)
        read_at = NOW - timedelta(minutes=1)
        span = Span(at(1), at(9))
        result = absences(home, "recoveries", span, {present["sleep_id"]}, read_at)
        assert result.batch.gone == {replaced.key: read_at}
        assert [record.key for record in result.batch.records] == [present["sleep_id"]]
        # A recovery that its cycle still has is not gone.
        result = absences(home, "recoveries", span, {replaced.key}, read_at)
        assert result.batch.gone == {}
        assert [record.key for record in result.batch.records] == [present["sleep_id"]]


def test_an_edit_that_moves_a_workout_to_another_day_makes_both_days_stale(home):
    workout = newest(home, "workouts")
    before = home.rows("workouts")[workout["id"]]["day"]

    start, end = moment(workout["start"]), moment(workout["end"])
    moved = {"start": instant(start - timedelta(days=2)), "end": instant(end - timedelta(days=2))}
    home.world.edit(home.member, "workouts", workout["id"], moved)
    home.load(FIRST, TODAY)
    after = home.rows("workouts")[workout["id"]]["day"]
    assert after == before - timedelta(days=2)
    assert {(home.member, before), (home.member, after)} <= home.rows("stale_days").keys()


def instant(time):
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_a_summary_follows_a_correction_and_clears_only_what_it_read(home):
    sleep = next(s for s in home.truth()["sleeps"][3:] if not s["nap"])
    home.world.rescore(home.member, "sleeps", sleep["id"])
    home.load_and_summarise(FIRST, TODAY)
    inside = [day for _, day in home.rows("stale_days") if FIRST <= day <= TODAY]
    assert inside == []
    row = next(r for r in home.rows("daily_summary").values() if r["sleep_id"] == sleep["id"])
    score = next(s for s in home.truth()["sleeps"] if s["id"] == sleep["id"])["score"]
    assert row["respiratory_rate"] == score["respiratory_rate"]
    assert row["rem_minutes"] == score["stage_summary"]["total_rem_sleep_time_milli"] / 60_000


def test_a_night_that_moved_and_was_then_deleted_is_deleted_from_its_day(database_url):
    """The cycle begins after the stored sleep, so the span of the day begins after it too."""
    day = TODAY - timedelta(days=5)
    with at_home(database_url, frozen_world(seed=4)) as home:
        home.load(day, TODAY)
        world, user_id = home.world, home.member
        cycle = next(c for c in home.truth()["cycles"] if home.rows("cycles")[c["id"]]["day"] == day)
        (night,) = (s for s in home.truth()["sleeps"] if s["cycle_id"] == cycle["id"] and not s["nap"])
        later = (moment(night["start"]) + timedelta(minutes=20)).isoformat()
        world.edit(user_id, "sleeps", night["id"], {"start": later})
        world.delete(user_id, "sleeps", night["id"])
        home.advance(1)
        home.load(day, TODAY)
        assert night["id"] not in home.rows("sleeps")
        assert night["id"] not in home.rows("recoveries")
        # The database has the deletion, so the next load sends no request for the record.
        home.advance(1)
        before = home.world.requests
        home.load(day, TODAY)
        assert home.world.requests - before == len(RECORDS)
