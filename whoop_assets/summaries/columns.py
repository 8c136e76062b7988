"""The columns that daily summaries read and write, from the tables: name -> kind of value.

Tuples that end in `_SCORE` name the columns that only a scored record has.
"""

from sqlalchemy import Table

from whoop_assets.db.types import ColumnKind
from whoop_assets.records.tables import cycles, recoveries, sleeps, workouts
from whoop_assets.summaries.column_metadata import kinds_of, sources_of
from whoop_assets.summaries.record_columns import DURATIONS
from whoop_assets.summaries.tables import daily_summary

DAILY: dict[str, ColumnKind] = kinds_of(daily_summary)
"""The columns of a daily row in the order of the table. The store adds `built_at`."""

DAILY_COLUMNS: tuple[str, ...] = tuple(DAILY)
DAILY_SOURCES = sources_of(daily_summary)


def _read(table: Table, *choosing: str) -> dict[str, ColumnKind]:
    """Return the columns to read from a record table: the sources of daily columns, and these."""
    sources = {name for found in DAILY_SOURCES.values() for name in found}
    of_table = [column.name for column in table.columns if (table.name, column.name) in sources]
    return kinds_of(table, dict.fromkeys(("user_id", "day", "score_state", *choosing, *of_table)))


CYCLES = _read(cycles, "id")
# Durations are read as doubles, because minutes are not rounded.
SLEEPS: dict[str, ColumnKind] = _read(sleeps, "id", "cycle_id") | dict.fromkeys(DURATIONS, ColumnKind.DOUBLE)
RECOVERIES = _read(recoveries, "sleep_id", "cycle_id")
WORKOUTS = _read(workouts, "id")
