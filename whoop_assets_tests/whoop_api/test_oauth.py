import json
import traceback
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from whoop_assets.clock import ManualClock
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


class Desk:
    """An OAuth with the server it talks to."""

    def __init__(self, *replies: Reply, url: str = URL) -> None:
        self.clock = ManualClock(NOW)
        self.server = ScriptedServer(*replies)
        self.oauth = OAuth(url, "the-id", "secret-of-app", REDIRECT, clock=self.clock, http=self.server.http)

    def form(self) -> dict[str, str]:
        sent = self.server.requests[-1]
        assert sent.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert "Authorization" not in sent.headers
        return {name: values[0] for name, values in parse_qs(sent.content.decode()).items()}


def refused(status: int, error: str) -> httpx.Response:
    return httpx.Response(status, json={"error": error, "error_description": "jo@example.org secret-refresh"})


def shown(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def test_the_consent_page_is_asked_for_all_scopes() -> None:
    url = urlsplit(Desk(ok(PAIR)).oauth.authorization_url(SCOPES, STATE))
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


def test_a_state_is_long_and_never_the_same() -> None:
    states = {OAuth.new_state() for _ in range(50)}
    assert len(states) == 50
    assert min(map(len, states)) >= 30
    with pytest.raises(ValueError, match="8 characters"):
        Desk(ok(PAIR)).oauth.authorization_url(SCOPES, "short")


@pytest.mark.parametrize("frame", ["{}", " {}\n", "<{}>", '"{}"', "{}#_"])
def test_the_code_is_read_from_the_redirect_however_it_was_pasted(frame: str) -> None:
    assert OAuth.read_redirect(frame.format(f"{REDIRECT}?code=a%2Fb&scope=x&state={STATE}"), STATE) == "a/b"


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
def test_a_redirect_without_a_good_code_says_why(query: str, kind: type[OAuthError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        OAuth.read_redirect(f"{REDIRECT}?{query}", STATE)
    assert "secret" not in shown(caught.value)


@given(st.text() | st.text().map(lambda text: f"{REDIRECT}?code=1&state={text}"))
@example("http://x/?code=1&state=\udcff")
def test_any_pasted_text_is_answered_with_one_of_the_family(text: str) -> None:
    with pytest.raises(OAuthError):
        OAuth.read_redirect(text, STATE)


@pytest.mark.parametrize("text", ["http://[", "http://[::1/callback?code=1", "secret"])
def test_a_pasted_text_that_is_no_address_is_explained(text: str) -> None:
    with pytest.raises(ConsentFailed, match="whole address"):
        OAuth.read_redirect(text, STATE)


@pytest.mark.parametrize("url", [URL, URL + "/"])
def test_a_code_is_exchanged_with_the_clients_secret_in_the_form(url: str) -> None:
    desk = Desk(ok(PAIR), url=url)
    pair = desk.oauth.exchange_code("the-code")
    assert str(desk.server.requests[0].url) == f"{URL}/token"
    assert desk.form() == {
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


def test_a_refresh_asks_for_offline_alone() -> None:
    desk = Desk(ok({**PAIR, "scope": "offline"}))
    assert desk.oauth.refresh("old-refresh").scopes == {"offline"}
    assert desk.form() == {
        "grant_type": "refresh_token",
        "refresh_token": "old-refresh",
        "scope": "offline",
        "client_id": "the-id",
        "client_secret": "secret-of-app",
    }


def test_a_grant_without_offline_has_no_refresh_token() -> None:
    for answer in ({**PAIR, "refresh_token": None}, {k: v for k, v in PAIR.items() if k != "refresh_token"}):
        assert Desk(ok(answer)).oauth.exchange_code("c").refresh_token is None


def test_an_answer_that_names_no_scope_grants_what_was_asked_for() -> None:
    answer = {**PAIR, "scope": ""}
    assert Desk(ok(answer)).oauth.exchange_code("c").scopes == frozenset(SCOPES)
    assert Desk(ok(answer)).oauth.exchange_code("c", ["read:cycles"]).scopes == {"read:cycles"}


@pytest.mark.parametrize("lifetime", [None, "soon", 0, -5, True, 1e400, 2**40])
def test_a_pair_is_not_thrown_away_for_a_lifetime_that_makes_no_sense(lifetime: object) -> None:
    answer = httpx.Response(200, text=json.dumps({**PAIR, "expires_in": lifetime}))
    assert Desk(answer).oauth.refresh("r").expires_in == 3600


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (refused(400, "invalid_grant"), InvalidGrant, "connect again"),
        (refused(401, "invalid_grant"), InvalidGrant, "connect again"),
        (refused(401, "invalid_client"), InvalidClient, "WHOOP_CLIENT_ID and WHOOP_CLIENT_SECRET"),
        (refused(400, "invalid_client"), InvalidClient, "WHOOP_CLIENT_SECRET"),
        (refused(400, "unauthorized_client"), InvalidClient, "WHOOP_CLIENT_SECRET"),
        (httpx.Response(401, text="<html>"), InvalidClient, "WHOOP_CLIENT_SECRET"),
        (refused(400, "invalid_request"), OAuthError, "invalid_request"),
        (refused(400, "secret"), OAuthError, "does not document"),
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
def test_a_refresh_that_failed_is_never_sent_again_blindly(
    reply: Reply, kind: type[WhoopError], words: str
) -> None:
    desk = Desk(reply)
    with pytest.raises(kind, match=words) as caught:
        desk.oauth.refresh(PAIR["refresh_token"])
    assert len(desk.server.requests) == 1
    assert "secret-" not in shown(caught.value)
    assert "jo@" not in shown(caught.value)
    assert caught.value.transient == isinstance(caught.value, RefreshResponseLost | RateLimited)


@pytest.mark.parametrize("fault", [httpx.ReadTimeout("x"), httpx.Response(503)])
def test_a_code_whose_answer_was_lost_requires_a_new_connection(fault: Reply) -> None:
    desk = Desk(fault)
    with pytest.raises(TokenResponseLost, match="connection again") as caught:
        desk.oauth.exchange_code("secret-code")
    assert not isinstance(caught.value, RefreshResponseLost)
    assert len(desk.server.requests) == 1


def test_a_bad_code_names_the_redirect_uri_as_a_cause() -> None:
    with pytest.raises(InvalidGrant, match="WHOOP_REDIRECT_URI"):
        Desk(refused(400, "invalid_grant")).oauth.exchange_code("c")


def test_what_never_left_this_machine_is_sent_again() -> None:
    desk = Desk(httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), ok(PAIR))
    assert desk.oauth.refresh("r").access_token == "secret-access"
    assert 0 < (desk.clock.now() - NOW).total_seconds() < 6


def test_a_network_that_stays_dead_has_spent_nothing() -> None:
    desk = Desk(httpx.ConnectError("refused"))
    with pytest.raises(NetworkFault, match="WHOOP_OAUTH_URL") as caught:
        desk.oauth.refresh("secret-refresh")
    assert caught.value.transient
    assert len(desk.server.requests) == 3


def test_an_oauth_url_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="WHOOP_OAUTH_URL"):
        Desk(ok(PAIR), url="whoop.com/oauth")
