"""Bulk INSERT, upsert, UPDATE and DELETE, on both databases."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.exc import StatementError

from whoop_assets.db.statements import (
    BATCH_SIZE,
    delete_rows,
    insert_or_ignore,
    insert_or_replace,
    insert_rows,
    update_rows,
)
from whoop_assets.errors import DatabaseError
from whoop_assets.records.tables import quarantine, record_versions, sleeps, stale_days
from whoop_assets_tests.support.data.factories import MEMBER, NOW

DAY = date(2026, 5, 3)
ELSEWHERE = timezone(timedelta(hours=-4))

FULL = {
    "nap": True,
    "cycle_id": 2**63 - 1,
    "start_time": datetime(2026, 5, 3, 1, 2, 3, 456789, tzinfo=ELSEWHERE),
    "end_time": datetime(2026, 5, 3, 9, tzinfo=UTC),
    "timezone_offset": "-04:00",
    "sleep_cycle_count": 4,
    "baseline_milli": 27_000_000,
    "respiratory_rate": 16.11,
    "sleep_performance_percentage": 98,
    "payload": '{"note": "100 % of a ? and %s, %(day)s, :day, \\u00e9\\\\"}',
    "content_hash": "ab",
}
SPARSE = dict.fromkeys(FULL) | {"nap": False, "cycle_id": 0, "payload": "{}", "content_hash": ""}


def _sleep(key, fields):
    times = dict.fromkeys(("created_at", "updated_at", "first_seen_at", "changed_at", "synced_at"), NOW)
    return {"id": key, "user_id": MEMBER, "day": DAY, "score_state": "SCORED", **times, **fields}


def _stored(connection, table):
    return [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key.columns))]


def _version(key, **changes):
    fields = {"stream": "sleeps", "record_key": key, "content_hash": "ab", "user_id": MEMBER, "payload": "{}"}
    times = {"updated_at": NOW, "requested_at": NOW}
    return fields | {"endpoint": "/v2/activity/sleep", "open": False} | times | changes


def test_every_value_of_a_row_is_stored_unchanged(database):
    rows = [_sleep("full", FULL), _sleep("sparse", SPARSE)]
    with database.write() as connection:
        insert_rows(connection, sleeps, rows)
        query = select(*(sleeps.c[name] for name in rows[0])).order_by(sleeps.c.id)
        stored = [dict(row) for row in connection.execute(query).mappings()]
    assert stored == rows
    assert stored[0]["start_time"].tzinfo is UTC


@pytest.mark.parametrize("number", [0, 1, BATCH_SIZE, 2 * BATCH_SIZE + 1])
def test_any_number_of_rows_can_be_inserted(database, number):
    rows = [_sleep(f"{place:05}", FULL) for place in range(number)]
    with database.write() as connection:
        insert_rows(connection, sleeps, rows)
        assert [row[0] for row in _stored(connection, sleeps)] == [row["id"] for row in rows]


def test_an_existing_key_is_an_error_that_quotes_no_value(database):
    with database.write() as connection:
        insert_rows(connection, sleeps, [_sleep("secret", FULL)])
    with pytest.raises(DatabaseError) as error, database.write() as connection:
        insert_rows(connection, sleeps, [_sleep("secret", FULL)])
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None


def test_insert_or_ignore_keeps_existing_rows(database):
    with database.write() as connection:
        insert_or_ignore(connection, record_versions, [_version("a")])
        more = [_version("a", endpoint="later"), _version("b"), _version("b", endpoint="later")]
        insert_or_ignore(connection, record_versions, more)
        query = select(record_versions.c.record_key, record_versions.c.endpoint).order_by(
            record_versions.c.record_key
        )
        stored = connection.execute(query).all()
    assert stored == [("a", "/v2/activity/sleep"), ("b", "/v2/activity/sleep")]


def test_insert_or_replace_keeps_the_named_columns_of_existing_rows(database):
    def rejected(reason, at):
        fields = {"user_id": MEMBER, "stream": "sleeps", "content_hash": "ab", "record_key": None}
        times = {"first_seen_at": at, "last_seen_at": at, "resolved_at": None}
        return fields | {"payload": "{}", "reason": reason, "endpoint": "/v2/activity/sleep"} | times

    later = NOW + timedelta(hours=1)
    with database.write() as connection:
        insert_or_replace(connection, quarantine, [rejected("first", NOW)], keep={"first_seen_at"})
        insert_or_replace(connection, quarantine, [rejected("second", later)], keep={"first_seen_at"})
        row = connection.execute(select(quarantine)).one()
    assert (row.reason, row.first_seen_at, row.last_seen_at) == ("second", NOW, later)


def test_rows_are_updated_and_deleted_by_their_whole_primary_key(database):
    def stale(day, generation):
        return {"user_id": MEMBER, "day": day, "generation": generation, "changed_at": NOW}

    days = [DAY + timedelta(days=n) for n in range(3)]
    with database.write() as connection:
        insert_rows(connection, stale_days, [stale(day, 1) for day in days])
        update_rows(connection, stale_days, [stale(day, n) for n, day in enumerate(days[1:], 2)])
        delete_rows(connection, stale_days, {(MEMBER, days[1]), (MEMBER + 1, days[0])})
        update_rows(connection, stale_days, [])
        delete_rows(connection, stale_days, [])
        stored = _stored(connection, stale_days)
    assert stored == [tuple(stale(days[0], 1).values()), tuple(stale(days[2], 3).values())]


def test_a_time_without_a_time_zone_is_an_error(database):
    row = {"user_id": MEMBER, "day": DAY, "generation": 1, "changed_at": NOW.replace(tzinfo=None)}
    with pytest.raises(StatementError, match="without a zone"), database.write() as connection:
        insert_or_replace(connection, stale_days, [row], keep=set())


def test_both_instants_of_a_repeated_hour_are_stored(database):
    # When clocks go back, Python treats two instants an hour apart as equal, and their hashes too.
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    second = first.replace(fold=1)
    assert first == second
    with database.write() as connection:
        insert_rows(
            connection,
            sleeps,
            [
                _sleep("a", FULL | {"start_time": first, "end_time": first}),
                _sleep("b", FULL | {"start_time": second, "end_time": second}),
            ],
        )
        starts = connection.scalars(select(sleeps.c.start_time).order_by(sleeps.c.id)).all()
    assert starts[1] - starts[0] == timedelta(hours=1)
