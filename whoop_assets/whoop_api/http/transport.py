"""Sends every request to the WHOOP API: budget, token, retries, errors.

Each attempt acquires the budget first, and the budget observes each response. Transient faults (no response,
an incomplete one, 5xx, 429, a body that is not JSON) are retried for as long as `fault_time` allows. Other
errors are not retried. A 429 or 5xx that asks for a wait longer than `MAX_WAIT_SECONDS` is an error that
states the wait.
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
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import httpx
from tenacity import RetryCallState

from whoop_assets.clock import Clock
from whoop_assets.errors import ConfigurationError
from whoop_assets.retry import Backoff, retrying
from whoop_assets.whoop_api.errors import (
    ApiError,
    NetworkFault,
    RateLimited,
    Unauthorized,
    UnreadableResponse,
    from_status,
)
from whoop_assets.whoop_api.http import rate_limit_headers
from whoop_assets.whoop_api.http.auth import BearerAuth
from whoop_assets.whoop_api.http.fault_time import FaultTime
from whoop_assets.whoop_api.http.response_body import RawResponse, ResponseTooLarge, receive
from whoop_assets.whoop_api.protocols import Budget, TokenSource

log = logging.getLogger(__name__)

# WHOOP's front end blocks clients without a User-Agent.
USER_AGENT = f"whoop-assets (python-httpx/{httpx.__version__})"
HEADERS = {"User-Agent": USER_AGENT, "Accept": "application/json", "Accept-Encoding": "gzip, deflate"}
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
MAX_RETRY_SECONDS = 90.0
"""A request is retried until its faults have cost this long."""
MAX_WAIT_SECONDS = 90.0
"""The longest wait that WHOOP may ask for."""
MAX_SLOT_AGE_SECONDS = 0.35
"""A request that leaves later than its slot can exceed WHOOP's limit. The budget's margin is 0.75 s in
total."""
MAX_SLOTS_PER_ATTEMPT = 3

HttpClient = httpx.Client
"""The result of `open_http`, for modules that pass it on and send no requests themselves."""


@dataclass(frozen=True)
class ApiResponse:
    """A successful response of the WHOOP API.

    Attributes:
        payload: The JSON as received.
        requested_at: When the budget admitted the request, by the database clock.
        endpoint: The path without the base URL.
    """

    payload: Any
    requested_at: datetime
    endpoint: str


class RequestSender:
    """Sends requests for one member. Not thread-safe.

    Attributes:
        requests: Number of attempts sent.
        retries: Number of repeated attempts.
        limited: Number of 429 responses.
        waited_seconds: Time spent waiting for the budget and before retries.
        clock: Performs the waits.
        fault_time: Limits that all clients of a run share.
        max_retry_seconds: How long faults of one request may last.
        backoff: Computes the wait before a retry.
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
        fault_time: FaultTime | None = None,
        max_retry_seconds: float = MAX_RETRY_SECONDS,
        jitter: random.Random | None = None,
    ) -> None:
        """Create the sender.

        Args:
            http: An HTTP client to share; `close` leaves it open.
            fault_time: Limits that all clients of a run share.
            max_retry_seconds: How long faults of one request may last.
            jitter: Source of the random part of waits.

        Raises:
            ConfigurationError: `base_url` is not a usable URL.
        """
        self.requests = 0
        self.retries = 0
        self.limited = 0
        self.waited_seconds = 0.0
        self._base_url = checked_base_url(base_url, "WHOOP_API_URL")
        self._tokens = tokens
        self._budget = budget
        self.clock = clock
        self._lane = lane
        self.fault_time = fault_time or FaultTime(clock)
        self.max_retry_seconds = max_retry_seconds
        self.backoff = Backoff(jitter or random.Random())
        self._own_http = http is None
        self._http = http or open_http()

    def close(self) -> None:
        """Close the HTTP client, unless the caller supplied it."""
        if self._own_http:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(
        self,
        method: str,
        path: str,
        params: dict[str, str] | None = None,
        *,
        status: int | None = None,
        check: Callable[[Any], None] | None = None,
    ) -> ApiResponse:
        """Send the request, with retries, until it succeeds or fails for good.

        Args:
            path: Path below the base URL.
            status: The only status that counts as success; the body is then not parsed.
            check: Validates the JSON. An ApiError that it raises is handled like any other fault.

        Raises:
            ApiError: A definite error, or a fault that outlasted the retries.
            BudgetExhausted, ReconnectionNeeded: From the budget and the token source.
        """
        self.fault_time.require(method, path)
        url = f"{self._base_url}{path}?{urlencode(params)}" if params else self._base_url + path
        request = httpx.Request(method, url, headers=HEADERS, extensions={"timeout": TIMEOUT.as_dict()})
        auth = BearerAuth(self._tokens)
        rule = _RetryRule(self, path)

        def attempt() -> ApiResponse:
            while True:
                requested_at = self._acquire_slot(auth)
                began = self.clock.now()
                try:
                    payload = _payload(self._exchange(request, auth, path), method, path, status)
                    if check is not None:
                        check(payload)
                except Unauthorized:
                    self.fault_time.record_response(path)
                    if not auth.replace():
                        raise
                    self.retries += 1
                except ApiError as error:
                    if not error.transient:
                        self.fault_time.record_response(path)
                    elif not isinstance(error, RateLimited):
                        rule.add_loss((self.clock.now() - began).total_seconds(), path)
                    raise
                else:
                    self.fault_time.record_response(path)
                    return ApiResponse(payload, requested_at, path)

        caller = retrying(
            self.clock, wait=rule.wait, stop=rule.stop, retry=rule.permits, before_sleep=rule.before_sleep
        )
        return caller(attempt)

    def _acquire_slot(self, auth: BearerAuth) -> datetime:
        """Acquire a slot of the budget together with a valid token.

        The token comes first, because a refresh takes time. It can still expire during the wait for the slot.
        If that refresh makes the slot too old, a new slot is acquired, up to `MAX_SLOTS_PER_ATTEMPT`.
        """
        auth.load_token()
        for _ in range(MAX_SLOTS_PER_ATTEMPT):
            before = self.clock.now()
            requested_at = self._budget.acquire(self._lane)
            granted = self.clock.now()
            self.waited_seconds += max(0.0, (granted - before).total_seconds())
            auth.load_token()
            if (self.clock.now() - granted).total_seconds() <= MAX_SLOT_AGE_SECONDS:
                break
        return requested_at

    def _exchange(self, request: httpx.Request, auth: BearerAuth, path: str) -> RawResponse:
        """Send one attempt. Raises ApiError unless the response is a 2xx."""
        self.requests += 1
        auth.sign(request)
        try:
            response = receive(self._http, request)
        except httpx.RequestError as error:
            raise _network_fault(error, request.method, path) from None
        except ResponseTooLarge:
            raise UnreadableResponse(
                f"{request.method} {path} returned a larger response than WHOOP's: check WHOOP_API_URL and"
                " the network.",
                path=path,
            ) from None
        status = response.status_code
        rate_limit = rate_limit_headers.parse(response.headers)
        if response.is_success:
            self._budget.observe(status, rate_limit)
            return response
        limited = status == 429
        self.limited += limited
        retry_after = rate_limit_headers.seconds_to_wait(response.headers, self.clock.now(), limited=limited)
        self._budget.observe(status, rate_limit, retry_after)
        raise from_status(request.method, path, status, retry_after)


