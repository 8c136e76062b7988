"""The one path that every request to the WHOOP API takes.

Each attempt, a retry too, first acquires the budget and afterwards lets it observe the response. The client retries
faults that may pass (no response, a truncated one, 5xx, 429, a body that is not JSON) with full jitter, for as long as
`fault_time` allows. It does not retry a definite refusal. A 429 or 5xx that asks for a longer wait than `longest_wait` is
an error that names the wait.
"""

from __future__ import annotations

import logging
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Any, NoReturn, Self
from urllib.parse import urlencode, urlsplit

import httpx

from whoop_assets.clock import Clock
from whoop_assets.errors import ConfigurationError
from whoop_assets.whoop_api import rate_limit_headers
from whoop_assets.whoop_api.auth import BearerAuth
from whoop_assets.whoop_api.errors import (
    ApiError,
    NetworkFault,
    RateLimited,
    Unauthorized,
    UnreadableResponse,
    from_status,
)
from whoop_assets.whoop_api.fault_time import FaultTime
from whoop_assets.whoop_api.protocols import Budget, TokenSource
from whoop_assets.whoop_api.response_body import RawResponse, ResponseTooLarge, receive

log = logging.getLogger(__name__)

# WHOOP's front blocks clients that do not say who they are.
USER_AGENT = f"whoop-assets (python-httpx/{httpx.__version__})"
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
MAX_RETRY_SECONDS = 90.0
"""A request is retried until its faults have cost this long. If they fail at once, nine attempts or more fit in."""
LONGEST_WAIT = 90.0
BACKOFF_FIRST, BACKOFF_MOST = 0.5, 30.0
# Seconds: a request that leaves later than its slot is one too many where it lands. The budget allows for 0.75 in all.
SLOT_KEEPS = 0.35
MOST_OLD_SLOTS = 3


@dataclass(frozen=True)
class ApiResponse:
    """What one request brought: the JSON as received, when it was asked for, and from which path."""

    payload: Any
    requested_at: datetime
    endpoint: str


class Sender:
    """Sends requests for one member. Not for several threads at once.

    `max_retry_seconds` bounds the retries of one request, and `fault_time` those of a run, whose clients share it.
    `requests`, `retries` and `limited` (429s) count attempts; `waited_seconds` is the time spent waiting,
    for the budget and before retries.
    """

    def __init__(
        self,
        *,
        base_url: str,
        tokens: TokenSource,
        budget: Budget,
        clock: Clock,
        lane: str = "backfill",
        http: httpx.Client | None = None,
        user_agent: str = USER_AGENT,
        fault_time: FaultTime | None = None,
        max_retry_seconds: float = MAX_RETRY_SECONDS,
        longest_wait: float = LONGEST_WAIT,
        jitter: random.Random | None = None,
    ) -> None:
        self.requests = 0
        self.retries = 0
        self.limited = 0
        self.waited_seconds = 0.0
        self._base_url = checked_base_url(base_url, "WHOOP_API_URL")
        self._tokens = tokens
        self._budget = budget
        self._clock = clock
        self._lane = lane
        self._fault_time = fault_time or FaultTime(clock)
        self._max_retry_seconds = max_retry_seconds
        self._longest_wait = longest_wait
        self._jitter = jitter or random.Random()
        self._headers = {
            "User-Agent": user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
        }
        self._own_http = http is None
        self._http = http or open_http()

    def close(self) -> None:
        """Close the connections, unless the HTTP client was given from outside."""
        if self._own_http:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(
        self,
        method: str,
        path: str,
        params: dict[str, str] | None = None,
        *,
        status: int | None = None,
        check: Callable[[Any], None] | None = None,
    ) -> ApiResponse:
        """Send until there is a good response or a reason to give up.

        Args:
            status: The only status that counts as success, and the response then needs no JSON: whatever else answers in
                WHOOP's place must not pass for it.
            check: Looks at the JSON; an ApiError that it raises is a fault like any other.

        Raises:
            ApiError: A refusal, or a fault that has lasted for as long as retries may.
            BudgetExhausted, ReconnectionNeeded: As the budget and the token source raise them.
        """
        url = f"{self._base_url}{path}?{urlencode(params)}" if params else self._base_url + path
        request = httpx.Request(method, url, headers=self._headers, extensions={"timeout": TIMEOUT.as_dict()})
        auth = BearerAuth(self._tokens)
        retries = _Retries()
        self._fault_time.require(method, path)
        while True:
            try:
                requested_at = self._slot(auth)
            except NetworkFault as fault:
                # The token endpoint could not be reached, and nothing was sent.
                self._pause(fault, retries, fault.path)
                continue
            began = self._clock.now()
            try:
                response = self._attempt(request, auth, path)
                answer = ApiResponse(_payload(response, method, path, status), requested_at, path)
                if check is not None:
                    check(answer.payload)
                self._fault_time.answered(path)
                return answer
            except Unauthorized:
                self._fault_time.answered(path)
                if not auth.replace():
                    raise
            except ApiError as fault:
                if not fault.transient:
                    self._fault_time.answered(path)
                    raise
                if not isinstance(fault, RateLimited):
                    self._lose((self._clock.now() - began).total_seconds(), retries, path)
                self._pause(fault, retries, path)
            self.retries += 1

    def _slot(self, auth: BearerAuth) -> datetime:
        """A slot in the budget, and a good token to use it with at once.

        The token comes first, since renewing it takes time; while the slot is waited for it can end all the same, and
        a slot that such a renewal has made old is let go. Not for ever: where every look takes so long, late is better
        than a budget used up by slots.
        """
        auth.take()
        for _ in range(MOST_OLD_SLOTS):
            before = self._clock.now()
            requested_at = self._budget.acquire(self._lane)
            granted = self._clock.now()
            self.waited_seconds += max(0.0, (granted - before).total_seconds())
            auth.take()
            if (self._clock.now() - granted).total_seconds() <= SLOT_KEEPS:
                break
        return requested_at

    def _attempt(self, request: httpx.Request, auth: BearerAuth, path: str) -> RawResponse:
        self.requests += 1
        auth.sign(request)
        try:
            response = receive(self._http, request)
        except httpx.RequestError as error:
            _no_answer(error, request.method, path)
        except ResponseTooLarge:
            raise UnreadableResponse(
                f"{request.method} {path} brought an answer larger than any of WHOOP's: check WHOOP_API_URL and the"
                " network.",
                path=path,
            ) from None
        status = response.status_code
        stated = rate_limit_headers.parse(response.headers)
        if response.is_success:
            self._budget.observe(status, stated)
            return response
        limited = status == 429
        self.limited += limited
        retry_after = rate_limit_headers.seconds_to_wait(response.headers, self._clock.now(), limited=limited)
        self._budget.observe(status, stated, retry_after)
        raise from_status(request.method, path, status, retry_after)

    def _pause(self, fault: ApiError, retries: _Retries, path: str) -> None:
        """Wait as long as WHOOP asks, or else longer after each fault. Raises the fault if no time is left for that."""
        retries.faults += 1
        left = min(self._max_retry_seconds - retries.lost, self._fault_time.left(path))
        asked = fault.retry_after or 0.0
        if left <= 0.0 or asked > min(left, self._longest_wait):
            raise fault
        if fault.retry_after is None:
            # Cut to what is left: the last attempt is at the end of the time.
            wait = min(left, self._jitter.uniform(0.0, min(BACKOFF_MOST, BACKOFF_FIRST * 2**retries.faults)))
        else:
            wait = asked + self._jitter.uniform(0.0, BACKOFF_FIRST)
        log.info("%s Attempt %d in %.1f s.", fault, retries.faults + 1, wait)
        self.waited_seconds += wait
        self._clock.sleep(wait)
        if isinstance(fault, RateLimited):
            retries.lost += wait  # WHOOP is well, and has said when to come back
        else:
            self._lose(wait, retries, path)

    def _lose(self, seconds: float, retries: _Retries, path: str) -> None:
        retries.lost += seconds
        self._fault_time.add(path, seconds)


