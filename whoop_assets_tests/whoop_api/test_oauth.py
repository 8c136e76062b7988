"""OAuth: authorization URL, redirect, code exchange and refresh."""

import json
import traceback
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whoop_assets.errors import ConfigurationError, WhoopError
from whoop_assets.whoop_api.errors import (
    ConsentDenied,
    ConsentFailed,
    InvalidClient,
    InvalidGrant,
    NetworkFault,
    OAuthError,
    RateLimited,
    RefreshResponseLost,
    StateMismatch,
    TokenResponseLost,
    UnreadableResponse,
)
from whoop_assets.whoop_api.oauth import OAuth
from whoop_assets.whoop_api.scopes import SCOPES
from whoop_assets_tests.support.manual_clock import ManualClock
from whoop_assets_tests.whoop_api.doubles import NOW, Reply, ScriptedServer, ok

URL = "http://whoop.test/oauth/oauth2"
REDIRECT = "http://localhost:8765/callback"
STATE = "a-long-state"
PAIR: dict[str, Any] = {
    "access_token": "secret-access",
    "refresh_token": "secret-refresh",
    "expires_in": 1800,
    "scope": "offline read:cycles read:profile",
    "token_type": "bearer",
}


class OAuthBench:
    """An OAuth client with its clock and scripted server."""

    def __init__(self, *replies: Reply, url: str = URL) -> None:
        self.clock = ManualClock(NOW)
        self.server = ScriptedServer(*replies)
        self.oauth = OAuth(url, "the-id", "secret-of-app", REDIRECT, clock=self.clock, http=self.server.http)

    def form(self) -> dict[str, str]:
        sent = self.server.requests[-1]
        assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert "Authorization" not in sent.headers
        return {name: values[0] for name, values in parse_qs(sent.content.decode()).items()}


def error_response(status: int, error: str) -> httpx.Response:
    return httpx.Response(status, json={"error": error, "error_description": "jo@example.org secret-refresh"})