class _RetryRule:
    """When one request is retried: after transient faults, until they have cost too much time."""

    def __init__(self, sender: RequestSender, path: str) -> None:
        self._sender = sender
        self._path = path
        self._lost_seconds = 0.0

    def permits(self, error: BaseException) -> bool:
        """Return whether this error permits a retry.

        A fault of the token endpoint has another path. Only one that sent nothing is retried here.
        """
        if not isinstance(error, ApiError) or not error.transient:
            return False
        return error.path == self._path or isinstance(error, NetworkFault)

    def wait(self, state: RetryCallState) -> float:
        """Return the seconds before the next attempt. A wait of our own choice ends within the time left."""
        error = _error_of(state)
        seconds = self._sender.backoff(state)
        return seconds if error.retry_after is not None else min(seconds, self._seconds_left(error))

    def stop(self, state: RetryCallState) -> bool:
        """Return whether no time is left for another attempt."""
        error = _error_of(state)
        left = self._seconds_left(error)
        return left <= 0.0 or (error.retry_after or 0.0) > min(left, MAX_WAIT_SECONDS)

    def before_sleep(self, state: RetryCallState) -> None:
        """Log and count the retry and its wait."""
        error, seconds = _error_of(state), state.upcoming_sleep
        log.info("%s Attempt %d in %.1f s.", error, state.attempt_number + 1, seconds)
        self._sender.waited_seconds += seconds
        self._sender.retries += error.path == self._path
        if isinstance(error, RateLimited):
            self._lost_seconds += seconds  # a rate limit is not a fault of the endpoint
        else:
            self.add_loss(seconds, error.path)

    def add_loss(self, seconds: float, path: str) -> None:
        """Add the time of a failed attempt, or of the wait after it."""
        self._lost_seconds += max(0.0, seconds)
        self._sender.fault_time.add(path, seconds)

    def _seconds_left(self, error: ApiError) -> float:
        left = self._sender.max_retry_seconds - self._lost_seconds
        return min(left, self._sender.fault_time.left(error.path))


