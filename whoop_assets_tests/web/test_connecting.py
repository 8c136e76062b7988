"""A member connects with an invitation link: once, in time, and in the browser that opened the link."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from whoop_assets.errors import ConfigurationError
from whoop_assets.members import invitations
from whoop_assets.members import store as member_store
from whoop_assets.web.connecting import COOKIE, page_address
from whoop_assets_tests.web.conftest import MEMBER, Service
from whoop_simulator.running import RunningSimulator

PUBLIC = "https://whoop.example.org"
HOST_ONLY = "__Host-"
"""Prefix of a cookie that no other host of the domain can set."""


@dataclass
class Browser:
    """A browser that reaches the service at its public address, as through a proxy."""

    service: Service
    cookie: str = ""
    """The state cookie."""

    def open(self, url: str) -> httpx.Response:
        assert url.startswith(PUBLIC + "/")
        path = url.removeprefix(PUBLIC)
        headers = {"Cookie": f"{HOST_ONLY}{COOKIE}={self.cookie}"} if self.cookie else {}
        answer = self.service.get(path, headers=headers, follow_redirects=False)
        for value in answer.headers.get_list("set-cookie"):
            ((name, morsel),) = SimpleCookie(value).items()
            assert morsel["secure"]
            assert morsel["httponly"]
            assert morsel["samesite"] == "lax"
            assert name.startswith(HOST_ONLY)
            if name == HOST_ONLY + COOKIE:
                self.cookie = morsel.value
        return answer


@dataclass
class Stage:
    service: Service
    simulator: RunningSimulator

    def invitation(self, lifetime: timedelta = timedelta(hours=1)) -> str:
        database = self.service.database
        with database.write() as connection:
            secret = invitations.invite(connection, database.now(connection), lifetime)
        return page_address(self.service.settings.redirect_uri, f"connect/{secret}")

    def consent(self, url: str, decision: str = "allow") -> str:
        """Decide on WHOOP's consent page; returns the address of the redirect."""
        return self.simulator.consent(url, self.simulator.world.user_ids[0], decision)

    def connected(self) -> set[int]:
        with self.service.database.read() as connection:
            return {member.user_id for member in member_store.listed(connection)} - {MEMBER}


@pytest.fixture
def stage(
    simulator: Callable[..., RunningSimulator], serve: Callable[..., Service], database_url: str
) -> Stage:
    running = simulator(members=1, days=3, seed=3, limits=False)
    app = running.world.app
    service = serve(
        database_url,
        client_id=app.client_id,
        client_secret=app.client_secret,
        redirect_uri=f"{PUBLIC}/callback",
        api_url=running.api_url,
        oauth_url=running.oauth_url,
    )
    return Stage(service, running)


def test_a_link_connects_one_member(stage: Stage) -> None:
    url, browser = stage.invitation(), Browser(stage.service)
    answer = browser.open(url)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(stage.simulator.oauth_url)
    done = browser.open(stage.consent(answer.headers["location"]))
    assert done.status_code == 200
    (user_id,) = stage.connected()
    assert f"Member {user_id} is connected" in done.text
    assert browser.cookie == ""
    assert done.headers["cache-control"] == "no-store"
    again = browser.open(url)
    assert again.status_code == 404
    assert "no longer valid" in again.text


def test_a_consent_works_only_in_the_browser_that_began_it(stage: Stage) -> None:
    first, second = Browser(stage.service), Browser(stage.service)
    consented = stage.consent(first.open(stage.invitation()).headers["location"])
    assert second.open(consented).status_code == 400
    second.open(stage.invitation())
    answer = second.open(consented)
    assert answer.status_code == 400
    assert "another attempt" in answer.text
    assert stage.connected() == set()
    assert stage.simulator.world.stats()["token_requests"] == 0
    assert first.open(consented).status_code == 200


def test_a_redirect_works_once(stage: Stage) -> None:
    browser = Browser(stage.service)
    consented = stage.consent(browser.open(stage.invitation()).headers["location"])
    cookie = browser.cookie
    assert browser.open(consented).status_code == 200
    browser.cookie = cookie
    answer = browser.open(consented)
    assert answer.status_code == 400
    assert "has ended" in answer.text
    assert stage.simulator.world.stats()["token_requests"] == 1