def formatted(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def test_the_authorization_url_has_all_parameters() -> None:
    url = urlsplit(OAuthBench(ok(PAIR)).oauth.authorization_url(SCOPES, STATE))
    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{URL}/auth"
    assert {name: values[0] for name, values in parse_qs(url.query).items()} == {
        "response_type": "code",
        "client_id": "the-id",
        "redirect_uri": REDIRECT,
        "scope": " ".join(SCOPES),
        "state": STATE,
    }
    assert "secret" not in url.query
    assert "+" not in url.query


def test_a_state_is_long_and_random() -> None:
    states = {OAuth.new_state() for _ in range(50)}
    assert len(states) == 50
    assert min(map(len, states)) >= 30
    with pytest.raises(ValueError, match="8 characters"):
        OAuthBench(ok(PAIR)).oauth.authorization_url(SCOPES, "short")


@pytest.mark.parametrize("template", ["{}", " {}\n", "<{}>", '"{}"', "{}#_"])
def test_the_code_is_read_from_a_pasted_redirect_address(template: str) -> None:
    assert (
        OAuth.read_redirect(template.format(f"{REDIRECT}?code=a%2Fb&scope=x&state={STATE}"), STATE) == "a/b"
    )


@pytest.mark.parametrize(
    ("query", "kind", "words"),
    [
        (f"code=secret&state={STATE}x", StateMismatch, "another attempt"),
        ("code=secret", StateMismatch, "another attempt"),
        (f"code=secret&state={STATE}&state=other", StateMismatch, "another attempt"),
        (f"error=access_denied&state={STATE}", ConsentDenied, "declined"),
        ("error=access_denied", ConsentDenied, "declined"),
        ("error=access_denied&state=another-state", StateMismatch, "another attempt"),
        (
            f"error=request_forbidden&state={STATE}",
            ConsentFailed,
            r"request_forbidden.*start the connection again",
        ),
        ("error=request_forbidden", ConsentFailed, "again"),
        (f"error=invalid_scope&error_description=jo&state={STATE}", ConsentFailed, "invalid_scope"),
        (f"error=secret&state={STATE}", ConsentFailed, "does not document"),
        (f"state={STATE}", ConsentFailed, "no code"),
        (f"code=&state={STATE}", ConsentFailed, "no code"),
        (f"code=1&code=2&state={STATE}", ConsentFailed, "no code"),
        ("", ConsentFailed, "whole address"),
    ],
)
def test_a_redirect_without_a_valid_code_is_an_error_with_the_reason(
    query: str, kind: type[OAuthError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        OAuth.read_redirect(f"{REDIRECT}?{query}", STATE)
    assert "secret" not in formatted(caught.value)


@given(st.text() | st.text().map(lambda text: f"{REDIRECT}?code=1&state={text}"))
@example("http://x/?code=1&state=\udcff")
def test_any_other_pasted_text_is_an_oauth_error(text: str) -> None:
    with pytest.raises(OAuthError):
        OAuth.read_redirect(text, STATE)


@pytest.mark.parametrize("text", ["http://[", "http://[::1/callback?code=1", "secret"])
def test_a_pasted_text_that_is_not_an_address_is_an_error_with_a_hint(text: str) -> None:
    with pytest.raises(ConsentFailed, match="whole address"):
        OAuth.read_redirect(text, STATE)


@pytest.mark.parametrize("url", [URL, URL + "/"])
def test_a_code_exchange_sends_the_client_credentials_in_the_form(url: str) -> None:
    bench = OAuthBench(ok(PAIR), url=url)
    pair = bench.oauth.exchange_code("the-code")
    assert str(bench.server.requests[0].url) == f"{URL}/token"
    assert bench.form() == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "redirect_uri": REDIRECT,
        "client_id": "the-id",
        "client_secret": "secret-of-app",
    }
    assert (pair.access_token, pair.refresh_token, pair.expires_in) == (
        "secret-access",
        "secret-refresh",
        1800,
    )
    assert pair.scopes == {"offline", "read:cycles", "read:profile"}
    assert "secret" not in repr(pair)


def test_a_refresh_requests_only_the_offline_scope() -> None:
    bench = OAuthBench(ok({**PAIR, "scope": "offline"}))
    assert bench.oauth.refresh("old-refresh").scopes == {"offline"}
    assert bench.form() == {
        "grant_type": "refresh_token",
        "refresh_token": "old-refresh",
        "scope": "offline",
        "client_id": "the-id",
        "client_secret": "secret-of-app",
    }


def test_a_grant_without_offline_has_no_refresh_token() -> None:
    for response in (
        {**PAIR, "refresh_token": None},
        {k: v for k, v in PAIR.items() if k != "refresh_token"},
    ):
        assert OAuthBench(ok(response)).oauth.exchange_code("c").refresh_token is None


def test_a_response_without_scopes_grants_the_requested_scopes() -> None:
    response = {**PAIR, "scope": ""}
    assert OAuthBench(ok(response)).oauth.exchange_code("c").scopes == frozenset(SCOPES)
    assert OAuthBench(ok(response)).oauth.exchange_code("c", ["read:cycles"]).scopes == {"read:cycles"}


@pytest.mark.parametrize("lifetime", [None, "soon", 0, -5, True, 1e400, 2**40])
def test_an_invalid_lifetime_is_replaced_by_an_hour(lifetime: object) -> None:
    response = httpx.Response(200, text=json.dumps({**PAIR, "expires_in": lifetime}))
    assert OAuthBench(response).oauth.refresh("r").expires_in == 3600


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (error_response(400, "invalid_grant"), InvalidGrant, "connect again"),
        (error_response(401, "invalid_grant"), InvalidGrant, "connect again"),
        (error_response(401, "invalid_client"), InvalidClient, "WHOOP_CLIENT_ID and WHOOP_CLIENT_SECRET"),
        (error_response(400, "invalid_client"), InvalidClient, "WHOOP_CLIENT_SECRET"),
        (error_response(400, "unauthorized_client"), InvalidClient, "WHOOP_CLIENT_SECRET"),
        (httpx.Response(401, text="<html>"), InvalidClient, "WHOOP_CLIENT_SECRET"),
        (error_response(400, "invalid_request"), OAuthError, "invalid_request"),
        (error_response(400, "secret"), OAuthError, "does not document"),
        (httpx.Response(400, json=["secret"]), UnreadableResponse, "not JSON"),
        (httpx.Response(403, text="<html>secret"), UnreadableResponse, "not JSON"),
        (httpx.Response(302, headers={"Location": "http://elsewhere.test"}), UnreadableResponse, "not JSON"),
        (httpx.Response(429, headers={"X-RateLimit-Reset": "40"}), RateLimited, "40 s"),
        (httpx.Response(500), RefreshResponseLost, "may be used up"),
        (httpx.Response(200, text='{"access_token": "secret'), RefreshResponseLost, "not a JSON object"),
        (httpx.Response(200, text='{"access_token": "secret'), UnreadableResponse, "not a JSON object"),
        (ok({"refresh_token": "secret"}), RefreshResponseLost, "no usable token"),
        (ok({**PAIR, "access_token": "secret\n"}), RefreshResponseLost, "no usable token"),
        (httpx.ReadTimeout("x"), RefreshResponseLost, "may be used up"),
        (httpx.RemoteProtocolError("x"), RefreshResponseLost, "may be used up"),
        (httpx.WriteError("x"), RefreshResponseLost, "may be used up"),
    ],
)
def test_a_failed_refresh_is_not_repeated(reply: Reply, kind: type[WhoopError], words: str) -> None:
    bench = OAuthBench(reply)
    with pytest.raises(kind, match=words) as caught:
        bench.oauth.refresh(PAIR["refresh_token"])
    assert len(bench.server.requests) == 1
    assert "secret-" not in formatted(caught.value)
    assert "jo@" not in formatted(caught.value)
    assert caught.value.transient == isinstance(caught.value, RefreshResponseLost | RateLimited)


@pytest.mark.parametrize("fault", [httpx.ReadTimeout("x"), httpx.Response(503)])
def test_a_lost_response_to_a_code_exchange_requires_a_new_connection(fault: Reply) -> None:
    bench = OAuthBench(fault)
    with pytest.raises(TokenResponseLost, match="connection again") as caught:
        bench.oauth.exchange_code("secret-code")
    assert not isinstance(caught.value, RefreshResponseLost)
    assert len(bench.server.requests) == 1


def test_the_error_for_an_invalid_code_mentions_the_redirect_uri() -> None:
    with pytest.raises(InvalidGrant, match="WHOOP_REDIRECT_URI"):
        OAuthBench(error_response(400, "invalid_grant")).oauth.exchange_code("c")


def test_a_refresh_is_repeated_if_no_connection_was_made() -> None:
    bench = OAuthBench(httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), ok(PAIR))
    assert bench.oauth.refresh("r").access_token == "secret-access"
    assert 0 < (bench.clock.now() - NOW).total_seconds() < 6


def test_a_lasting_connection_failure_is_a_transient_network_fault() -> None:
    bench = OAuthBench(httpx.ConnectError("refused"))
    with pytest.raises(NetworkFault, match="WHOOP_OAUTH_URL") as caught:
        bench.oauth.refresh("secret-refresh")
    assert caught.value.transient
    assert len(bench.server.requests) == 3


def test_an_invalid_oauth_url_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="WHOOP_OAUTH_URL"):
        OAuthBench(ok(PAIR), url="whoop.com/oauth")
