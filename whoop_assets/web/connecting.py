"""Connecting members where there is no browser beside the program: GET /connect/SECRET and GET /callback.

Who may connect is whom the operator has sent a link (`whoop-assets connect --link`): it holds 256 random bits, ends
with the one member who connects through it, and in any case after its time. No password stands in front of the
service, and without links it connects nobody.

Opening a link begins an attempt: a `state` that WHOOP hands back, kept as a hash in the database (it outlives a
restart), good once and for ten minutes, and also in a cookie of the browser: an attempt can only be finished in the
browser that began it, so that nobody can be made to finish somebody else's.
"""

import logging
from html import escape
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from whoop_assets.errors import ConfigurationError, WhoopError
from whoop_assets.members import invitations
from whoop_assets.sync.connecting import ScopesMissing, connect_with_code
from whoop_assets.sync.session import Connection
from whoop_assets.whoop_api.errors import ConsentFailed, OAuthError
from whoop_assets.whoop_api.scopes import SCOPES

log = logging.getLogger(__name__)

COOKIE = "whoop_connect"
_LONGEST = 200
_PAGE = "<!doctype html><html lang=en><meta charset=utf-8><title>whoop-assets</title><p>{text}</p></html>"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def link(redirect_uri: str, secret: str) -> str:
    """The address of an invitation, beside that of the callback; raises ConfigurationError."""
    parts = urlsplit(redirect_uri)
    if parts.scheme not in ("http", "https") or not parts.path.endswith("/callback") or parts.query:
        raise ConfigurationError(
            "WHOOP_REDIRECT_URI does not lead to the service's /callback: register https://YOUR-HOST/callback in the"
            " WHOOP Developer Dashboard and set WHOOP_REDIRECT_URI to it, or connect with --paste."
        )
    return parts._replace(path=parts.path.removesuffix("callback") + f"connect/{secret}").geturl()


class Connecting:
    """The two endpoints. What they say to the browser names no one but the member's WHOOP user id."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._secure = connection.settings.redirect_uri.startswith("https:")

    async def begin(self, request: Request) -> Response:
        """Send whoever opens a good link on to WHOOP's consent page."""
        secret = str(request.path_params["secret"])
        if request.method != "GET" or len(secret) > _LONGEST:
            return _page(404, "There is nothing here.")
        state = self._connection.oauth.new_state()
        try:
            good = await run_in_threadpool(self._begin, secret, state)
        except WhoopError as error:
            log.error("A link could not be opened. %s", error)
            return _page(503, "This does not work at the moment: open the link again later.")
        if not good:
            return _page(404, "This link is not good any more: ask whoever sent it for a new one.")
        response = RedirectResponse(
            self._connection.oauth.authorization_url(SCOPES, state), 302, headers=_HEADERS
        )
        lifetime = int(invitations.ATTEMPT_LIFETIME.total_seconds())
        response.set_cookie(
            COOKIE, state, max_age=lifetime, secure=self._secure, httponly=True, samesite="lax"
        )
        return response

    async def callback(self, request: Request) -> Response:
        """Take WHOOP's answer and connect whoever agreed."""
        state = request.cookies.get(COOKIE, "")
        if request.method != "GET" or not state or len(state) > _LONGEST or not request.query_params:
            return _page(400, "This address waits for WHOOP's answer: open your link first, in this browser.")
        try:
            user_id = await run_in_threadpool(self._finish, str(request.url), state)
        except (OAuthError, ScopesMissing) as error:
            response = _page(400, f"{error} Open your link again to try once more.")
        except WhoopError as error:
            # Ours to mend, and its sentence names what is none of a member's business.
            log.error("A member could not be connected. %s", error)
            response = _page(503, "This does not work at the moment: open your link again later.")
        else:
            response = _page(200, f"Member {user_id} is connected. You can close this page.")
        response.delete_cookie(COOKIE, secure=self._secure, httponly=True, samesite="lax")
        return response

    def _begin(self, secret: str, state: str) -> bool:
        database = self._connection.database
        with database.write() as transaction:
            return invitations.begin(transaction, secret, state, database.now(transaction))

    def _finish(self, redirected_to: str, state: str) -> int:
        connection = self._connection
        _ = connection.cipher  # a key that cannot be used is found before WHOOP gives tokens, not after
        code = connection.oauth.read_redirect(redirected_to, state)
        with connection.database.write() as transaction:
            link_hash = invitations.take(transaction, state, connection.database.now(transaction))
        if link_hash is None:
            raise ConsentFailed("This attempt has ended: it was finished before, or it took too long.")
        try:
            return connect_with_code(connection, code).user_id
        except WhoopError:
            with connection.database.write() as transaction:
                invitations.give_back(transaction, link_hash)
            raise


def _page(status: int, text: str) -> Response:
    return HTMLResponse(_PAGE.format(text=escape(text)), status, headers=_HEADERS)
