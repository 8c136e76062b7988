"""Reads the rows that a member's report and charts show."""

from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, select

from whoop_assets.journal.tables import journal_effects
from whoop_assets.records.tables import cycles, recoveries, sleeps
from whoop_assets.summaries.tables import daily_summary, trends, weekly_summary

Rows = list[dict[str, Any]]


def daily_rows(connection: Connection, user_id: int, first: date, last: date) -> Rows:
    """Return the member's daily rows by day, both ends included.

    Each row also has `cycle_state`, `sleep_state` and `recovery_state`: the score states of the day's cycle,
    of its main sleep and of that sleep's recovery. They are None if there is no such record.
    """
    d = daily_summary.c
    joined = (
        daily_summary.outerjoin(cycles, cycles.c.id == d.cycle_id)
        .outerjoin(sleeps, sleeps.c.id == d.sleep_id)
        .outerjoin(recoveries, (recoveries.c.sleep_id == d.sleep_id) & recoveries.c.deleted_at.is_(None))
    )
    query = select(
        daily_summary,
        cycles.c.score_state.label("cycle_state"),
        sleeps.c.score_state.label("sleep_state"),
        recoveries.c.score_state.label("recovery_state"),
    ).select_from(joined)
    return _rows(connection, query.where(d.user_id == user_id, d.day.between(first, last)).order_by(d.day))


def trend_rows(connection: Connection, user_id: int, first: date, last: date) -> Rows:
    """Return the member's rows of `trends` by day, both ends included."""
    c = trends.c
    query = select(trends).where(c.user_id == user_id, c.day.between(first, last)).order_by(c.day)
    return _rows(connection, query)


def weekly_rows(connection: Connection, user_id: int, first: date, last: date) -> Rows:
    """Return the member's weekly rows whose Monday lies between the two days, both included."""
    c = weekly_summary.c
    query = select(weekly_summary).where(c.user_id == user_id, c.week_start.between(first, last))
    return _rows(connection, query.order_by(c.week_start))


def effect_rows(connection: Connection, user_id: int) -> Rows:
    """Return the member's rows of `journal_effects` by question, outcome and lag."""
    c = journal_effects.c
    query = select(journal_effects).where(c.user_id == user_id).order_by(c.question, c.outcome, c.lag_days)
    return _rows(connection, query)


def _rows(connection: Connection, query: "Select[Any]") -> Rows:
    return [dict(row) for row in connection.execute(query).mappings()]
