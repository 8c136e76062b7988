"""Imported records that match records of the API, and imported values on days with records of the API."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert

from whoop_assets.app_export.matching import TOLERANCE, Known, pairs
from whoop_assets.app_export.tables import IMPORTED_TABLES
from whoop_assets.quality import consistency
from whoop_assets.records import coverage
from whoop_assets.records import tables as record_tables
from whoop_assets.records.coverage import Span
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.summaries import tables as summary_tables
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.sync.import_export import import_export
from whoop_assets_tests.app_export.export_rows import night_utc, nights, workout
from whoop_assets_tests.support.data.app_exports import daily_by_day, export, stored_rows
from whoop_assets_tests.support.fixed_time import NOW


def store_api_cycle(
    database, user_id, start, *, end=None, deleted=False, identity=1, offset="+02:00", day=None
):
    """Store a cycle of the API."""
    with database.write([user_id]) as connection:
        row = {
            "id": identity,
            "user_id": user_id,
            "day": day or (start + timedelta(hours=14)).date(),
            "start_time": start,
            "end_time": end or start + timedelta(days=1),
            "timezone_offset": offset,
            "score_state": "SCORED",
            "created_at": NOW,
            "updated_at": NOW,
            "strain": 20.0,
            "payload": "{}",
            "content_hash": str(identity),
            "first_seen_at": NOW,
            "changed_at": NOW,
            "synced_at": NOW,
            "deleted_at": NOW if deleted else None,
        }
        connection.execute(insert(record_tables.cycles), [row])
        STALE_DAYS.mark(connection, user_id, [row["day"]], NOW)


def read_by_the_api(database, user_id, *streams):
    """Record in the coverage that the streams were read for all days."""
    with database.write([user_id]) as connection:
        for stream in streams:
            coverage.record(connection, user_id, stream, Span(night_utc(-9), night_utc(60)), NOW)


def test_an_export_fills_only_the_streams_that_the_api_did_not_read(
    database,
):
    import_export(database, export(cycles=nights(6), workouts=[workout(3)]), None)
    day = date(2026, 9, 5)
    assert daily_by_day(database)[day]["workout_count"] == 1

    def values():
        rebuild_days(database, [-1], day, day)
        row = daily_by_day(database)[day]
        return row["source"], row["strain"], row["recovery_score"], row["workout_count"]

    store_api_cycle(database, -1, night_utc(3) + timedelta(milliseconds=314))
    assert values() == ("mixed", 20.0, 43.0, 1)
    read_by_the_api(database, -1, "cycles")
    assert values() == ("mixed", 20.0, 43.0, 1)
    read_by_the_api(database, -1, "workouts")
    assert values() == ("mixed", 20.0, 43.0, 0)
    read_by_the_api(database, -1, "sleeps", "recoveries")
    assert values() == ("api", 20.0, None, 0)
    assert daily_by_day(database)[date(2026, 9, 6)]["source"] == "export"
    matched = {
        row["start_time"]: row["matched_id"] for row in stored_rows(database, IMPORTED_TABLES["cycles"])
    }
    assert [start for start, identity in matched.items() if identity is not None] == [night_utc(3)]


def test_an_export_does_not_restore_a_cycle_that_whoop_deleted(sqlite_database):
    import_export(sqlite_database, export(cycles=nights(6)), None)
    store_api_cycle(sqlite_database, -1, night_utc(3), deleted=True)
    rebuild_days(sqlite_database, [-1], date(2026, 9, 1), date(2026, 9, 30))
    assert date(2026, 9, 5) not in daily_by_day(sqlite_database)


def test_an_imported_cycle_follows_its_match_to_another_day(sqlite_database):
    import_export(sqlite_database, export(cycles=nights(6)), None)
    store_api_cycle(sqlite_database, -1, night_utc(3), day=date(2026, 9, 6), offset="+14:00")
    rebuild_days(sqlite_database, [-1], date(2026, 9, 6), date(2026, 9, 6))
    with sqlite_database.read() as connection:
        stale = [entry.day for entry in STALE_DAYS.stale(connection)]
    assert stale == [date(2026, 9, 5)]  # it lost its match
    rebuild_days(sqlite_database, [-1], date(2026, 9, 5), date(2026, 9, 5))
    assert date(2026, 9, 5) not in daily_by_day(sqlite_database)
    row = daily_by_day(sqlite_database)[date(2026, 9, 6)]
    # The recovery is that of the moved cycle, 43, and not the 44 of the next cycle.
    assert (row["source"], row["cycle_count"], row["recovery_score"]) == ("mixed", 1, 43.0)


@pytest.mark.parametrize(
    ("seconds", "match"), [(-60, True), (-61, False), (0, True), (60, True), (61, False)]
)
def test_records_match_if_their_starts_differ_by_at_most_a_minute(sqlite_database, seconds, match):
    import_export(sqlite_database, export(cycles=nights(2)), None)
    store_api_cycle(sqlite_database, -1, night_utc(0) + timedelta(seconds=seconds))
    rebuild_days(sqlite_database, [-1], date(2026, 9, 1), date(2026, 9, 30))
    matched = [row["matched_id"] for row in stored_rows(sqlite_database, IMPORTED_TABLES["cycles"])]
    assert sorted(matched, key=str) == ([1, None] if match else [None, None])


MOMENTS = st.lists(st.integers(0, 400), max_size=8, unique=True)


@given(MOMENTS, MOMENTS, st.sets(st.integers(0, 7)))
def test_matching_pairs_each_record_once_and_leaves_no_possible_match(imported, stored, deleted):
    def at(seconds):
        return NOW + timedelta(seconds=seconds)

    known = [Known(f"id {n}", at(seconds), n not in deleted) for n, seconds in enumerate(stored)]
    found = pairs([((n,), at(seconds)) for n, seconds in enumerate(imported)], known)
    assert len(set(found.values())) == len(found)
    starts = {record.id: record.start for record in known}
    for (n,), identity in found.items():
        assert abs(at(imported[n]) - starts[identity]) <= TOLERANCE
    for n, seconds in enumerate(imported):
        if (n,) not in found:
            unmatched = [record for record in known if record.id not in found.values()]
            assert all(abs(record.start - at(seconds)) > TOLERANCE for record in unmatched)
    assert found == pairs([((n,), at(seconds)) for n, seconds in enumerate(imported)][::-1], known[::-1])


def test_the_checks_accept_filled_days_and_report_a_missing_summary(sqlite_database):
    import_export(sqlite_database, export(cycles=nights(6), workouts=[workout(3)]), None)
    store_api_cycle(sqlite_database, -1, night_utc(9), identity=9)
    rebuild_days(sqlite_database, [-1], date(2026, 9, 1), date(2026, 9, 30))
    with sqlite_database.read() as connection:
        assert consistency.missing_summaries(connection).count == 0
        assert consistency.missing_days(connection).count == 0  # the days between the two cycles are unknown
    with sqlite_database.write() as connection:
        c = summary_tables.daily_summary.c
        connection.execute(summary_tables.daily_summary.delete().where(c.day == date(2026, 9, 4)))
    with sqlite_database.read() as connection:
        assert [example.day for example in consistency.missing_summaries(connection).examples] == [
            date(2026, 9, 4)
        ]
