import logging
import threading
import traceback
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from whoop_assets.errors import BudgetExhausted, ConfigurationError, ReconnectionNeeded
from whoop_assets.whoop_api.errors import (
    ApiError,
    BadRequest,
    NetworkFault,
    NotFound,
    RateLimited,
    Refused,
    ServerFault,
    Unauthorized,
    UnreadableResponse,
)
from whoop_assets.whoop_api.http.transport import MAX_RETRY_SECONDS, open_http
from whoop_assets_tests.support.manual_clock import ManualClock
from whoop_assets_tests.support.servers.ports import REFUSING_PORT
from whoop_assets_tests.whoop_api.doubles import BASE, NOW, Bench, TokenRow, ok

LIMITS = {
    "X-RateLimit-Limit": "100, 100;window=60, 10000;window=86400",
    "X-RateLimit-Remaining": "0",
    "X-RateLimit-Reset": "40",
}
PATH = "/v2/cycle/93845"
FAULTS = [
    httpx.Response(500),
    httpx.Response(503, text="<html>"),
    httpx.ConnectError("refused"),
    httpx.ReadTimeout("slow"),
    httpx.RemoteProtocolError("peer closed connection without sending complete message body"),
    httpx.Response(200, text='{"id": 93'),
    httpx.Response(200, text=""),
    httpx.Response(200, text="<html>Just a moment...</html>"),
    httpx.Response(429),
]


def name_of(reply: httpx.Response | httpx.TransportError) -> str:
    if isinstance(reply, httpx.Response):
        return f"{reply.status_code}-{reply.text[:4] or 'empty'}"
    return type(reply).__name__


def test_a_response_contains_the_json_as_received_and_the_request_time() -> None:
    bench = Bench(ok({"id": 93845, "new": [1]}), budget_wait=7)
    answer = bench.client.get(PATH)
    assert answer.payload == {"id": 93845, "new": [1]}
    assert (answer.requested_at - NOW).total_seconds() == 7
    assert answer.endpoint == PATH
    assert bench.client.waited_seconds == 7


@pytest.mark.parametrize("base_url", [BASE, BASE + "/"])
def test_a_slash_at_the_end_of_the_base_url_does_not_matter(base_url: str) -> None:
    bench = Bench(ok({}), base_url=base_url)
    bench.client.get(PATH, {"limit": "25"})
    assert str(bench.server.requests[0].url) == f"{BASE}/v2/cycle/93845?limit=25"


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "api.prod.whoop.com",
        "ftp://whoop.test",
        "http://",
        "http://[",
        "x" * 9,
        "https://who:secret@whoop.test",
    ],
)
def test_an_invalid_base_url_is_a_configuration_error(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="WHOOP_API_URL"):
        Bench(ok({}), base_url=base_url)


def test_every_request_has_a_user_agent() -> None:
    bench = Bench(ok({}))
    bench.client.get(PATH)
    assert bench.server.requests[0].headers["User-Agent"].startswith("whoop-assets")
    assert bench.server.tokens == ["Bearer first-token"]


@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
def test_a_transient_fault_is_retried_and_each_attempt_uses_the_budget(
    fault: httpx.Response | httpx.TransportError,
) -> None:
    bench = Bench(fault, fault, ok({"id": 93845}), lane="webhook")
    assert bench.client.get(PATH).payload == {"id": 93845}
    assert bench.client.requests == len(bench.server.requests) == 3
    assert bench.budget.lanes == ["webhook"] * 3
    assert bench.client.retries == 2
    assert bench.client.waited_seconds == pytest.approx(bench.slept)
    assert 0 < bench.slept < 3
    answered = [fault.status_code] * 2 if isinstance(fault, httpx.Response) else []
    assert [status for status, _ in bench.budget.observed] == [*answered, 200]


@pytest.mark.parametrize(
    ("fault", "kind"),
    list(
        zip(
            FAULTS,
            [ServerFault] * 2 + [NetworkFault] * 3 + [UnreadableResponse] * 3 + [RateLimited],
            strict=True,
        )
    ),
    ids=lambda value: value.__name__ if isinstance(value, type) else name_of(value),
)
def test_a_persistent_fault_is_an_error_after_the_retry_time(
    fault: httpx.Response | httpx.TransportError, kind: type[ApiError]
) -> None:
    bench = Bench(fault)
    with pytest.raises(kind) as caught:
        bench.client.get(PATH)
    assert bench.slept == pytest.approx(MAX_RETRY_SECONDS)
    assert bench.client.requests == len(bench.budget.lanes) >= 9
    assert caught.value.transient
    assert caught.value.path == PATH
    assert PATH in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, BadRequest), (404, NotFound), (403, Refused), (405, Refused), (302, Refused), (410, Refused)],
)
def test_a_definite_error_is_not_retried(status: int, kind: type[ApiError]) -> None:
    bench = Bench(
        httpx.Response(status, text="jo@example.org", headers={"Location": "http://elsewhere.test/"})
    )
    with pytest.raises(kind) as caught:
        bench.client.get(PATH)
    assert type(caught.value) is kind
    assert not caught.value.transient
    assert caught.value.status == status
    assert len(bench.server.requests) == 1
    assert f"GET {PATH} answered {status}" in str(caught.value)
    assert "jo@" not in str(caught.value)