def test_an_expired_or_guessed_link_is_not_found(stage: Stage) -> None:
    browser = Browser(stage.service)
    assert browser.open(stage.invitation(timedelta(0))).status_code == 404
    assert browser.open(f"{PUBLIC}/connect/guessed").status_code == 404
    assert browser.cookie == ""


def test_a_member_who_declines_can_open_the_link_again(stage: Stage) -> None:
    url, browser = stage.invitation(), Browser(stage.service)
    declined = browser.open(stage.consent(browser.open(url).headers["location"], "deny"))
    assert declined.status_code == 400
    assert "declined" in declined.text
    assert stage.connected() == set()
    assert browser.open(stage.consent(browser.open(url).headers["location"])).status_code == 200
    assert len(stage.connected()) == 1


def test_a_failure_of_whoop_keeps_the_link_valid_and_shows_no_details(stage: Stage) -> None:
    url, browser = stage.invitation(), Browser(stage.service)
    consented = stage.consent(browser.open(url).headers["location"])
    stage.simulator.world.inject_fault("status", status=404, path_prefix="/v2/user/profile")
    answer = browser.open(consented)
    assert answer.status_code == 503
    assert "profile" not in answer.text
    assert browser.open(stage.consent(browser.open(url).headers["location"])).status_code == 200


def test_a_wrong_client_secret_is_in_the_log_and_not_on_the_page(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    browser = Browser(stage.service)
    consented = stage.consent(browser.open(stage.invitation()).headers["location"])
    refusal = json.dumps({"error": "invalid_client"})
    stage.simulator.world.inject_fault("answer", status=401, body=refusal, path_prefix="/oauth/oauth2/token")
    answer = browser.open(consented)
    assert answer.status_code == 503
    assert "WHOOP_CLIENT" not in answer.text
    assert "check WHOOP_CLIENT_ID and WHOOP_CLIENT_SECRET" in caplog.text


def test_a_member_who_leaves_out_a_permission_can_open_the_link_again(stage: Stage) -> None:
    url, browser = stage.invitation(), Browser(stage.service)
    location = browser.open(url).headers["location"]
    answer = browser.open(stage.consent(location.replace("read%3Acycles", "")))
    assert answer.status_code == 400
    assert "did not grant all permissions" in answer.text
    assert "Start again from the sign-in page" in answer.text
    assert "whoop-assets" not in answer.text
    assert stage.connected() == set()
    assert browser.open(stage.consent(browser.open(url).headers["location"])).status_code == 200


def test_an_attempt_survives_a_restart_of_the_service(stage: Stage, serve: Callable[..., Service]) -> None:
    browser = Browser(stage.service)
    consented = stage.consent(browser.open(stage.invitation()).headers["location"])
    stage.service.stop()
    again = stage.service.settings
    browser.service = serve(
        again.database_url,
        **{
            name: getattr(again, name)
            for name in ("client_id", "client_secret", "redirect_uri", "api_url", "oauth_url")
        },
    )
    assert browser.open(consented).status_code == 200


def test_pages_escape_values_and_contain_no_secret(stage: Stage) -> None:
    browser = Browser(stage.service)
    location = browser.open(stage.invitation()).headers["location"]
    state = parse_qs(urlsplit(location).query)["state"][0]
    assert len(state) >= 32
    answer = browser.open(f"{PUBLIC}/callback?error=<script>alert(1)</script>&state={state}")
    assert answer.status_code == 400
    assert "<script" not in answer.text
    assert state not in answer.text


@pytest.mark.parametrize("uri", ["https://x.org/", "whoop://callback", "https://x.org/callback?a=b", ""])
def test_a_redirect_uri_of_another_service_makes_no_link(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="WHOOP_REDIRECT_URI"):
        page_address(uri, "connect/secret")


def test_a_link_has_the_path_prefix_of_the_callback() -> None:
    assert page_address("https://x.org/whoop/callback", "connect/abc") == "https://x.org/whoop/connect/abc"
