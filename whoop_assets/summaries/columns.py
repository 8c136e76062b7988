"""The columns that daily summaries read and write, from the tables."""

from whoop_assets.db.columns import kinds_of, sources_of
from whoop_assets.db.types import ColumnKind
from whoop_assets.records.tables import RECORD_TABLES
from whoop_assets.summaries.tables import daily_summary

DAILY: dict[str, ColumnKind] = kinds_of(daily_summary)
"""The columns of a daily row in the order of the table: name -> kind of value. The store adds `built_at`."""

DAILY_COLUMNS: tuple[str, ...] = tuple(DAILY)
DAILY_SOURCES = sources_of(daily_summary)

_CHOOSING = {"user_id", "day", "id", "sleep_id", "cycle_id", "score_state"}
"""Columns that assign a record to its row, or decide whether the row uses it."""

READ_COLUMNS: dict[str, tuple[str, ...]] = {
    stream: tuple(
        column.name
        for column in table.columns
        if column.name in _CHOOSING
        or any((stream, column.name) in sources for sources in DAILY_SOURCES.values())
    )
    for stream, table in RECORD_TABLES.items()
}
"""Stream -> the columns of its records that daily rows are computed from."""
