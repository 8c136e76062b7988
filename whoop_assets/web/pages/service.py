"""Base of all pages: threads, sessions, CSRF, rate limits, rendering and headers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from whoop_assets.db.database import Transaction
from whoop_assets.errors import WhoopError
from whoop_assets.members import sessions
from whoop_assets.members import store as member_store
from whoop_assets.sync.session import WhoopSession
from whoop_assets.web.api.rate_limits import ClientRateLimits
from whoop_assets.web.pages import texts
from whoop_assets.web.pages.renderer_process import RendererProcess, View
from whoop_assets.web.pages.rendering import PageRefused, PageRenderer, RenderingFailed, Visitor

THREADS = 4
SESSION_COOKIE = "whoop_session"
MAX_FORM_BYTES = 8 * 1024
FORM_TIMEOUT_SECONDS = 10.0
SIGN_INS_PER_MINUTE = 60
"""Requests of one client address that concern signing in; a sign-in takes two."""
ACTIONS_PER_MINUTE = 20
"""Of one session."""

log = logging.getLogger(__name__)
T = TypeVar("T")
EraseMember = Callable[[int], bool]
"""Disconnects a member and erases all copies of the data; returns whether every copy was reached."""


Page = Callable[[Request, Visitor], Awaitable[Response]]
Action = Callable[[Request, Visitor, dict[str, str]], Awaitable[Response]]


class PageService:
    """Database access, sessions and rendering for the pages; `close` ends its threads."""

    def __init__(
        self,
        whoop: WhoopSession,
        erase_member: EraseMember,
        limits: ClientRateLimits,
        process: RendererProcess | None = None,
    ) -> None:
        self.whoop = whoop
        self.database = whoop.database
        self.settings = whoop.settings
        self.erase_member = erase_member
        self.limits = limits
        redirect = urlsplit(self.settings.redirect_uri)
        self.is_secure = redirect.scheme == "https"
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="member-pages")
        self._renderer = PageRenderer(self.settings, self.database)
        self._process = process
        self.root = self._renderer.root
        oauth = urlsplit(self.settings.oauth_url)
        consent = f"{oauth.scheme}://{oauth.netloc}"
        if (oauth.hostname or "").endswith(".whoop.com"):
            # Browsers check the whole chain of redirects, and WHOOP's own leads to its other hosts.
            consent += " https://*.whoop.com"
        self._headers = {
            "Cache-Control": "no-store",
            "Content-Security-Policy": "default-src 'none'; style-src 'self'; style-src-attr 'unsafe-inline';"
            f" form-action 'self' {consent}; base-uri 'none'; frame-ancestors 'none'",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }

    def close(self) -> None:
        """Wait for running work, then end the threads and the process."""
        self._threads.shutdown()
        if self._process is not None:
            self._process.close()

    # Work in threads

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` on a thread of the pages."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def read(self, work: Callable[[Transaction, datetime], T]) -> T:
        """Run `work` in a read transaction, with the database's time."""

        def run() -> T:
            with self.database.read() as connection:
                return work(connection, self.database.now(connection))

        return await self.run(run)

    async def write(self, work: Callable[[Transaction, datetime], T], member: int | None = None) -> T:
        """Run `work` in a write transaction, with the database's time.

        Args:
            member: Whose rows `work` writes. The transaction locks the member, so that it cannot be erased
                meanwhile.
        """

        def run() -> T:
            with self.database.write([] if member is None else [member]) as connection:
                return work(connection, self.database.now(connection))

        return await self.run(run)

    async def once(
        self,
        visitor: Visitor,
        form: dict[str, str],
        actor: str,
        action: str,
        work: Callable[[Transaction, datetime], T],
    ) -> T | None:
        """Write the action into the audit log and do `work` in the same transaction.

        Returns:
            The result of `work`; None if this form was submitted before: then nothing is done.
        """
        number = form.get("form", "")
        if not 0 < len(number) <= sessions.MAX_TOKEN_CHARACTERS:
            raise PageRefused(403, texts.FORM_EXPIRED)

        def run(connection: Transaction, now: datetime) -> T | None:
            if not member_store.exists(connection, visitor.user_id):
                raise PageRefused(403, texts.SIGN_IN_AGAIN)
            if not sessions.record(connection, visitor.user_id, actor, action, now, number):
                return None
            return work(connection, now)

        return await self.write(run, visitor.user_id)

    # Sessions

    async def visitor(self, request: Request) -> Visitor | None:
        """Return the member who is signed in in this browser, or None."""
        token = self.cookie(request, SESSION_COOKIE)
        if not token:
            return None
        session = await self.read(lambda connection, now: sessions.find(connection, token, now))
        if session is None:
            return None
        return Visitor(session, token, session.user_id in self.settings.operators)

    def set_session(self, response: Response, token: str) -> None:
        """Give the browser the cookie of a session."""
        self.set_cookie(response, SESSION_COOKIE, token, sessions.SESSION_LIFETIME)

    def delete_session(self, response: Response) -> None:
        self.delete_cookie(response, SESSION_COOKIE)

    # Cookies

    def cookie(self, request: Request, name: str) -> str:
        """Return the value of a cookie; empty if the browser has none."""
        return request.cookies.get(self._cookie_name(name), "")

    def set_cookie(self, response: Response, name: str, value: str, lifetime: timedelta) -> None:
        """Set a cookie that scripts cannot read and that other sites' forms do not send."""
        response.set_cookie(
            self._cookie_name(name),
            value,
            max_age=int(lifetime.total_seconds()),
            secure=self.is_secure,
            httponly=True,
            samesite="lax",
        )

    def delete_cookie(self, response: Response, name: str) -> None:
        response.delete_cookie(self._cookie_name(name), secure=self.is_secure, httponly=True, samesite="lax")

    def _cookie_name(self, name: str) -> str:
        # A browser accepts a cookie with this prefix only from this host and over https. So a neighbouring
        # subdomain cannot set it.
        return f"__Host-{name}" if self.is_secure else name

    # Endpoints

    def page(self, handler: Page, *, operators: bool = False) -> Callable[[Request], Awaitable[Response]]:
        """Return an endpoint that only signed-in members reach, or only operators."""

        async def endpoint(request: Request) -> Response:
            visitor = await self.visitor(request)
            if visitor is None:
                return self.redirect("")
            if operators and not visitor.is_operator:
                raise PageRefused(404, texts.NOT_FOUND)
            return await handler(request, visitor)

        return self.guarded(endpoint)

    def action(self, handler: Action, *, operators: bool = False) -> Callable[[Request], Awaitable[Response]]:
        """Return a POST endpoint.

        It checks the session, the rate limit and the CSRF token before the handler runs.
        """

        async def endpoint(request: Request) -> Response:
            visitor = await self.visitor(request)
            if visitor is None:
                raise PageRefused(403, texts.SIGN_IN_AGAIN)
            if operators and not visitor.is_operator:
                raise PageRefused(404, texts.NOT_FOUND)
            form = await read_form(request)
            if not sessions.is_form_token(visitor.token, form.get("csrf", "")):
                raise PageRefused(403, texts.FORM_EXPIRED)
            self.limit(("action", visitor.session.id), ACTIONS_PER_MINUTE)
            return await handler(request, visitor, form)

        return self.guarded(endpoint)

    def guarded(
        self, handler: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Return the endpoint with every refusal and failure shown as one sentence."""

        async def endpoint(request: Request) -> Response:
            try:
                return await handler(request)
            except PageRefused as refused:
                return self.message(refused.text, refused.status)
            except WhoopError as error:
                log.error("A page could not be shown. %s", error)
                return self.message(texts.TRY_LATER, 503)
            except Exception as error:  # noqa: BLE001  # a bug, whatever its kind
                # Without its text, which can contain values of rows.
                kind = error.kind if isinstance(error, RenderingFailed) else type(error).__name__
                log.error("A page failed with %s.", kind)
                # If it were raised further, uvicorn would close the connection under the next request.
                return self.message(texts.FAILED, 500)

        return endpoint

    def limit(self, key: object, per_minute: int) -> None:
        """Count one request. Raises PageRefused if there were too many."""
        seconds = self.limits.wait(key, per_minute)
        if seconds is not None:
            raise PageRefused(429, texts.TOO_OFTEN.format(seconds))

    def limit_sign_in(self, request: Request) -> None:
        """Count one request of this client's address that concerns signing in. Raises PageRefused."""
        address = request.client.host if request.client else ""
        self.limit(("sign-in", address), SIGN_INS_PER_MINUTE)

    # Responses

    async def show(self, view: View, *arguments: Any) -> Response:
        """Return the page of a view, which can take long: rendered in the process, if there is one."""
        if self._process is None:
            shown = await self.run(partial(view, self._renderer, *arguments))
        else:
            shown = await self.run(partial(self._process.render, view, *arguments))
        return HTMLResponse(shown, headers=self._headers)

    def html(
        self, template: str, status: int = 200, *, visitor: Visitor | None = None, **values: Any
    ) -> Response:
        shown = self._renderer.html(template, visitor=visitor, **values)
        return HTMLResponse(shown, status, headers=self._headers)

    def message(self, text: str, status: int = 200, *, to_my_page: bool = False) -> Response:
        """Show one sentence."""
        return self.html("message.html", status, text=text, to_my_page=to_my_page)

    def redirect(self, path: str) -> Response:
        """Send the browser to an address of the pages."""
        return RedirectResponse(self.root + path, 303, headers=self._headers)

    def leave(self, url: str) -> Response:
        """Send the browser to WHOOP."""
        return RedirectResponse(url, 303, headers=self._headers)


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a submitted form. Raises PageRefused for anything else."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = bytearray()
    try:
        async with asyncio.timeout(FORM_TIMEOUT_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_FORM_BYTES:
                    raise PageRefused(413, texts.FORM_EXPIRED)
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except (TimeoutError, ClientDisconnect, ValueError):
        raise PageRefused(400, texts.FORM_EXPIRED) from None
    if content_type != "application/x-www-form-urlencoded":
        raise PageRefused(403, texts.FORM_EXPIRED)
    return dict(fields)
