"""The start page, one-time links, and the end of sessions."""

import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from whoop_assets.members import sessions
from whoop_assets.members import store as member_store
from whoop_assets.web.pages import texts
from whoop_assets.web.pages.rendering import PageRefused, Visitor
from whoop_assets.web.pages.service import PageService, read_form

FORM_COOKIE = "whoop_form"
MAX_SECRET_CHARACTERS = 64


class SignIn:
    """Pages for visitors who are not signed in, and sign-out."""

    def __init__(self, pages: PageService) -> None:
        self._pages = pages

    async def start(self, request: Request) -> Response:
        visitor = await self._pages.visitor(request)
        if visitor is not None:
            return self._pages.redirect("me")
        return self._pages.html("start.html")

    async def link(self, request: Request) -> Response:
        """Show a one-time link's button, or use the link. A mail scanner that opens links uses none."""
        self._pages.limit_sign_in(request)
        secret = str(request.path_params["secret"])
        if len(secret) > MAX_SECRET_CHARACTERS:
            raise PageRefused(404, texts.NOT_FOUND)
        if request.method != "POST":
            return self._confirm(secret)
        form = await read_form(request)
        form_cookie = self._pages.cookie(request, FORM_COOKIE)
        # The cookie proves that this browser has opened the page: another site cannot sign its visitors in.
        if not sessions.is_form_token(form_cookie, form.get("csrf", "")):
            raise PageRefused(403, texts.FORM_EXPIRED)

        def use(transaction: Any, now: Any) -> str | None:
            user_id = sessions.use_link(transaction, secret, now)
            if user_id is None or not member_store.exists(transaction, user_id):
                return None
            sessions.record(transaction, user_id, "member", "signed in by link", now)
            return sessions.begin(transaction, user_id, now)

        owner = await self._pages.read(lambda transaction, _: sessions.link_owner(transaction, secret))
        token = await self._pages.write(use, owner)
        if token is None:
            raise PageRefused(404, texts.LINK_ENDED)
        response = self._pages.redirect("me")
        self._pages.set_session(response, token)
        self._pages.delete_cookie(response, FORM_COOKIE)
        return response

    def _confirm(self, secret: str) -> Response:
        form_cookie = secrets.token_urlsafe(32)
        response = self._pages.html("link.html", secret=secret, link_csrf=sessions.form_token(form_cookie))
        self._pages.set_cookie(response, FORM_COOKIE, form_cookie, sessions.ATTEMPT_LIFETIME)
        return response

    async def sign_out(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
        """End this session, or the session of the member that the form names."""
        number = form.get("session", str(visitor.session.id))
        if not (number.isascii() and number.isdigit() and len(number) <= 18):
            raise PageRefused(400, texts.FORM_EXPIRED)

        def end(transaction: Any, now: Any) -> None:
            if sessions.end(transaction, visitor.user_id, int(number)):
                sessions.record(transaction, visitor.user_id, "member", "signed out", now)

        await self._pages.write(end, visitor.user_id)
        if int(number) != visitor.session.id:
            return self._pages.redirect("me")
        response = self._pages.redirect("")
        self._pages.delete_session(response)
        return response
