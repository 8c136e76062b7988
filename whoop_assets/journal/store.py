"""Reading what the journal is made of, and keeping it and its effects."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, case, func, select

from whoop_assets.app_export.tables import imported_journal
from whoop_assets.journal.tables import journal, journal_effects
from whoop_assets.summaries import derived_rows
from whoop_assets.summaries.tables import daily_summary

Row = dict[str, Any]


def entries(connection: Connection, user_id: int) -> list[Row]:
    """The member's imported answers, by the cycle in which they were given."""
    c = imported_journal.c
    query = select(c.user_id, c.day, c.question, c.answered_yes, c.notes, c.cycle_start_time)
    rows = connection.execute(query.where(c.user_id == user_id).order_by(c.cycle_start_time, c.question))
    return [dict(row) for row in rows.mappings()]


def measures(connection: Connection, user_id: int) -> dict[date, Row]:
    """By WHOOP day, of days with answers: start of the day's cycle, recovery score and HRV."""
    d = daily_summary.c
    answered = select(imported_journal.c.day).where(imported_journal.c.user_id == user_id)
    query = select(d.day, d.cycle_start_time, d.recovery_score, d.hrv_rmssd_milli).where(
        d.user_id == user_id, d.day.in_(answered)
    )
    return {row.day: dict(row._mapping) for row in connection.execute(query)}


def answers(connection: Connection, user_id: int) -> list[Row]:
    """Member, day, question and answer of the member's rows of the table `journal`."""
    c = journal.c
    query = select(c.user_id, c.day, c.question, c.answered_yes)
    rows = connection.execute(query.where(c.user_id == user_id).order_by(c.question, c.day))
    return [dict(row) for row in rows.mappings()]


def outcomes(connection: Connection, user_id: int) -> dict[date, Row]:
    """By WHOOP day what a habit can have an effect on, of all days of the member.

    A recovery score from WHOOP's calibration is None.
    """
    d = daily_summary.c
    score = case((d.user_calibrating.is_(True), None), else_=d.recovery_score).label("recovery_score")
    query = select(d.day, score, d.hrv_rmssd_milli, d.resting_heart_rate, d.sleep_duration_minutes)
    rows = connection.execute(query.where(d.user_id == user_id).order_by(d.day)).mappings()
    return {row["day"]: {name: row[name] for name in row if name != "day"} for row in rows}


def replace_answers(connection: Connection, user_id: int, rows: Sequence[Row], at: datetime) -> int:
    """Make the member's journal exactly these rows; returns how many changed."""
    return derived_rows.replace(connection, journal, (journal.c.user_id == user_id,), rows, at).written


def replace_effects(connection: Connection, user_id: int, rows: Sequence[Row], at: datetime) -> int:
    """Make the effects in the member's journal exactly these rows; returns how many changed."""
    where = (journal_effects.c.user_id == user_id,)
    return derived_rows.replace(connection, journal_effects, where, rows, at).written


def count(connection: Connection) -> int:
    """How many answers were imported, of all members."""
    return connection.scalar(select(func.count()).select_from(imported_journal)) or 0
