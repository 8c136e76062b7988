"""Rebuild the tables `journal` and `journal_effects`."""

from collections.abc import Collection
from dataclasses import dataclass

from whoop_assets.db.database import Database
from whoop_assets.journal import store as journal_store
from whoop_assets.journal.effects import effect_rows, journal_rows


@dataclass(slots=True)
class RebuiltRows:
    """Number of rows of the members after the rebuild, and number of changed rows."""

    rows: int = 0
    changed: int = 0


def rebuild_journal(database: Database, members: Collection[int]) -> RebuiltRows:
    """Rebuild the members' journal from imported answers and daily summaries, one transaction per member."""
    result = RebuiltRows()
    for user_id in sorted(members):
        with database.write([user_id]) as connection:
            rows = journal_rows(
                journal_store.entries(connection, user_id), journal_store.measures(connection, user_id)
            )
            result.changed += journal_store.replace_answers(
                connection, user_id, rows, database.now(connection)
            )
        result.rows += len(rows)
    return result


def rebuild_effects(database: Database, members: Collection[int]) -> RebuiltRows:
    """Rebuild the members' effects from journal and daily summaries, one transaction per member."""
    result = RebuiltRows()
    for user_id in sorted(members):
        with database.write([user_id]) as connection:
            rows = effect_rows(
                journal_store.answers(connection, user_id), journal_store.outcomes(connection, user_id)
            )
            result.changed += journal_store.replace_effects(
                connection, user_id, rows, database.now(connection)
            )
        result.rows += len(rows)
    return result
