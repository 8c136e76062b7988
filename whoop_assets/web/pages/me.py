"""A member's own page with its buttons.

Every button concerns the member of the session, whatever the form says.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from whoop_assets.db.database import Transaction
from whoop_assets.errors import UnknownMember, WhoopError
from whoop_assets.members import sessions
from whoop_assets.members import store as member_store
from whoop_assets.planner import forced
from whoop_assets.planner.current_plan import planner_settings_at
from whoop_assets.planner.fetch_tasks import Reason
from whoop_assets.planner.gather import gather
from whoop_assets.planner.rules import plan
from whoop_assets.report import gaps
from whoop_assets.report import queries as report_queries
from whoop_assets.report.calendar_days import ReportDay, calendar
from whoop_assets.report.cards import cards_of
from whoop_assets.report.formatting import duration, long_date, weekday_date
from whoop_assets.report.page import NEWEST_DAYS, NEWEST_WEEKS, chart_periods, first_day
from whoop_assets.report.signals import signals_of
from whoop_assets.sync.members.connecting import disconnect_member
from whoop_assets.web.api import queries as api_queries
from whoop_assets.web.connecting import Connecting
from whoop_assets.web.pages import texts
from whoop_assets.web.pages.download import zip_of
from whoop_assets.web.pages.queries import ConnectionState, connection_state
from whoop_assets.web.pages.service import PageRefused, PageService, Visitor
from whoop_assets.whoop_api.streams import ALL_STREAMS
from whoop_assets.whoop_day import local_date

log = logging.getLogger(__name__)


class MemberPages:
    """The pages under /me."""

    def __init__(self, pages: PageService, connecting: Connecting) -> None:
        self._pages = pages
        self._connecting = connecting
        self._leaving: dict[tuple[int, str], asyncio.Task[bool]] = {}
        self.me = pages.page(self._me)
        self.confirm_disconnect = pages.page(self._confirm_disconnect)
        self.confirm_erase = pages.page(self._confirm_erase)
        self.download = pages.action(self._download)
        self.read_now = pages.action(self._read_now)
        self.force_sync = pages.action(self._force_sync)
        self.reconnect = pages.action(self._reconnect)
        self.disconnect = pages.action(self._disconnect)
        self.erase = pages.action(self._erase)

    async def _me(self, request: Request, visitor: Visitor) -> Response:
        response = await self.member_page(visitor, visitor.user_id)
        response.background = BackgroundTask(self._ask_if_stale, visitor.user_id)
        return response

    async def member_page(self, visitor: Visitor, user_id: int) -> Response:
        """Show a member's page: to the member with buttons, to an operator without."""

        def show() -> Response:
            database, settings = self._pages.database, self._pages.settings
            with database.read() as connection:
                now = database.now(connection)
                state = connection_state(connection, user_id, now, settings.start_date)
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
                due_at = self._due_at(connection, state, now)
            return self._pages.html(
                "me.html",
                visitor=visitor,
                is_own=visitor.user_id == user_id,
                user_id=user_id,
                today=today,
                card=_connection_card(state, due_at, now),
                devices=devices,
                local=lambda moment: local_time(moment, state.offset, now),
                **_report_values(days, today),
                weeks=weeks,
            )

        return await self._pages.run(show)

    def _due_at(self, connection: Transaction, state: ConnectionState, now: datetime) -> datetime | None:
        """Return when the planner will do the member's requested reading.

        None if it is due, done or not planned.
        """
        if state.read_now is None or state.read_now.done_at is not None or not state.is_connected:
            return None
        settings = self._pages.settings
        rules = planner_settings_at(settings, now)
        facts = gather(
            connection,
            now,
            rules.last_day,
            requests_per_day=settings.requests_per_day,
            only=state.member.user_id,
        )
        planned = plan(facts, rules)
        waiting = [task.due for task in (*planned.held, *planned.later) if task.reason is Reason.ASKED]
        return min(waiting, default=None)

    async def _ask_if_stale(self, user_id: int) -> None:
        """Request a reading if the recovery is old, as opening today in the daily API does."""

        def is_stale(connection: Transaction, now: datetime) -> bool:
            found = api_queries.recovery_status(connection, None, now, user_id)
            return any(status.worth_asking(now) for status in found)

        try:
            if await self._pages.read(is_stale):
                await self._pages.write(
                    lambda connection, now: api_queries.ask(connection, [user_id], now), user_id
                )
        except WhoopError as error:
            log.warning("A reading could not be requested. %s", error)

    # Buttons

    async def _once(
        self,
        visitor: Visitor,
        form: dict[str, str],
        action: str,
        work: Callable[[Transaction, datetime], object] | None = None,
    ) -> bool:
        """Write the action into the audit log and do `work` in the same transaction.

        Returns:
            False if this form was submitted before; then nothing is done.
        """
        number = form.get("form", "")
        if not 0 < len(number) <= sessions.MAX_TOKEN_CHARACTERS:
            raise PageRefused(403, texts.FORM_EXPIRED)

        def run(connection: Transaction, now: datetime) -> bool:
            if not member_store.exists(connection, visitor.user_id):
                raise PageRefused(403, texts.SIGN_IN_AGAIN)
            if not sessions.record(connection, visitor.user_id, "member", action, now, number):
                return False
            if work is not None:
                work(connection, now)
            return True

        return await self._pages.write(run, visitor.user_id)

    async def _read_now(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
        def work(connection: Transaction, now: datetime) -> None:
            _require_connected(connection, visitor.user_id)
            api_queries.ask(connection, [visitor.user_id], now)

        await self._once(visitor, form, "read now", work)
        return self._pages.redirect("me#connection")

    async def _force_sync(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
        def work(connection: Transaction, now: datetime) -> None:
            _require_connected(connection, visitor.user_id)
            forced.force(connection, visitor.user_id, now, self._pages.settings.start_date)

        await self._once(visitor, form, "force sync", work)
        return self._pages.redirect("me#connection")

    async def _reconnect(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
        await self._once(visitor, form, "reconnect")
        return await self._connecting.start_attempt(visitor.user_id)

    async def _confirm_disconnect(self, request: Request, visitor: Visitor) -> Response:
        return self._pages.html("disconnect.html", visitor=visitor)

    async def _confirm_erase(self, request: Request, visitor: Visitor) -> Response:
        return self._pages.html("erase.html", visitor=visitor)

    async def _disconnect(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
        revoked = await self._leave(visitor, form, "disconnect")
        response = self._pages.message(texts.DISCONNECTED_NOW if revoked else texts.DISCONNECTED_BUT)
        self._pages.delete_session(response)
        return response

    async def _erase(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
        if form.get("word", "").strip().upper() != texts.ERASE_WORD:
            raise PageRefused(400, texts.ERASE_NOT_TYPED.format(texts.ERASE_WORD))
        complete = await self._leave(visitor, form, "erase")
        response = self._pages.message(texts.ERASED_NOW if complete else texts.ERASED_NOT_ALL)
        self._pages.delete_session(response)
        return response

    async def _leave(self, visitor: Visitor, form: dict[str, str], action: str) -> bool:
        """Disconnect or erase the member once. Clicks that arrive meanwhile get the same outcome.

        Returns:
            Whether everything was reached: the grant at WHOOP, and for `erase` every copy outside the
                database.
        """
        key = visitor.user_id, action
        if key not in self._leaving:
            task = self._leaving[key] = asyncio.create_task(self._leave_once(visitor, form, action))
            task.add_done_callback(lambda _: self._leaving.pop(key))
        return await asyncio.shield(self._leaving[key])

    async def _leave_once(self, visitor: Visitor, form: dict[str, str], action: str) -> bool:
        user_id, number = visitor.user_id, form.get("form", "")
        if not await self._once(visitor, form, action):
            raise PageRefused(409, texts.DONE_BEFORE)
        try:
            return await run_in_threadpool(self._leave_now, user_id, erase=action == "erase")
        except UnknownMember:
            return True  # erased by another process meanwhile
        except WhoopError:
            await self._pages.write(
                lambda connection, _: sessions.withdraw(connection, user_id, action, number)
            )
            raise

    def _leave_now(self, user_id: int, *, erase: bool) -> bool:
        database = self._pages.database
        with database.read() as connection:
            status = member_store.status(connection, user_id)
        if not erase:
            revoked = (
                status == member_store.EXPORT_ONLY
                or disconnect_member(self._pages.whoop, user_id, erase=False).revoked
            )
            with database.write() as connection:
                sessions.end(connection, user_id)
            return revoked
        return self._pages.erase_member(user_id)

    async def _download(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
        def log_download(connection: Transaction, now: datetime) -> None:
            if member_store.exists(connection, visitor.user_id):
                sessions.record(connection, visitor.user_id, "member", "download", now)

        await self._pages.write(log_download, visitor.user_id)
        name = f"whoop-{visitor.user_id}.zip"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return StreamingResponse(
            zip_of(self._pages.database, visitor.user_id), media_type="application/zip", headers=headers
        )


def local_time(moment: datetime, offset: timedelta, now: datetime) -> str:
    """Return a moment in the member's zone: the time today, else the date and the time."""
    local = moment + offset
    clock = f"{local:%H:%M}"
    if local.date() == (now + offset).date():
        return clock
    return f"{local.day} {local:%b} {local.year}, {clock}"


def _require_connected(connection: Transaction, user_id: int) -> None:
    if member_store.status(connection, user_id) != member_store.CONNECTED:
        raise PageRefused(409, texts.CANNOT_READ)


def _report_values(days: list[ReportDay], today: date) -> dict[str, Any]:
    """Return what the report's components show of these days."""
    with_data = [day for day in days if day.summary]
    if not with_data:
        return {"newest": None}
    newest = with_data[-1]
    heading = texts.TODAY if newest.day == today else texts.NEWEST_DAY.format(weekday_date(newest.day))
    return {
        "newest": newest,
        "newest_heading": heading,
        "cards": cards_of(newest),
        "signals": signals_of(newest),
        "notes": [kind for kind in gaps.gap_kinds(newest) if kind is not gaps.PARTIAL],
        "periods": chart_periods(days),
        "days": days,
        "gaps": gaps.explain_gaps(days),
        "newest_days": NEWEST_DAYS,
        "newest_weeks": NEWEST_WEEKS,
    }


def _connection_card(state: ConnectionState, due_at: datetime | None, now: datetime) -> dict[str, Any]:
    """Return the texts of the connection card."""

    def local(moment: datetime | None) -> str:
        return texts.NEVER if moment is None else local_time(moment, state.offset, now)

    status = state.member.status
    label, kind, explanation = {
        member_store.CONNECTED: (texts.STATUS_CONNECTED, "green", texts.EXPLAIN_CONNECTED),
        member_store.RECONNECTION_NEEDED: (texts.STATUS_RECONNECT, "red", texts.EXPLAIN_RECONNECT),
        member_store.DISCONNECTED: (texts.STATUS_DISCONNECTED, "red", texts.EXPLAIN_DISCONNECTED),
        member_store.EXPORT_ONLY: (texts.STATUS_EXPORT, "", texts.EXPLAIN_EXPORT),
    }[status]
    importing = state.importing
    if importing is not None:
        label, kind = texts.STATUS_IMPORTING, "yellow"
        explanation = texts.EXPLAIN_IMPORTING_FIRST
        if importing.back_to is not None and importing.left is not None:
            explanation = texts.EXPLAIN_IMPORTING.format(
                percent=int(100 * importing.share),
                back_to=long_date(importing.back_to),
                left=duration(max(1.0, importing.left.total_seconds() / 60)),
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
