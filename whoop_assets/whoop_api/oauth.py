"""Connecting a member (OAuth 2.0 authorization code) and renewing the tokens.

WHOOP wants the client's id and secret in the form, and rotates: a refresh makes the old pair worthless at
once. So a request whose answer was lost is never sent again from here: only when nothing left this machine
(no connection) is it tried again. Whoever keeps the tokens decides about the rest.
"""

from __future__ import annotations

import hmac
import random
import secrets
from collections.abc import Iterable
from typing import NoReturn
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx

from whoop_assets.clock import Clock
from whoop_assets.whoop_api import rate_limit_headers
from whoop_assets.whoop_api.errors import (
    ConsentDenied,
    ConsentFailed,
    InvalidGrant,
    NetworkFault,
    RefreshResponseLost,
    StateMismatch,
    TokenResponseLost,
)
from whoop_assets.whoop_api.response_body import RawResponse, ResponseTooLarge, receive
from whoop_assets.whoop_api.scopes import OFFLINE, SCOPES
from whoop_assets.whoop_api.token_response import TOKEN_PATH, TokenPair, error_code, read_pair, refusal
from whoop_assets.whoop_api.transport import USER_AGENT, checked_base_url, open_http

__all__ = ["OAuth", "TokenPair"]

SHORTEST_STATE = 8  # WHOOP refuses shorter ones
CONNECTION_ATTEMPTS = 3
TOKEN_TIMEOUT = httpx.Timeout(
    15.0, connect=5.0
)  # others wait for the answer: see the lease of the stored tokens
TOKEN_LONGEST = 15.0  # seconds that its answer may take, however it drips

_AFRESH = "start the connection afresh"


class OAuth:
    """One application's dealings with WHOOP's authorization server: `/auth` and `/token` below its URL."""

    def __init__(
        self,
        oauth_url: str,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        *,
        clock: Clock,
        http: httpx.Client | None = None,
        jitter: random.Random | None = None,
    ) -> None:
        self._url = checked_base_url(oauth_url, "WHOOP_OAUTH_URL")
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._jitter = jitter or random.Random()
        self._own_http = http is None
        self._http = http or open_http()

    def close(self) -> None:
        """Close the connections, unless the HTTP client was given from outside."""
        if self._own_http:
            self._http.close()

    @staticmethod
    def new_state() -> str:
        """A value nobody can guess, to recognise the redirect of this attempt by."""
        return secrets.token_urlsafe(24)

    def authorization_url(self, scopes: Iterable[str], state: str) -> str:
        """Where the member's browser is sent to consent."""
        if len(state) < SHORTEST_STATE:
            raise ValueError(f"WHOOP wants a state of at least {SHORTEST_STATE} characters")
        asked = {
            "response_type": "code",
            "client_id": self._client["client_id"],
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(scopes),
            "state": state,
        }
        return f"{self._url}/auth?{urlencode(asked, quote_via=quote)}"

    @staticmethod
    def answers(url: str, state: str) -> bool:
        """Whether the URL is WHOOP's answer, a code or an error, to the attempt with this state."""
        try:
            query = parse_qs(urlsplit(url).query)
        except ValueError:
            return False
        return _same(query.get("state", []), state) and bool(query.keys() & {"code", "error"})

    @staticmethod
    def read_redirect(url: str, state: str) -> str:
        """The code in the URL that the browser was sent back to.

        Raises StateMismatch, ConsentDenied, ConsentFailed.
        """
        try:
            answer = parse_qs(urlsplit(url.strip().strip("<>\"'")).query)
        except ValueError:
            answer = {}
        if not answer:
            raise ConsentFailed(
                "This is not where WHOOP sent the browser: copy the whole address, with its code."
            )
        states = answer.get("state", [])
        error = error_code(answer.get("error", [""])[0])
        # WHOOP may send an error without a state; a state that is there must be ours.
        if not _same(states, state) and (states or not error):
            raise StateMismatch(f"The redirect belongs to another attempt (its state differs): {_AFRESH}.")
        if error == "access_denied":
            raise ConsentDenied("The member declined on WHOOP's page: nothing was connected.")
        if error:
            raise ConsentFailed(f"WHOOP's consent page failed ({error}): {_AFRESH}.")
        codes = answer.get("code", [])
        if len(codes) != 1:
            raise ConsentFailed(f"The redirect carries no code: {_AFRESH}.")
        return codes[0]

    def exchange_code(self, code: str, requested: Iterable[str] = SCOPES) -> TokenPair:
        """The first pair of tokens. `requested`: what is granted if the answer names no scope.

        Raises InvalidGrant, InvalidClient, TokenResponseLost, UnreadableResponse, NetworkFault, RateLimited.
        """
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect_uri}
        lost = TokenResponseLost(
            f"WHOOP's answer to the code was lost, and a code is good only once: {_AFRESH}."
        )
        bad = InvalidGrant(
            f"WHOOP refused the code: it is spent, too old, or WHOOP_REDIRECT_URI differs; {_AFRESH}."
        )
        return self._tokens(form, requested, lost, bad)

    def refresh(self, refresh_token: str) -> TokenPair:
        """A new pair; the old one is worthless from now on. Store the new one before it is used.

        `scopes` is what the answer names, perhaps `offline` alone: what the member granted is known from the
        code exchange. Raises InvalidGrant, InvalidClient, RefreshResponseLost (the token may be spent),
        NetworkFault (nothing was sent), RateLimited, UnreadableResponse.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "scope": OFFLINE}
        lost = RefreshResponseLost(
            "WHOOP's answer to a token refresh was lost: the refresh token may be spent."
        )
        bad = InvalidGrant("WHOOP no longer accepts the refresh token: the member must connect again.")
        return self._tokens(form, (OFFLINE,), lost, bad)

    def _tokens(
        self, form: dict[str, str], requested: Iterable[str], lost: TokenResponseLost, bad: InvalidGrant
    ) -> TokenPair:
        response = self._post(form, lost)
        if response.status_code >= 500:
            raise lost
        if response.is_success:
            return read_pair(response, requested)
        wait = rate_limit_headers.seconds_to_wait(response.headers, self._clock.now(), limited=True)
        raise refusal(response, bad, wait)

    def _post(self, form: dict[str, str], lost: TokenResponseLost) -> RawResponse:
        faults = 0
        while True:
            try:
                request = self._http.build_request(
                    "POST",
                    self._url + TOKEN_PATH,
                    data={**form, **self._client},
                    headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
                    timeout=TOKEN_TIMEOUT,
                )
                return receive(self._http, request, longest=TOKEN_LONGEST)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                faults += 1
                if faults == CONNECTION_ATTEMPTS:
                    _not_sent(error)
                self._clock.sleep(self._jitter.uniform(0.0, 2.0**faults))
            except (httpx.LocalProtocolError, httpx.UnsupportedProtocol) as error:
                _not_sent(error)
            except (httpx.RequestError, ResponseTooLarge):
                raise lost from None  # the cause holds the form, and so the secrets


def _same(states: list[str], state: str) -> bool:
    # A pasted text may hold bytes that are no UTF-8, as lone surrogates.
    return len(states) == 1 and hmac.compare_digest(states[0].encode(errors="surrogatepass"), state.encode())


def _not_sent(error: httpx.RequestError) -> NoReturn:
    sentence = (
        f"The token request could not be sent to WHOOP ({type(error).__name__}): "
        "check the network and WHOOP_OAUTH_URL, then try again."
    )
    raise NetworkFault(sentence, path=TOKEN_PATH) from None
