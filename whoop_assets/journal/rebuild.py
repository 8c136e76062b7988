"""Rebuild the tables `journal` and `journal_effects`, and read the rows that they come from."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Table, case, func, select

from whoop_assets.app_export.tables import imported_journal
from whoop_assets.db.database import Database
from whoop_assets.journal.tables import journal, journal_effects
from whoop_assets.summaries import store as summary_store
from whoop_assets.summaries.tables import daily_summary

Row = dict[str, Any]


@dataclass(slots=True)
class RebuiltRows:
    """Number of rows of the members after the rebuild, and number of changed rows."""

    rows: int = 0
    changed: int = 0


def rebuild_journal(database: Database, members: Collection[int]) -> RebuiltRows:
    """Rebuild the members' journal from imported answers and daily summaries, one transaction per member."""
    from whoop_assets.journal.effects import journal_rows

    return _rebuild(database, members, journal, entries, measures, journal_rows)


def rebuild_effects(database: Database, members: Collection[int]) -> RebuiltRows:
    """Rebuild the members' effects from journal and daily summaries, one transaction per member."""
    # Imported here, because numpy and scipy take long to load and only this asset needs them.
    from whoop_assets.journal.effects import effect_rows

    return _rebuild(database, members, journal_effects, answers, outcomes, effect_rows)


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


def entries(connection: Connection, user_id: int) -> list[Row]:
    """Return the member's imported answers by cycle and question."""
    c = imported_journal.c
    query = select(c.user_id, c.day, c.question, c.answered_yes, c.notes, c.cycle_start_time)
    rows = connection.execute(query.where(c.user_id == user_id).order_by(c.cycle_start_time, c.question))
    return [dict(row) for row in rows.mappings()]


def measures(connection: Connection, user_id: int) -> dict[date, Row]:
    """Return day -> cycle start, recovery score and HRV, for days with answers."""
    d = daily_summary.c
    answered = select(imported_journal.c.day).where(imported_journal.c.user_id == user_id)
    query = select(d.day, d.cycle_start_time, d.recovery_score, d.hrv_rmssd_milli).where(
        d.user_id == user_id, d.day.in_(answered)
    )
    return {row.day: dict(row._mapping) for row in connection.execute(query)}


def answers(connection: Connection, user_id: int) -> list[Row]:
    """Return member, day, question and answer of the member's rows of `journal`."""
    c = journal.c
    query = select(c.user_id, c.day, c.question, c.answered_yes)
    rows = connection.execute(query.where(c.user_id == user_id).order_by(c.question, c.day))
    return [dict(row) for row in rows.mappings()]


def outcomes(connection: Connection, user_id: int) -> dict[date, Row]:
    """Return day -> outcomes, for all days of the member. Recovery scores from calibration are None."""
    d = daily_summary.c
    score = case((d.user_calibrating.is_(True), None), else_=d.recovery_score).label("recovery_score")
    query = select(d.day, score, d.hrv_rmssd_milli, d.resting_heart_rate, d.sleep_duration_minutes)
    rows = connection.execute(query.where(d.user_id == user_id).order_by(d.day)).mappings()
    return {row["day"]: {name: row[name] for name in row if name != "day"} for row in rows}


def count_answers(connection: Connection) -> int:
    """Return the number of imported answers of all members."""
    return connection.scalar(select(func.count()).select_from(imported_journal)) or 0
