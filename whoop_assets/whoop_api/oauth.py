"""OAuth 2.0 with WHOOP: connects a member (authorization code) and refreshes tokens.

WHOOP expects the client id and secret in the form. It rotates refresh tokens: a refresh invalidates the old
pair. So a request without a response is repeated only if nothing was sent. The caller that stores the tokens
handles all other cases.
"""

from __future__ import annotations

import hmac
import random
import secrets
from collections.abc import Iterable
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import httpx
import tenacity

from whoop_assets.clock import Clock
from whoop_assets.retry import Backoff, retrying
from whoop_assets.whoop_api.errors import (
    ConsentDenied,
    ConsentFailed,
    InvalidGrant,
    NetworkFault,
    RefreshResponseLost,
    StateMismatch,
    TokenResponseLost,
)
from whoop_assets.whoop_api.http import rate_limit_headers
from whoop_assets.whoop_api.http.response_body import RawResponse, ResponseTooLarge, receive
from whoop_assets.whoop_api.http.transport import HEADERS, checked_base_url, open_http
from whoop_assets.whoop_api.scopes import OFFLINE, SCOPES
from whoop_assets.whoop_api.token_response import TOKEN_PATH, TokenPair, error_code, read_error, read_pair

__all__ = ["OAuth", "TokenPair"]

MIN_STATE_LENGTH = 8
"""WHOOP rejects shorter states."""
MAX_CONNECTION_ATTEMPTS = 3
TOKEN_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
MAX_TOKEN_RESPONSE_SECONDS = 15.0
"""Short, because other processes wait for the response (see `tokens.lease`)."""

_CONNECT_AGAIN = "start the connection again"


