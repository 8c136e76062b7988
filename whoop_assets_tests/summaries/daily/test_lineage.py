"""The stated sources of each daily column, compared with the effect of changed values on the sixty days."""

import copy

import dagster as dg
import pytest

from whoop_assets.definitions import defs
from whoop_assets.records import tables
from whoop_assets.summaries.daily.rows import daily_rows
from whoop_assets.summaries.tables import DAILY_COLUMNS, DAILY_SOURCES, READ_COLUMNS
from whoop_assets_tests.summaries.daily.test_sixty_days import MEMBER, records_then

CHOOSING = {"user_id", "day", "id", "cycle_id", "sleep_id", "nap", "start_time", "end_time", "score_state"}
"""These columns decide which record belongs to the day, so a change of them can affect every column."""

MEASURED = [
    (stream, name) for stream, names in READ_COLUMNS.items() for name in names if name not in CHOOSING
]


def rows_of(records):
    return daily_rows(records, {MEMBER: 7059})


@pytest.fixture(scope="module")
def sixty_days():
    records = records_then(second=False)
    return records, rows_of(records)


def other(name, value):
    """Return another value of the same kind; 0 stays 0, because an all-zero score has a meaning."""
    if value is None or isinstance(value, bool):
        return value if value is None else not value
    if name == "timezone_offset":
        return "+13:00"
    if isinstance(value, str):
        return f"other-{value}"
    if isinstance(value, int | float):
        return value * 2
    return value.replace(year=2025)


@pytest.mark.parametrize(("stream", "name"), MEASURED)
def test_a_changed_value_changes_exactly_the_columns_with_this_source(sixty_days, stream, name):
    records, before = sixty_days
    changed = copy.copy(records)
    changed[stream] = [row | {name: other(name, row[name])} for row in records[stream]]
    after = rows_of(changed)
    reached = {
        column
        for old, new in zip(before, after, strict=True)
        for column in DAILY_COLUMNS
        if old[column] != new[column]
    }
    assert reached == {column for column, sources in DAILY_SOURCES.items() if (stream, name) in sources}


def test_every_column_of_a_daily_row_has_sources_that_exist():
    assert set(DAILY_SOURCES) == set(DAILY_COLUMNS)
    for sources in DAILY_SOURCES.values():
        assert sources
        for table, column in sources:
            assert column in tables.RECORD_TABLES[table].c


def test_dagster_has_the_lineage_of_every_column_except_built_at():
    specs = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
    spec = specs[dg.AssetKey(["whoop", "daily_summary"])]
    lineage = spec.metadata["dagster/column_lineage"].deps_by_column
    columns = {column.name for column in spec.metadata["dagster/column_schema"].columns}
    assert set(lineage) == columns - {"built_at"}
    upstream = {dep.asset_key for dep in spec.deps}
    for sources in lineage.values():
        for source in sources:
            assert source.asset_key in upstream
            schema = specs[source.asset_key].metadata["dagster/column_schema"]
            assert source.column_name in {column.name for column in schema.columns}