def test_after_a_429_the_client_waits_for_the_reset_and_tells_the_budget() -> None:
    bench = Bench(httpx.Response(429, headers=LIMITS), ok({}))
    bench.client.get(PATH)
    assert 40 <= bench.slept < 41
    assert bench.client.limited == 1
    status, limit = bench.budget.observed[0]
    assert status == 429
    assert limit is not None
    assert (limit.nearest, limit.remaining, limit.reset_seconds) == (100, 0, 40)
    assert limit.limits == ((100, 60), (10000, 86400))


def test_a_reset_in_hours_is_an_error() -> None:
    bench = Bench(httpx.Response(429, headers={**LIMITS, "X-RateLimit-Reset": "7200"}))
    with pytest.raises(RateLimited, match="try again in 7200 s") as caught:
        bench.client.get(PATH)
    assert caught.value.retry_after == 7200
    assert bench.slept == 0
    assert len(bench.server.requests) == 1


def test_a_503_obeys_retry_after_and_ignores_the_rate_limit_reset() -> None:
    bench = Bench(httpx.Response(503, headers={**LIMITS, "Retry-After": "20"}), ok({}))
    bench.client.get(PATH)
    assert 20 <= bench.slept < 21
    bench = Bench(httpx.Response(503, headers=LIMITS), ok({}))
    bench.client.get(PATH)
    assert bench.slept <= 1


def test_waits_grow_and_differ() -> None:
    bench = Bench(httpx.Response(500))
    waits: list[float] = []
    sleep = bench.clock.sleep

    def noted_sleep(seconds: float) -> None:
        waits.append(seconds)
        sleep(seconds)

    bench.clock.sleep = noted_sleep  # type: ignore[method-assign]
    with pytest.raises(ServerFault):
        bench.client.get(PATH)
    assert len(set(waits)) == len(waits)
    assert max(waits[:2]) <= 2 < max(waits) <= 30


def test_an_exhausted_budget_ends_the_request_between_attempts() -> None:
    bench = Bench(httpx.Response(500), grants=2)
    with pytest.raises(BudgetExhausted):
        bench.client.get(PATH)
    assert len(bench.server.requests) == 2


def test_a_rejected_token_is_replaced_once_and_both_attempts_use_the_budget() -> None:
    bench = Bench(httpx.Response(401), ok({}), tokens=TokenRow("old", "new"), budget_wait=2)
    answer = bench.client.get(PATH)
    assert bench.server.tokens == ["Bearer old", "Bearer new"]
    assert bench.tokens.rejected == ["old"]
    assert len(bench.budget.lanes) == 2
    assert [status for status, _ in bench.budget.observed] == [401, 200]
    assert (answer.requested_at - NOW).total_seconds() == 4


def test_a_401_with_a_renewed_token_is_raised() -> None:
    bench = Bench(httpx.Response(401), tokens=TokenRow("old", "new", "newest"))
    with pytest.raises(Unauthorized) as caught:
        bench.client.get(PATH)
    assert not caught.value.transient
    assert bench.server.tokens == ["Bearer old", "Bearer new"]
    assert bench.tokens.rejected == ["old"]


def test_after_a_lost_race_the_newer_token_is_used() -> None:
    tokens = TokenRow("old", "new", "newest")

    def renewed_by_another(request: httpx.Request) -> httpx.Response:
        tokens.tokens.pop(0)
        return httpx.Response(401)

    bench = Bench(httpx.Response(401), renewed_by_another, ok({}), tokens=tokens)
    bench.client.get(PATH)
    assert bench.server.tokens == ["Bearer old", "Bearer new", "Bearer newest"]
    assert tokens.rejected == ["old"]


def test_a_token_stored_by_another_process_is_used_before_a_refresh() -> None:
    tokens = TokenRow("old", "of-another", "new")

    def renewed_by_another(request: httpx.Request) -> httpx.Response:
        tokens.tokens.pop(0)
        return httpx.Response(401)

    bench = Bench(renewed_by_another, httpx.Response(401), ok({}), tokens=tokens)
    bench.client.get(PATH)
    assert bench.server.tokens == ["Bearer old", "Bearer of-another", "Bearer new"]
    assert tokens.rejected == ["of-another"]


def test_lost_races_are_limited() -> None:
    tokens = TokenRow(*(f"token-{number}" for number in range(50)))

    def renewed_by_another(request: httpx.Request) -> httpx.Response:
        tokens.tokens.pop(0)
        return httpx.Response(401)

    bench = Bench(renewed_by_another, tokens=tokens)
    with pytest.raises(Unauthorized):
        bench.client.get(PATH)
    assert len(bench.server.requests) < 10