class OAuth:
    """Client of WHOOP's authorization server for one application."""

    def __init__(
        self,
        oauth_url: str,
        client_id: str,
        client_secret: str,
        redirect_uri: str,
        *,
        clock: Clock,
        http: httpx.Client | None = None,
    ) -> None:
        """Create the client.

        Args:
            oauth_url: WHOOP_OAUTH_URL; `/auth` and `/token` are below it.
            http: An HTTP client to share; `close` leaves it open.

        Raises:
            ConfigurationError: `oauth_url` is not a usable URL.
        """
        self._url = checked_base_url(oauth_url, "WHOOP_OAUTH_URL")
        self._client = {"client_id": client_id, "client_secret": client_secret}
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._backoff = Backoff(random.Random(), max_seconds=4.0)
        self._own_http = http is None
        self._http = http or open_http()

    def close(self) -> None:
        """Close the HTTP client, unless the caller supplied it."""
        if self._own_http:
            self._http.close()

    @staticmethod
    def new_state() -> str:
        """Return a random value that identifies the redirect of one attempt."""
        return secrets.token_urlsafe(24)

    def authorization_url(self, scopes: Iterable[str], state: str) -> str:
        """Return the address of WHOOP's consent page. Raises ValueError if the state is too short."""
        if len(state) < MIN_STATE_LENGTH:
            raise ValueError(f"WHOOP requires a state of at least {MIN_STATE_LENGTH} characters")
        query = {
            "response_type": "code",
            "client_id": self._client["client_id"],
            "redirect_uri": self._redirect_uri,
            "scope": " ".join(scopes),
            "state": state,
        }
        return f"{self._url}/auth?{urlencode(query, quote_via=quote)}"

    @staticmethod
    def answers(url: str, state: str) -> bool:
        """Return whether the URL is WHOOP's redirect, with a code or an error, for this state."""
        try:
            query = parse_qs(urlsplit(url).query)
        except ValueError:
            return False
        return _same(query.get("state", []), state) and bool(query.keys() & {"code", "error"})

    @staticmethod
    def read_redirect(url: str, state: str) -> str:
        """Return the authorization code in the URL of the redirect.

        Args:
            url: The address as the browser shows it, or as a person pasted it.
            state: The state of this attempt.

        Raises:
            StateMismatch: The redirect belongs to another attempt.
            ConsentDenied: The member declined.
            ConsentFailed: WHOOP reported an error, or the URL has no code.
        """
        try:
            query = parse_qs(urlsplit(url.strip().strip("<>\"'")).query)
        except ValueError:
            query = {}
        if not query:
            raise ConsentFailed("This is not WHOOP's redirect: copy the whole address, with its code.")
        states = query.get("state", [])
        error = error_code(query.get("error", [""])[0])
        # WHOOP may send an error without a state. A state that is present must be this attempt's.
        if not _same(states, state) and (states or not error):
            raise StateMismatch(
                f"The redirect belongs to another attempt (its state differs): {_CONNECT_AGAIN}."
            )
        if error == "access_denied":
            raise ConsentDenied("The member declined on WHOOP's page: nothing was connected.")
        if error:
            raise ConsentFailed(f"WHOOP's consent page failed ({error}): {_CONNECT_AGAIN}.")
        codes = query.get("code", [])
        if len(codes) != 1:
            raise ConsentFailed(f"The redirect carries no code: {_CONNECT_AGAIN}.")
        return codes[0]

    def exchange_code(self, code: str, requested: Iterable[str] = SCOPES) -> TokenPair:
        """Exchange an authorization code for the first token pair.

        Args:
            code: The code of the redirect.
            requested: The granted scopes if the response names none.

        Raises:
            InvalidGrant, InvalidClient, TokenResponseLost, UnreadableResponse, NetworkFault, RateLimited.
        """
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self._redirect_uri}
        lost = TokenResponseLost(
            f"WHOOP's response to the code was lost, and a code is valid only once: {_CONNECT_AGAIN}."
        )
        invalid_grant = InvalidGrant(
            f"WHOOP rejected the code: it is used, too old, or WHOOP_REDIRECT_URI differs; {_CONNECT_AGAIN}."
        )
        return self._tokens(form, requested, lost, invalid_grant)

    def refresh(self, refresh_token: str) -> TokenPair:
        """Exchange the refresh token for a new pair. The old pair is invalid afterwards.

        Store the new pair before its first use. Its `scopes` may be `offline` alone: only the code exchange
        states what the member granted.

        Raises:
            InvalidGrant, InvalidClient, RateLimited, UnreadableResponse.
            RefreshResponseLost: The refresh token may be used up.
            NetworkFault: Nothing was sent.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, "scope": OFFLINE}
        lost = RefreshResponseLost(
            "WHOOP's response to a token refresh was lost: the refresh token may be used up."
        )
        invalid_grant = InvalidGrant(
            "WHOOP no longer accepts the refresh token: the member must connect again."
        )
        return self._tokens(form, (OFFLINE,), lost, invalid_grant)

    def _tokens(
        self,
        form: dict[str, str],
        requested: Iterable[str],
        lost: TokenResponseLost,
        invalid_grant: InvalidGrant,
    ) -> TokenPair:
        response = self._post(form, lost)
        if response.status_code >= 500:
            raise lost
        if response.is_success:
            return read_pair(response, requested)
        wait = rate_limit_headers.seconds_to_wait(response.headers, self._clock.now(), limited=True)
        raise read_error(response, invalid_grant, wait)

    def _post(self, form: dict[str, str], lost: TokenResponseLost) -> RawResponse:
        """Send the form. Repeats it only if nothing was sent."""
        caller = retrying(
            self._clock,
            wait=self._backoff,
            stop=tenacity.stop_after_attempt(MAX_CONNECTION_ATTEMPTS),
            retry=lambda error: isinstance(error, NetworkFault) and error.transient,
        )
        return caller(self._post_once, form, lost)

    def _post_once(self, form: dict[str, str], lost: TokenResponseLost) -> RawResponse:
        try:
            request = self._http.build_request(
                "POST",
                self._url + TOKEN_PATH,
                data={**form, **self._client},
                headers=HEADERS,
                timeout=TOKEN_TIMEOUT,
            )
            return receive(self._http, request, max_seconds=MAX_TOKEN_RESPONSE_SECONDS)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _not_sent(error, transient=True) from None
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol) as error:
            raise _not_sent(error, transient=False) from None
        except (httpx.RequestError, ResponseTooLarge):
            raise lost from None  # the cause contains the form, and so the secrets


def _same(states: list[str], state: str) -> bool:
    # A pasted text may contain invalid UTF-8 as lone surrogates.
    return len(states) == 1 and hmac.compare_digest(states[0].encode(errors="surrogatepass"), state.encode())


def _not_sent(error: httpx.RequestError, *, transient: bool) -> NetworkFault:
    return NetworkFault(
        f"The token request could not be sent to WHOOP ({type(error).__name__}): "
        "check the network and WHOOP_OAUTH_URL, then try again.",
        path=TOKEN_PATH,
        transient=transient,
    )
