"""A member's own page with its buttons.

Every button concerns the member of the session, whatever the form says.
"""

import asyncio
import logging
from datetime import datetime

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from whoop_assets.db.database import Transaction
from whoop_assets.errors import UnknownMember, WhoopError
from whoop_assets.members import sessions
from whoop_assets.members import store as member_store
from whoop_assets.planner import forced
from whoop_assets.sync.members.connecting import disconnect_member
from whoop_assets.web.api import queries as api_queries
from whoop_assets.web.connecting import Connecting
from whoop_assets.web.pages import texts
from whoop_assets.web.pages.download import zip_of
from whoop_assets.web.pages.member_view import show_member
from whoop_assets.web.pages.rendering import PageRefused, Visitor
from whoop_assets.web.pages.service import PageService

log = logging.getLogger(__name__)


class MemberPages:
    """The pages under /me."""

    def __init__(self, pages: PageService, connecting: Connecting) -> None:
        self._pages = pages
        self._connecting = connecting
        self._leaving: dict[tuple[int, str], asyncio.Task[bool]] = {}

    async def me(self, request: Request, visitor: Visitor) -> Response:
        response = await self.member_page(visitor, visitor.user_id)
        response.background = BackgroundTask(self._ask_if_stale, visitor.user_id)
        return response

    async def member_page(self, visitor: Visitor, user_id: int) -> Response:
        """Show a member's page: to the member with buttons, to an operator without."""
        return await self._pages.show(show_member, visitor, user_id)

    async def _ask_if_stale(self, user_id: int) -> None:
        """Request a reading if the recovery is old, as opening today in the daily API does."""

        def is_stale(connection: Transaction, now: datetime) -> bool:
            found = api_queries.recovery_status(connection, None, now, user_id)
            return any(status.worth_asking for status in found)

        try:
            if await self._pages.read(is_stale):
                await self._pages.write(
                    lambda connection, now: api_queries.ask(connection, [user_id], now), user_id
                )
        except WhoopError as error:
            log.warning("A reading could not be requested. %s", error)

    # Buttons

    async def read_now(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
        def work(connection: Transaction, now: datetime) -> None:
            _require_connected(connection, visitor.user_id)
            api_queries.ask(connection, [visitor.user_id], now)

        await self._pages.once(visitor, form, "member", "read now", work)
        return self._pages.redirect("me#connection")

    async def force_sync(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
        def work(connection: Transaction, now: datetime) -> None:
            _require_connected(connection, visitor.user_id)
            forced.force(connection, visitor.user_id, now, self._pages.settings.start_date)

        await self._pages.once(visitor, form, "member", "force sync", work)
        return self._pages.redirect("me#connection")

    async def reconnect(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
        await self._pages.once(visitor, form, "member", "reconnect", lambda *_: None)
        return await self._connecting.start_attempt(visitor.user_id)

    async def confirm_disconnect(self, request: Request, visitor: Visitor) -> Response:
        return self._pages.html("disconnect.html", visitor=visitor)

    async def confirm_erase(self, request: Request, visitor: Visitor) -> Response:
        return self._pages.html("erase.html", visitor=visitor)

    async def disconnect(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
        revoked = await self._leave(visitor, form, "disconnect")
        response = self._pages.message(texts.DISCONNECTED_NOW if revoked else texts.DISCONNECTED_BUT)
        self._pages.delete_session(response)
        return response

    async def erase(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
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
        if not await self._pages.once(visitor, form, "member", action, lambda *_: True):
            raise PageRefused(409, texts.DONE_BEFORE)
        try:
            if action == "erase":
                return await run_in_threadpool(self._pages.erase_member, user_id)
            left = await run_in_threadpool(disconnect_member, self._pages.whoop, user_id, erase=False)
            return left.revoked
        except UnknownMember:
            return True  # erased by another process meanwhile
        except WhoopError:
            await self._pages.write(
                lambda connection, _: sessions.withdraw(connection, user_id, action, number)
            )
            raise

    async def download(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
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


def _require_connected(connection: Transaction, user_id: int) -> None:
    if member_store.status(connection, user_id) != member_store.CONNECTED:
        raise PageRefused(409, texts.CANNOT_READ)