class SlowTokens(TokenRow):
    """A token source with a delay per call, in seconds, as during a refresh."""

    def __init__(self, *seconds: float) -> None:
        super().__init__("a-token")
        self.seconds = list(seconds)
        self.clock: ManualClock | None = None

    def access_token(self) -> str:
        assert self.clock is not None
        self.clock.advance(self.seconds.pop(0) if self.seconds else 0.0)
        return super().access_token()


@pytest.mark.parametrize(
    ("looks", "slots", "asked_after"),
    [
        ((0.0, 0.0), 1, 2.0),
        ((20.0, 0.0), 1, 22.0),  # renewed before the slot was asked for
        ((0.0, 0.3), 1, 2.0),
        ((0.0, 15.0, 0.0), 2, 19.0),  # it ended while the slot was waited for
    ],
)
def test_a_request_is_sent_right_after_its_slot_despite_a_slow_refresh(
    looks: tuple[float, ...], slots: int, asked_after: float
) -> None:
    tokens = SlowTokens(*looks)
    bench = Bench(ok({}), tokens=tokens, budget_wait=2.0)
    tokens.clock = bench.clock
    answer = bench.client.get(PATH)
    assert len(bench.budget.lanes) == slots
    assert (answer.requested_at - NOW).total_seconds() == asked_after
    assert bench.slept - asked_after < 1
    assert len(bench.server.requests) == 1
    assert bench.client.waited_seconds == 2.0 * slots


def test_with_a_slow_token_source_the_request_is_sent_late() -> None:
    tokens = SlowTokens(*[5.0] * 10)
    bench = Bench(ok({}), tokens=tokens)
    tokens.clock = bench.clock
    bench.client.get(PATH)
    assert len(bench.budget.lanes) == 3


def test_a_429_with_incomplete_headers_gives_the_budget_the_wait() -> None:
    bench = Bench(httpx.Response(429, headers={"X-RateLimit-Reset": "70"}), ok({}))
    bench.client.get(PATH)
    assert bench.budget.waits == [70.0, None]


def test_an_unusable_token_uses_no_slot() -> None:
    bench = Bench(ok({}), tokens=TokenRow("not a token"))
    with pytest.raises(Unauthorized):
        bench.client.get(PATH)
    assert bench.budget.lanes == []


def test_after_a_fault_the_replaced_token_stays_in_use() -> None:
    bench = Bench(httpx.Response(401), httpx.Response(502), ok({}), tokens=TokenRow("old", "new"))
    bench.client.get(PATH)
    assert bench.server.tokens == ["Bearer old", "Bearer new", "Bearer new"]


def test_a_token_renewed_by_another_process_is_used_by_the_next_attempt() -> None:
    tokens = TokenRow("old", "new")

    def fail_while_another_process_renews(request: httpx.Request) -> httpx.Response:
        tokens.tokens.pop(0)
        return httpx.Response(500)

    bench = Bench(fail_while_another_process_renews, ok({}), tokens=tokens)
    bench.client.get(PATH)
    assert bench.server.tokens == ["Bearer old", "Bearer new"]


def test_a_member_without_a_valid_token_must_reconnect() -> None:
    bench = Bench(httpx.Response(401), tokens=TokenRow("only"))
    with pytest.raises(ReconnectionNeeded):
        bench.client.get(PATH)


@pytest.mark.parametrize("token", ["", "se cret", "secret\n", "secrét", "secret\x7f"])
def test_an_invalid_stored_token_is_neither_sent_nor_shown(token: str) -> None:
    bench = Bench(ok({}), tokens=TokenRow(token))
    with pytest.raises(Unauthorized) as caught:
        bench.client.get(PATH)
    assert bench.server.requests == []
    assert "secr" not in "".join(traceback.format_exception(caught.value))


def test_nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bench = Bench(
        httpx.Response(500, text="jo@example.org"), httpx.ReadTimeout("x"), httpx.Response(401), ok({})
    )
    bench.tokens.tokens = ["first-token", "second-token"]
    bench.client.get(PATH)
    assert "answered 500" in caplog.text
    assert "-token" not in caplog.text
    assert "jo@" not in caplog.text


def test_a_client_does_not_close_a_shared_http_client() -> None:
    bench = Bench(ok({}))
    with bench.client:
        bench.client.get(PATH)
    assert not bench.server.http.is_closed


def test_the_shared_http_client_stores_no_cookies() -> None:
    heard: list[str | None] = []

    class CookieServer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers["Cookie"])
            self.send_response(200)
            self.send_header("Set-Cookie", "session=of-the-first-member; Path=/")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), CookieServer) as server, open_http() as http:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        for _ in range(2):
            http.get(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
    assert heard == [None, None]


def test_addresses_on_this_machine_use_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{REFUSING_PORT}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{REFUSING_PORT}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server, open_http() as http:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        answer = http.get(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
    assert answer.status_code == 501
