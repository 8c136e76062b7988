"""The stream registry: tables, columns and events agree with it, and a new stream needs no other list."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from whoop_assets.defs.assets.streams import STREAM_ASSETS
from whoop_assets.records import day_assignment
from whoop_assets.records.tables import RECORD_TABLES, SNAPSHOT_TABLES
from whoop_assets.sinks.source import TABLES
from whoop_assets.whoop_api.scopes import SCOPE_OF
from whoop_assets.whoop_api.streams import ALL_STREAMS, ANNOUNCED_STREAMS, SNAPSHOT_STREAMS, STREAMS, WORKOUTS
from whoop_assets.whoop_api.webhooks import KNOWN_TYPES
from whoop_assets.whoop_day import Calendar
from whoop_assets_tests.support import further_stream
from whoop_assets_tests.support.data.factories import at, workout
from whoop_assets_tests.support.wheel import ROOT

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


def test_a_further_stream_is_stored_covered_assigned_to_days_and_summarised(database_url):
    program = [sys.executable, "-W", "ignore", "-m", further_stream.__name__, database_url]
    done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "created": 2,
        "covered": [2],
        "days": {"m1": "2026-05-03", "m2": "2026-05-06"},
        "summaries": ["2026-05-03", "2026-05-06"],
        "workouts": [None],  # no workouts were read
        "missing summaries": 0,
        "is a source of the summaries": True,
    }
