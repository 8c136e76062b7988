"""docs/data-dictionary.md names every column of the tables it describes, and no other."""

import re
from pathlib import Path

import pytest

from whoop_assets.schema import metadata
from whoop_assets.summaries import DAILY_COLUMNS
from whoop_assets.summaries.trends import TREND_COLUMNS

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
    **dict.fromkeys(("cycles", "sleeps", "recoveries", "workouts"), (EVERY_RECORD, PROVENANCE)),
}


def _columns(heading: str) -> list[str]:
    """The first cells of the table below that heading."""
    sections = re.split(r"^#+ ", DICTIONARY.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (section,) = (one for one in sections if one.partition("\n")[0].replace("`", "") == heading)
    return re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)


@pytest.mark.parametrize("table", SHARED)
def test_the_dictionary_describes_each_column_of_the_table_once(table):
    described = [name for heading in (table, *SHARED[table]) for name in _columns(heading)]
    assert sorted(described) == sorted(column.name for column in metadata.tables[table].columns)


def test_the_dictionary_lists_a_daily_row_in_the_contracts_order():
    assert _columns("daily_summary") == [*DAILY_COLUMNS, "built_at"]


def test_the_dictionary_lists_trends_in_the_order_of_the_table():
    assert _columns("trends") == [*TREND_COLUMNS, "built_at"]
    assert _columns("trends") == [column.name for column in metadata.tables["trends"].columns]
