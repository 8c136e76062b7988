"""The stream registry: tables, columns and events agree with it, and a new stream needs no other list."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import MetaData
from sqlalchemy.schema import CreateTable

from whoop_assets.defs.assets.streams import STREAM_ASSETS
from whoop_assets.records import day_assignment, upsert
from whoop_assets.records.commit import Batch, ReadSpan, StreamBatch, commit
from whoop_assets.records.coverage import Span, covered
from whoop_assets.records.tables import RECORD_TABLES, SNAPSHOT_TABLES
from whoop_assets.sinks.source import TABLES
from whoop_assets.whoop_api.scopes import SCOPE_OF
from whoop_assets.whoop_api.streams import ALL_STREAMS, ANNOUNCED_STREAMS, SNAPSHOT_STREAMS, STREAMS, WORKOUTS
from whoop_assets.whoop_api.webhooks import KNOWN_TYPES
from whoop_assets.whoop_day import Calendar
from whoop_assets_tests.support.data.factories import MEMBER, NOW, at, cycle, rows, stale, workout

PROVENANCE = {
    *("payload", "content_hash", "first_seen_at", "changed_at", "synced_at", "deleted_at"),
    *("user_id", "day"),
}
ASSIGNED_TO_RECOVERIES = {"start_time", "end_time", "timezone_offset"}


@pytest.mark.parametrize("name", STREAMS)
def test_every_column_of_a_record_table_comes_from_the_registry_or_the_load(name):
    columns = {column.name for column in RECORD_TABLES[name].columns}
    derived = ASSIGNED_TO_RECOVERIES if name == "recoveries" else set()
    assert columns == {*STREAMS[name].columns, *PROVENANCE, *derived}
    assert [column.name for column in RECORD_TABLES[name].primary_key] == [STREAMS[name].key]


@pytest.mark.parametrize("name", SNAPSHOT_STREAMS)
def test_every_column_of_a_snapshot_table_comes_from_the_registry_or_the_load(name):
    columns = {column.name for column in SNAPSHOT_TABLES[name].columns}
    assert columns == {*SNAPSHOT_STREAMS[name].columns, *PROVENANCE}


def test_the_registry_has_a_stream_for_every_scope():
    streams = {**STREAMS, **SNAPSHOT_STREAMS}
    assert {name: stream.scope for name, stream in streams.items()} == SCOPE_OF


def test_scopes_events_assets_and_iceberg_tables_follow_from_the_registry():
    assert set(STREAM_ASSETS) == set(SCOPE_OF) == set(ALL_STREAMS)
    assert {table.stream for table in TABLES.values()} == set(ALL_STREAMS)
    assert {table.stream for table in TABLES.values() if table.versions} == set(STREAMS)
    assert set(KNOWN_TYPES.values()) == set(ANNOUNCED_STREAMS)


def test_an_unknown_day_rule_is_an_error_and_not_another_streams_rule():
    unknown = replace(WORKOUTS, name="meals", day_rule="meal")
    with pytest.raises(AssertionError):
        day_assignment.assigned_columns(unknown, workout("w1", at(3)).fields, Calendar(()), {})


@pytest.fixture
def further_stream(database, monkeypatch):
    """A fifth stream, like workouts: a row of the registry and a table."""
    table = RECORD_TABLES["workouts"].to_metadata(MetaData(), name="meals")
    monkeypatch.setitem(STREAMS, "meals", replace(WORKOUTS, name="meals"))
    monkeypatch.setitem(RECORD_TABLES, "meals", table)
    with database.write() as connection:
        connection.execute(CreateTable(table))
    return table


def test_a_further_stream_is_stored_covered_and_assigned_to_days(database, further_stream):
    with database.write([MEMBER]) as connection:
        span = Span(at(3), at(5))
        batch = Batch({"meals": StreamBatch([workout("m1", at(4, 1))])}, ReadSpan("meals", span, NOW))
        assert commit(connection, MEMBER, batch, NOW)["meals"].created == 1
        assert [(entry.span, entry.records) for entry in covered(connection, MEMBER, "meals", span)] == [
            (span, 1)
        ]
        upsert.store(connection, MEMBER, "cycles", [cycle(1, at(3), at(4, 3))], NOW)
        (row,) = connection.execute(further_stream.select()).mappings()
        assert row["day"] == date(2026, 5, 3)
        assert stale(connection) == {date(2026, 5, 3), date(2026, 5, 4)}
        assert rows(connection, "workouts") == {}
