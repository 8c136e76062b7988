"""Consent at WHOOP in a browser: new members with an invitation, sign-in and reconnection of known members.

    GET /connect/SECRET   begins the attempt of an invitation (`whoop-assets connect --link`)
    GET /sign-in          begins an attempt of a known member
    GET /callback         ends either attempt

An attempt has a random `state`, which works once and for ten minutes. It is stored as a hash, and a cookie
holds it too, so an attempt ends only in the browser that began it.
"""

import logging
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from whoop_assets.errors import ConfigurationError, UnknownMember, WhoopError
from whoop_assets.members import invitations, sessions
from whoop_assets.members import store as member_store
from whoop_assets.members.sessions import Attempt
from whoop_assets.sync.members.connecting import (
    ScopesMissing,
    connect_with_code,
    profile_owner,
    require_scopes,
    store_member,
)
from whoop_assets.sync.session import CONNECT_LANE
from whoop_assets.web.pages import texts
from whoop_assets.web.pages.rendering import PageRefused
from whoop_assets.web.pages.service import PageService
from whoop_assets.whoop_api.errors import ConsentDenied, ConsentFailed, StateMismatch
from whoop_assets.whoop_api.scopes import OFFLINE, SCOPES

log = logging.getLogger(__name__)

COOKIE = "whoop_connect"
MAX_SECRET_CHARACTERS = 200


def page_address(redirect_uri: str, path: str) -> str:
    """Return the address of a page beside the callback.

    Raises ConfigurationError if the redirect URI is not the service's.
    """
    parts = urlsplit(redirect_uri)
    if parts.scheme not in ("http", "https") or not parts.path.endswith("/callback") or parts.query:
        raise ConfigurationError(
            "WHOOP_REDIRECT_URI does not lead to the service's /callback: register https://YOUR-HOST/callback"
            " in the WHOOP Developer Dashboard and set WHOOP_REDIRECT_URI to it, or connect with --paste."
        )
    return parts._replace(path=parts.path.removesuffix("callback") + path).geturl()


