"""Imports of app exports: rejected rows, and days that the API reads later."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from whoop_assets.quality import quarantine_entries
from whoop_assets.records.commit import Batch, ReadSpan, StreamBatch
from whoop_assets.records.coverage import Span
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.summaries.tables import daily_summary
from whoop_assets.sync.import_export import import_export
from whoop_assets.sync.stream_reader import commit_batch
from whoop_assets_tests.support.data.app_exports import CYCLES_OF_THREE_DAYS, csv_of, export
from whoop_assets_tests.support.data.factories import stale

JUNE_3 = date(2025, 6, 3)
WORKOUTS = "workouts.csv"


def workout_counts(database):
    with database.read() as connection:
        return set(connection.scalars(select(daily_summary.c.workout_count)))


def with_bad_workout(letter="x"):
    """Return an export with one workout row that has a cell too long for CSV."""
    header = csv_of("workouts", [])
    return export(cycles=CYCLES_OF_THREE_DAYS) | {WORKOUTS: header + b"\n" + letter.encode() * 140_000}


def test_workouts_are_unknown_if_every_row_of_their_file_was_rejected(sqlite_database):
    result = import_export(sqlite_database, with_bad_workout(), None)
    assert [(row.file, row.reason.partition(":")[0]) for row in result.rejected] == [
        (WORKOUTS, "it is not CSV")
    ]
    assert workout_counts(sqlite_database) == {None}


def test_a_dismissed_workout_row_no_longer_hides_that_there_were_none(sqlite_database):
    import_export(sqlite_database, with_bad_workout(), None)
    with sqlite_database.write() as connection:
        assert quarantine_entries.dismiss(connection, None, sqlite_database.now(connection)) == 1
    import_export(sqlite_database, with_bad_workout(), -1)
    assert workout_counts(sqlite_database) == {0}


def test_a_dismissed_line_that_is_not_csv_does_not_hide_another_one_with_the_same_number(sqlite_database):
    import_export(sqlite_database, with_bad_workout("x"), None)
    with sqlite_database.write() as connection:
        quarantine_entries.dismiss(connection, None, sqlite_database.now(connection))
    assert import_export(sqlite_database, with_bad_workout("x"), -1).rejected == []
    assert len(import_export(sqlite_database, with_bad_workout("y"), -1).rejected) == 1


@pytest.mark.parametrize("stream", ["sleeps", "recoveries", "workouts"])
def test_a_day_that_only_an_export_describes_is_stale_after_one_of_its_streams_was_read(
    sqlite_database, stream
):
    import_export(sqlite_database, export(cycles=CYCLES_OF_THREE_DAYS), None)
    with sqlite_database.write() as connection:
        STALE_DAYS.clear(connection, STALE_DAYS.stale(connection))
        now = sqlite_database.now(connection)
    span = Span(datetime(2025, 6, 2, tzinfo=UTC), datetime(2025, 6, 5, tzinfo=UTC))
    batch = Batch({stream: StreamBatch()}, ReadSpan(stream, span, now))
    commit_batch(sqlite_database, -1, batch, closed_by="test")
    with sqlite_database.read() as connection:
        assert JUNE_3 in stale(connection)
    again = Batch({stream: StreamBatch()}, ReadSpan(stream, span, now + timedelta(seconds=1)))
    with sqlite_database.write() as connection:
        STALE_DAYS.clear(connection, STALE_DAYS.stale(connection))
    commit_batch(sqlite_database, -1, again, closed_by="test")
    with sqlite_database.read() as connection:
        assert stale(connection) == set()