@dataclass(slots=True)
class _Retries:
    """What one request has met: faults, and the seconds that they have cost."""

    faults: int = 0
    lost: float = 0.0


def open_http() -> httpx.Client:
    """An HTTP client to share between the members' clients of one process: one pool of connections.

    It takes no cookies, which would travel from one member's requests to another's, and asks no proxy for a
    simulator on this machine.
    """
    no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=()))
    on_this_machine = {"all://127.0.0.1": None, "all://localhost": None}
    return httpx.Client(verify=_tls(), timeout=TIMEOUT, cookies=no_cookies, mounts=on_this_machine)


@cache
def _tls() -> ssl.SSLContext:
    """The process's one TLS context: reading the certificates takes longer than a request."""
    return httpx.create_ssl_context()


def checked_base_url(text: str, name: str) -> str:
    """The URL without a slash at its end. Raises ConfigurationError, naming the setting it came from."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and bool(httpx.URL(text).host)
        good = good and "@" not in parts.netloc  # a user and a password would not be sent
    except (httpx.InvalidURL, ValueError):
        good = False
    if not good:
        raise ConfigurationError(
            f"{name} is not an http:// or https:// URL without user and password: correct it, or leave it out."
        )
    return text.rstrip("/")


def _no_answer(error: httpx.RequestError, method: str, path: str) -> NoReturn:
    kind = type(error).__name__
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        # Our own request cannot be sent. The cause is left out, as it may quote a header.
        raise NetworkFault(f"{method} {path} cannot be sent ({kind}).", path=path, transient=False) from None
    raise NetworkFault(
        f"{method} {path} got no whole answer from WHOOP ({kind}): check the network, then try again.",
        path=path,
    ) from error


def _payload(response: RawResponse, method: str, path: str, status: int | None) -> Any:
    if status is None:
        return _json(response, method, path)
    if response.status_code != status:
        raise UnreadableResponse(
            f"{method} {path} answered {response.status_code} instead of {status}: this is not WHOOP; check WHOOP_API_URL"
            " and the network.",
            path=path,
            status=response.status_code,
        )
    return None


def _json(response: RawResponse, method: str, path: str) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError):
        raise UnreadableResponse(
            f"{method} {path} answered {response.status_code} with a body that is not JSON: try again later.",
            path=path,
            status=response.status_code,
            transient=True,
        ) from None
