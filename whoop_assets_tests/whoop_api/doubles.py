"""A counting budget, a fixed list of tokens, and a server that returns scripted responses."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from whoop_assets.errors import BudgetExhausted, ReconnectionNeeded
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.protocols import RateLimit
from whoop_assets_tests.support.manual_clock import ManualClock

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
BASE = "http://whoop.test/developer"

Reply = httpx.Response | httpx.TransportError | Callable[[httpx.Request], httpx.Response]


class CountingBudget:
    """Grants `grants` requests, each after `wait` seconds, and records the observed responses."""

    def __init__(self, clock: ManualClock, *, grants: int = 10_000, wait: float = 0.0) -> None:
        self.clock = clock
        self.grants = grants
        self.wait = wait
        self.lanes: list[str] = []
        self.observed: list[tuple[int, RateLimit | None]] = []
        self.waits: list[float | None] = []

    def acquire(self, lane: str) -> datetime:
        if len(self.lanes) >= self.grants:
            raise BudgetExhausted("No request is left today.", retry_at=self.clock.now() + timedelta(hours=3))
        self.clock.advance(self.wait)
        self.lanes.append(lane)
        return self.clock.now()

    def observe(
        self, status: int, rate_limit: RateLimit | None, seconds_to_wait: float | None = None
    ) -> None:
        self.observed.append((status, rate_limit))
        self.waits.append(seconds_to_wait)


class TokenRow:
    """Tokens of one member in the order they will be issued; the last one can only be replaced by consent."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.rejected: list[str] = []

    def access_token(self) -> str:
        return self.tokens[0]

    def after_rejection(self, rejected: str) -> str:
        self.rejected.append(rejected)
        if self.tokens[0] == rejected:
            if len(self.tokens) == 1:
                raise ReconnectionNeeded("its last token was rejected", user_id=10129)
            self.tokens.pop(0)
        return self.tokens[0]

    def stored_since(self, rejected: str) -> str | None:
        return None if self.tokens[0] == rejected else self.tokens[0]


class ScriptedServer:
    """Returns the next reply for each request, and repeats the last reply."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[httpx.Request] = []
        self.http = httpx.Client(transport=httpx.MockTransport(self._respond))

    def _respond(self, request: httpx.Request) -> httpx.Response:
        # On a retry, the client changes the header of the same request object, so keep a copy.
        self.requests.append(
            httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        )
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, httpx.Response):
            # A response can be read only once, so return a copy.
            return httpx.Response(reply.status_code, headers=reply.headers, content=reply.content)
        if isinstance(reply, httpx.TransportError):
            raise reply
        return reply(request)

    @property
    def tokens(self) -> list[str]:
        return [request.headers["Authorization"] for request in self.requests]


class Bench:
    """A client with its budget, tokens, clock, and a scripted server unless `http` reaches another one."""

    def __init__(
        self,
        *replies: Reply,
        tokens: TokenRow | None = None,
        grants: int = 10_000,
        budget_wait: float = 0.0,
        base_url: str = BASE,
        http: httpx.Client | None = None,
        **options: Any,
    ) -> None:
        self.clock = ManualClock(NOW)
        self.budget = CountingBudget(self.clock, grants=grants, wait=budget_wait)
        self.tokens = tokens or TokenRow("first-token")
        self.server = ScriptedServer(*replies)
        self.client = WhoopClient(
            base_url=base_url,
            tokens=self.tokens,
            budget=self.budget,
            clock=self.clock,
            http=http or self.server.http,
            jitter=random.Random(1),
            **options,
        )

    @property
    def slept(self) -> float:
        return (self.clock.now() - NOW).total_seconds()


def ok(payload: Any) -> httpx.Response:
    # Not json=payload: httpx sends no body at all for None.
    return httpx.Response(200, text=json.dumps(payload))


def page_of(*records: dict[str, Any], next_token: str | None = None) -> httpx.Response:
    return ok({"records": list(records), "next_token": next_token})