class Connecting:
    """The three endpoints. Their pages name no one but the member's WHOOP user id."""

    def __init__(self, pages: PageService) -> None:
        self._pages = pages
        self._whoop = pages.whoop

    async def begin(self, request: Request) -> Response:
        """Send the owner of a valid invitation to WHOOP's consent page."""
        self._pages.limit_sign_in(request)
        secret = str(request.path_params["secret"])
        if request.method != "GET" or len(secret) > MAX_SECRET_CHARACTERS:
            raise PageRefused(404, texts.NOT_FOUND)
        state = self._whoop.oauth.new_state()
        is_valid = await self._pages.write(
            lambda transaction, now: invitations.begin(transaction, secret, state, now)
        )
        if not is_valid:
            raise PageRefused(404, texts.LINK_ENDED)
        return self.to_consent_page(state)

    async def sign_in(self, request: Request) -> Response:
        """Send the browser to WHOOP's consent page, to sign in or to reconnect."""
        self._pages.limit_sign_in(request)
        visitor = await self._pages.visitor(request)
        return await self.start_attempt(None if visitor is None else visitor.user_id)

    async def start_attempt(self, user_id: int | None) -> Response:
        """Store a new attempt of this signed-in member, or of nobody, and send the browser to WHOOP."""
        state = self._whoop.oauth.new_state()
        await self._pages.write(
            lambda transaction, now: sessions.begin_attempt(transaction, state, user_id, now)
        )
        return self.to_consent_page(state)

    def to_consent_page(self, state: str) -> Response:
        """Send the browser to WHOOP with this state, and keep the state in a cookie."""
        response = self._pages.leave(self._whoop.oauth.authorization_url(SCOPES, state))
        self._pages.set_cookie(response, COOKIE, state, sessions.ATTEMPT_LIFETIME)
        return response

    async def callback(self, request: Request) -> Response:
        """End an attempt with WHOOP's answer, and start a session."""
        self._pages.limit_sign_in(request)
        state = self._pages.cookie(request, COOKIE)
        is_usable = 0 < len(state) <= MAX_SECRET_CHARACTERS
        if request.method != "GET" or not is_usable or not request.query_params:
            raise PageRefused(400, texts.NO_ATTEMPT)
        # The query alone: the rest of the URL is the client's Host header.
        redirected_to = "?" + request.scope["query_string"].decode("latin-1")
        before = await self._pages.visitor(request)
        try:
            response = await run_in_threadpool(self._finish, redirected_to, state)
            if before is not None:  # the new cookie replaces the one of this session
                await self._pages.write(
                    lambda transaction, _: sessions.end(transaction, before.user_id, before.session.id)
                )
        except PageRefused as refused:
            response = self._pages.message(refused.text, refused.status)
        except (ConsentDenied, ConsentFailed, StateMismatch) as error:
            response = self._pages.message(texts.START_ONCE_MORE.format(error), 400)
        except ScopesMissing:
            response = self._pages.message(texts.START_ONCE_MORE.format(texts.SCOPES_LEFT_OUT), 400)
        except WhoopError as error:
            # The sentence names things that only the operator should know.
            log.error("A member could not be connected. %s", error)
            response = self._pages.message(texts.TRY_LATER, 503)
        self._pages.delete_cookie(response, COOKIE)
        return response

    def _finish(self, redirected_to: str, state: str) -> Response:
        database = self._whoop.database
        _ = self._whoop.cipher  # a wrong key must be found before WHOOP issues tokens
        code = self._whoop.oauth.read_redirect(redirected_to, state)
        with database.write() as transaction:
            now = database.now(transaction)
            attempt = sessions.finish_attempt(transaction, state, now)
            link_hash = None if attempt is not None else invitations.take(transaction, state, now)
        if attempt is not None:
            user_id = self._sign_in_with_code(code, attempt)
            return self._begin_session(user_id, "signed in", self._pages.redirect("me"))
        if link_hash is None:
            raise ConsentFailed(texts.ATTEMPT_ENDED)
        try:
            user_id = connect_with_code(self._whoop, code).user_id
        except WhoopError:
            with database.write() as transaction:
                invitations.give_back(transaction, link_hash)
            raise
        connected = self._pages.message(texts.CONNECTED_NOW.format(user_id), to_my_page=True)
        return self._begin_session(user_id, "connected", connected)

    def _sign_in_with_code(self, code: str, attempt: Attempt) -> int:
        """Store the new tokens of a known member. Raises PageRefused for anyone else, with nothing stored."""
        whoop = self._whoop
        whoop.budget.require(CONNECT_LANE)
        pair = whoop.oauth.exchange_code(code, SCOPES)
        require_scopes(pair.scopes if pair.refresh_token is not None else pair.scopes - {OFFLINE})
        client = whoop.client_for_new(pair.access_token)
        profile = client.profile()
        user_id = profile_owner(profile)
        is_other = attempt.user_id not in (None, user_id)
        try:
            if is_other:
                with whoop.database.read() as transaction:
                    member_store.require(transaction, user_id)
            else:
                store_member(whoop, user_id, pair, profile, only_known=True)
        except UnknownMember:
            try:
                client.revoke_access()
            except WhoopError as error:
                log.warning("The grant of an unknown member could not be revoked. %s", error)
            if not is_other:
                raise PageRefused(403, texts.UNKNOWN_MEMBER) from None
        if is_other:
            raise PageRefused(400, texts.OTHER_MEMBER)
        return user_id

    def _begin_session(self, user_id: int, action: str, response: Response) -> Response:
        database = self._whoop.database
        with database.write([user_id]) as transaction:
            now = database.now(transaction)
            if not member_store.exists(transaction, user_id):  # erased meanwhile
                raise PageRefused(403, texts.UNKNOWN_MEMBER)
            sessions.record(transaction, user_id, "member", action, now)
            token = sessions.begin(transaction, user_id, now)
        self._pages.set_session(response, token)
        return response
