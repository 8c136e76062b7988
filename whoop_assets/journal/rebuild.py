"""Rebuild the tables `journal` and `journal_effects`."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, Table

from whoop_assets.db.database import Database
from whoop_assets.journal import store as journal_store
from whoop_assets.journal.store import Row
from whoop_assets.journal.tables import journal, journal_effects
from whoop_assets.summaries import store as summary_store


@dataclass(slots=True)
class RebuiltRows:
    """Number of rows of the members after the rebuild, and number of changed rows."""

    rows: int = 0
    changed: int = 0


def rebuild_journal(database: Database, members: Collection[int]) -> RebuiltRows:
    """Rebuild the members' journal from imported answers and daily summaries, one transaction per member."""
    from whoop_assets.journal.effects import journal_rows

    return _rebuild(database, members, journal, journal_store.entries, journal_store.measures, journal_rows)


def rebuild_effects(database: Database, members: Collection[int]) -> RebuiltRows:
    """Rebuild the members' effects from journal and daily summaries, one transaction per member."""
    # Imported here, because numpy and scipy take long to load and only this asset needs them.
    from whoop_assets.journal.effects import effect_rows

    return _rebuild(
        database, members, journal_effects, journal_store.answers, journal_store.outcomes, effect_rows
    )


def _rebuild(
    database: Database,
    members: Collection[int],
    table: Table,
    read_answers: Callable[[Connection, int], list[Row]],
    read_days: Callable[[Connection, int], dict[date, Row]],
    compute: Callable[[list[Row], dict[date, Row]], list[Row]],
) -> RebuiltRows:
    result = RebuiltRows()
    for user_id in sorted(members):
        with database.write([user_id]) as connection:
            rows = compute(read_answers(connection, user_id), read_days(connection, user_id))
            where = (table.c.user_id == user_id,)
            at = database.now(connection)
            result.changed += summary_store.replace(connection, table, where, rows, at).written
        result.rows += len(rows)
    return result