def _error_of(state: RetryCallState) -> ApiError:
    error = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(error, ApiError)  # `permits` lets nothing else through
    return error


def open_http() -> httpx.Client:
    """Create an HTTP client that all members' clients of one process share.

    It stores no cookies, which would leak from one member to another. It uses no proxy for addresses on this
    machine.
    """
    no_cookies = CookieJar(policy=DefaultCookiePolicy(allowed_domains=()))
    on_this_machine = {"all://127.0.0.1": None, "all://localhost": None}
    return httpx.Client(verify=_tls(), timeout=TIMEOUT, cookies=no_cookies, mounts=on_this_machine)


@cache
def _tls() -> ssl.SSLContext:
    """Return the process's TLS context. Loading the certificates takes longer than a request."""
    return httpx.create_ssl_context()


def checked_base_url(text: str, name: str) -> str:
    """Return the URL without a slash at the end. Raises ConfigurationError that names the setting `name`."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and bool(httpx.URL(text).host)
        good = good and "@" not in parts.netloc  # httpx would not send a user and password
    except (httpx.InvalidURL, ValueError):
        good = False
    if not good:
        raise ConfigurationError(
            f"{name} is not an http:// or https:// URL without user and password: correct it, or leave it"
            " out."
        )
    return text.rstrip("/")


def _network_fault(error: httpx.RequestError, method: str, path: str) -> NetworkFault:
    kind = type(error).__name__
    if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
        return NetworkFault(f"{method} {path} cannot be sent ({kind}).", path=path, transient=False)
    return NetworkFault(
        f"{method} {path} got no complete response from WHOOP ({kind}): check the network, then try again.",
        path=path,
    )


def _payload(response: RawResponse, method: str, path: str, status: int | None) -> Any:
    """Return the JSON of the body; None if only the given status counts."""
    if status is None:
        try:
            return response.json()
        except (ValueError, RecursionError):
            raise UnreadableResponse(
                f"{method} {path} returned {response.status_code} with a body that is not JSON: try again"
                " later.",
                path=path,
                status=response.status_code,
                transient=True,
            ) from None
    if response.status_code != status:
        raise UnreadableResponse(
            f"{method} {path} returned {response.status_code} instead of {status}: this is not WHOOP; check"
            " WHOOP_API_URL and the network.",
            path=path,
            status=response.status_code,
        )
    return None
