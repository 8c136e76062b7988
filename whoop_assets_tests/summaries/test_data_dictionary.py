"""docs/data-dictionary.md describes every column of its tables: type, unit, example and meaning."""

import re
from pathlib import Path

import pytest
from sqlalchemy import BigInteger, Boolean, Date, Double, Integer

from whoop_assets.db.types import JsonText, UtcDateTime
from whoop_assets.definition_changes import CHANGES
from whoop_assets.derived_versions import schema_metadata
from whoop_assets.schema import metadata
from whoop_assets.summaries.tables import DAILY_COLUMNS
from whoop_assets.whoop_api.streams import STREAMS

DICTIONARY = Path(__file__).parents[2] / "docs" / "data-dictionary.md"
EVERY_RECORD, PROVENANCE = "Columns of every record", "Where it came from"
SHARED = {
    "daily_summary": (),
    **dict.fromkeys(
        (
            "members",
            "record_versions",
            "quarantine",
            "coverage",
            "stale_days",
            "stale_trends",
            "stale_weeks",
            "trends",
            "weekly_summary",
            "load_failures",
            "webhook_events",
            "v1_ids",
            "asked_readings",
            "journal",
            "journal_effects",
            "imported_cycles",
            "imported_sleeps",
            "imported_workouts",
            "imported_journal",
            "imports",
            "export_quarantine",
            "notion_pages",
            "notion_sources",
            "iceberg_days",
        ),
        (),
    ),
    "profiles": (PROVENANCE,),
    "body_measurements": (PROVENANCE,),
    **dict.fromkeys(STREAMS, (EVERY_RECORD, PROVENANCE)),
}


WITH_EXAMPLES = (
    *("daily_summary", "trends", "weekly_summary", "journal", "journal_effects"),
    *(*STREAMS, "profiles", "body_measurements"),
    *("imported_cycles", "imported_sleeps", "imported_workouts", "imported_journal"),
)
TYPES = (
    (UtcDateTime, "time"),
    (JsonText, "JSON"),
    (Date, "date"),
    (Boolean, "boolean"),
    (Double, "double"),
    (BigInteger, "bigint"),
    (Integer, "integer"),
)
EXAMPLE_OF_TYPE = {
    "time": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
    "date": r"\d{4}-\d\d-\d\d",
    "boolean": "true|false",
    "double": r"-?\d+(\.\d+)?(e-\d+)?",
    "bigint": r"-?\d+",
    "integer": r"-?\d+",
    "text": ".+",
    "JSON": r"`\{.*\}`",
}
NULL_EXAMPLES = {"deleted_at", "assigned_cycle_start_time"}


def _lines(heading: str) -> list[list[str]]:
    """Return the cells of each column's line in the table below that heading."""
    sections = re.split(r"^#+ ", DICTIONARY.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (section,) = (text for text in sections if text.partition("\n")[0].replace("`", "") == heading)
    lines = [line for line in section.splitlines() if re.match(r"\| `\w+` \|", line)]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def _columns(heading: str) -> list[str]:
    return [line[0].strip("`") for line in _lines(heading)]


def _type_of(column) -> str:
    return next((name for kind, name in TYPES if isinstance(column.type, kind)), "text")


@pytest.mark.parametrize("table", SHARED)
def test_the_dictionary_describes_each_column_of_the_table_once(table):
    described = [name for heading in (table, *SHARED[table]) for name in _columns(heading)]
    assert sorted(described) == sorted(column.name for column in metadata.tables[table].columns)


def test_the_dictionary_describes_each_table_or_names_it_as_internal():
    text = DICTIONARY.read_text(encoding="utf-8")
    section = text.partition("These tables are internal:\n\n")[2].partition("\n\n")[0]
    tables = {*metadata.tables, *schema_metadata.tables}
    assert sorted([*SHARED, *re.findall(r"`(\w+)`", section)]) == sorted(tables)


@pytest.mark.parametrize("table", WITH_EXAMPLES)
def test_each_line_has_type_example_and_meaning(table):
    columns = metadata.tables[table].c
    for name, kind, _, example, meaning, *_ in (
        line for heading in (table, *SHARED[table]) for line in _lines(heading)
    ):
        column = columns[name.strip("`")]
        assert kind == _type_of(column), name
        assert meaning, name
        if not (example == "NULL" and column.name in NULL_EXAMPLES):
            assert re.fullmatch(EXAMPLE_OF_TYPE[kind], example), (name, example)


@pytest.mark.parametrize("table", ["trends", "weekly_summary", "journal_effects"])
def test_each_computed_number_has_a_unit_a_formula_and_its_source_or_limits(table):
    lines = [line for line in _lines(table) if line[1] == "double"]
    assert len(lines) > 5
    for name, _, unit, _, formula, limits in lines:
        assert unit and formula and limits, name


def test_the_dictionary_lists_each_change_of_definition_with_its_columns_and_days():
    text = DICTIONARY.read_text(encoding="utf-8")
    section = text.partition("### Changes of definition at WHOOP")[2].partition("\n## ")[0]
    lines = [line.split("|")[1:4] for line in section.splitlines() if line.startswith("| `")]
    described = [
        (frozenset(re.findall(r"`(\w+)`", columns)), last_old.strip(), first_new.strip())
        for columns, last_old, first_new in lines
    ]
    assert described == [
        (change.columns, str(change.last_old_day), str(change.first_new_day)) for change in CHANGES
    ]


def test_the_dictionary_lists_daily_columns_in_the_order_of_the_table():
    assert _columns("daily_summary") == [*DAILY_COLUMNS, "built_at"]


def test_the_dictionary_lists_trends_in_the_order_of_the_table():
    assert _columns("trends") == [column.name for column in metadata.tables["trends"].columns]
