"""A member's page as HTML: the newest values, charts, tables, and the connection card."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from whoop_assets.members import sessions
from whoop_assets.members import store as member_store
from whoop_assets.planner.current_plan import facts_at, progress_of_members
from whoop_assets.planner.facts import Facts
from whoop_assets.planner.fetch_tasks import PlannerSettings, Reason
from whoop_assets.planner.history import Progress
from whoop_assets.planner.rules import plan
from whoop_assets.report import queries as report_queries
from whoop_assets.report.calendar_days import calendar
from whoop_assets.report.formatting import duration, long_date
from whoop_assets.report.page import component_values, first_day
from whoop_assets.web.pages import texts
from whoop_assets.web.pages.queries import ConnectionState, connection_state
from whoop_assets.web.pages.rendering import PageRefused, PageRenderer, Visitor
from whoop_assets.whoop_api.streams import ALL_STREAMS
from whoop_assets.whoop_day import local_date

STATUS_TEXTS = {
    member_store.CONNECTED: (texts.STATUS_CONNECTED, "green", texts.EXPLAIN_CONNECTED),
    member_store.RECONNECTION_NEEDED: (texts.STATUS_RECONNECT, "red", texts.EXPLAIN_RECONNECT),
    member_store.DISCONNECTED: (texts.STATUS_DISCONNECTED, "red", texts.EXPLAIN_DISCONNECTED),
    member_store.EXPORT_ONLY: (texts.STATUS_EXPORT, "", texts.EXPLAIN_EXPORT),
}
"""Status of a member -> its label, the CSS class of the label, and the explanation."""


def show_member(pages: PageRenderer, visitor: Visitor, user_id: int) -> str:
    """Return a member's page: with buttons for the member, without for an operator.

    Raises:
        PageRefused: The member is not stored.
    """
    database, settings = pages.database, pages.settings
    with database.read() as connection:
        now = database.now(connection)
        state = connection_state(connection, user_id)
        if state is None:
            raise PageRefused(404, texts.NOT_FOUND)
        today = local_date(now, state.offset)
        first = first_day(today)
        days = calendar(
            report_queries.daily_rows(connection, user_id, first, today),
            report_queries.trend_rows(connection, user_id, first, today),
        )
        weeks = report_queries.weekly_rows(connection, user_id, first, today)
        devices = sessions.listed(connection, now, user_id)
        facts, rules = facts_at(connection, settings, now, only=user_id)
    progress = progress_of_members(facts, rules).get(user_id)
    return pages.html(
        "me.html",
        visitor=visitor,
        is_own=visitor.user_id == user_id,
        user_id=user_id,
        today=today,
        card=_connection_card(state, progress, _due_at(facts, rules, state), now),
        devices=devices,
        local=lambda moment: local_time(moment, state.offset, now),
        **component_values(days),
        days=days,
        weeks=weeks,
    )


def _due_at(facts: Facts, rules: PlannerSettings, state: ConnectionState) -> datetime | None:
    """Return when the planner will do the member's requested reading.

    None if it is due, done or not planned.
    """
    if state.read_now is None or state.read_now.done_at is not None or not state.is_connected:
        return None
    planned = plan(facts, rules)
    waiting = [task.due for task in (*planned.held, *planned.later) if task.reason is Reason.ASKED]
    return min(waiting, default=None)


def local_time(moment: datetime, offset: timedelta, now: datetime) -> str:
    """Return a moment in the member's zone: the time today, else the date and the time."""
    local = moment + offset
    clock = f"{local:%H:%M}"
    if local.date() == (now + offset).date():
        return clock
    return f"{local.day} {local:%b} {local.year}, {clock}"


def _connection_card(
    state: ConnectionState, progress: Progress | None, due_at: datetime | None, now: datetime
) -> dict[str, Any]:
    """Return the texts of the connection card.

    Args:
        progress: Progress of the import; None for a member without a connection.
    """

    def local(moment: datetime | None) -> str:
        return texts.NEVER if moment is None else local_time(moment, state.offset, now)

    status = state.member.status
    label, kind, explanation = STATUS_TEXTS[status]
    if progress is not None and not progress.complete:
        label, kind = texts.STATUS_IMPORTING, "yellow"
        explanation = texts.EXPLAIN_IMPORTING_FIRST
        if progress.back_to is not None and progress.share > 0:
            left = (now - state.member.connected_at) * ((1 - progress.share) / progress.share)
            explanation = texts.EXPLAIN_IMPORTING.format(
                percent=int(100 * progress.share),
                back_to=long_date(progress.back_to),
                left=duration(max(1.0, left.total_seconds() / 60)),
            )
    return {
        "status": label,
        "kind": kind,
        "explanation": explanation,
        "is_connected": state.is_connected,
        "can_reconnect": status != member_store.EXPORT_ONLY,
        "last_read": local(state.last_read_at),
        "last_webhook": local(state.last_webhook_at),
        "missing": [
            texts.MISSING_SCOPE.format(ALL_STREAMS[stream].provides) for stream in state.missing_streams
        ],
        "read_now": _read_now_text(state, due_at, local),
        "forced": _forced_text(state, local),
    }


def _read_now_text(
    state: ConnectionState, due_at: datetime | None, local: Callable[[datetime | None], str]
) -> str:
    request = state.read_now
    if request is None:
        return ""
    asked = local(request.asked_at)
    if request.done_at is not None:
        return texts.READ_DONE.format(asked=asked, done=local(request.done_at))
    if due_at is not None:
        return texts.READ_WAITING.format(asked=asked, due=local(due_at))
    return texts.READ_QUEUED.format(asked=asked)


def _forced_text(state: ConnectionState, local: Callable[[datetime | None], str]) -> str:
    progress = state.forced
    if progress is None:
        return ""
    asked = local(progress.asked_at)
    if progress.share >= 1.0:
        return texts.FORCE_DONE.format(asked=asked)
    return texts.FORCE_RUNNING.format(asked=asked, percent=int(100 * progress.share))
