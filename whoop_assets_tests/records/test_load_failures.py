"""Load failures: one row per member, stream and run, until a later load covers the days."""

from datetime import date, timedelta

from sqlalchemy import select

from whoop_assets.records import load_failures
from whoop_assets.records import tables as record_tables
from whoop_assets_tests.support.data.factories import MEMBER, NOW

OTHER = MEMBER + 1


def test_a_failure_is_one_row_per_run_until_a_later_load_covers_its_days(database):
    first = load_failures.Failure(MEMBER, "sleeps", date(2026, 5, 1), date(2026, 5, 3), "500", True, "run 1")
    again = load_failures.Failure(MEMBER, "sleeps", date(2026, 5, 2), date(2026, 5, 4), "502", True, "run 2")
    later = NOW + timedelta(hours=1)

    def clear(connection, first_day, last_day, began, user_id=MEMBER, stream="sleeps"):
        load_failures.clear(
            connection, user_id, stream, date(2026, 5, first_day), date(2026, 5, last_day), began
        )

    with database.write() as connection:
        load_failures.record(connection, first, NOW)
        load_failures.record(connection, again, NOW)
        load_failures.record(connection, again, later)
        assert load_failures.open_failures(connection) == [first, again]
        assert load_failures.open_failures(connection, run_id="run 1") == [first]
        row = connection.execute(
            select(record_tables.load_failures).where(record_tables.load_failures.c.run_id == "run 2")
        ).one()
        assert (row.first_failed_at, row.last_failed_at) == (NOW, later)
        clear(connection, 1, 9, later, stream="cycles")
        clear(connection, 1, 9, later, user_id=OTHER)
        clear(connection, 2, 3, later)  # not all of either's days
        clear(connection, 1, 9, NOW - timedelta(seconds=1))  # began before they failed
        assert load_failures.open_failures(connection) == [first, again]
        clear(connection, 1, 3, later)
        assert load_failures.open_failures(connection) == [again]
        clear(connection, 1, 9, later)
        assert load_failures.open_failures(connection) == []
