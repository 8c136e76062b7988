"""Reading what a member's report and charts show: daily rows with their score states, trends, weeks."""

from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from whoop_assets.journal.tables import journal_effects
from whoop_assets.records.tables import cycles, recoveries, sleeps
from whoop_assets.summaries.tables import daily_summary, trends, weekly_summary

Rows = list[dict[str, Any]]


def days(connection: Connection, user_id: int, first: date, last: date) -> Rows:
    """The member's daily rows by day, both ends included, each with the score states of what it was made of.

    `cycle_state`, `sleep_state` and `recovery_state`: those of the day's cycle, of its main sleep and of that sleep's
    recovery; None where there is no such record.
    """
    d = daily_summary.c
    joined = (
        daily_summary.outerjoin(cycles, cycles.c.id == d.cycle_id)
        .outerjoin(sleeps, sleeps.c.id == d.sleep_id)
        .outerjoin(recoveries, (recoveries.c.sleep_id == d.sleep_id) & recoveries.c.deleted_at.is_(None))
    )
    query = (
        select(
            daily_summary,
            cycles.c.score_state.label("cycle_state"),
            sleeps.c.score_state.label("sleep_state"),
            recoveries.c.score_state.label("recovery_state"),
        )
        .select_from(joined)
        .where(d.user_id == user_id, d.day.between(first, last))
        .order_by(d.day)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def days_of_trends(connection: Connection, user_id: int, first: date, last: date) -> Rows:
    """The member's rows of trends by day, both ends included."""
    c = trends.c
    query = select(trends).where(c.user_id == user_id, c.day.between(first, last)).order_by(c.day)
    return [dict(row) for row in connection.execute(query).mappings()]


def weeks(connection: Connection, user_id: int, first: date, last: date) -> Rows:
    """The member's weekly rows whose Monday lies between two days, both included, by week."""
    c = weekly_summary.c
    query = (
        select(weekly_summary)
        .where(c.user_id == user_id, c.week_start.between(first, last))
        .order_by(c.week_start)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def effects(connection: Connection, user_id: int) -> Rows:
    """The member's rows of `journal_effects`, by question, outcome and lag."""
    c = journal_effects.c
    query = select(journal_effects).where(c.user_id == user_id).order_by(c.question, c.outcome, c.lag_days)
    return [dict(row) for row in connection.execute(query).mappings()]
