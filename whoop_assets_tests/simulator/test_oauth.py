"""Consent page, codes, tokens and refresh, as in WHOOP's OAuth."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from whoop_assets_tests.simulator.conftest import Api, make_world
from whoop_assets_tests.support.servers.ports import NO_CERTIFICATES
from whoop_simulator.http.grants import App
from whoop_simulator.running import RunningSimulator

REDIRECT = "http://localhost:8765/callback"
CLIENT = {"client_id": "whoop-simulator", "client_secret": "simulator-secret"}
SCOPES = "read:cycles read:profile offline"


def authorization_url(simulator: RunningSimulator, **changes: str) -> str:
    query = {
        "client_id": "whoop-simulator",
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": SCOPES,
        "state": "12345678",
        **changes,
    }
    return f"{simulator.oauth_url}/auth?{urlencode(query)}"


def answers(location: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def new_code(simulator: RunningSimulator, **changes: str) -> str:
    return answers(simulator.consent(authorization_url(simulator, **changes), simulator.world.user_ids[0]))[
        "code"
    ]


def ask(simulator: RunningSimulator, **form: str) -> httpx.Response:
    return httpx.post(
        f"{simulator.oauth_url}/token", data={**CLIENT, **form}, timeout=60, verify=NO_CERTIFICATES
    )


def exchange(simulator: RunningSimulator, code: str, **changes: str) -> httpx.Response:
    return ask(
        simulator, **{"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, **changes}
    )


def refresh(simulator: RunningSimulator, token: str, **changes: str) -> httpx.Response:
    return ask(
        simulator, **{"grant_type": "refresh_token", "refresh_token": token, "scope": "offline", **changes}
    )


def works(simulator: RunningSimulator, answer: dict[str, Any]) -> bool:
    header = {"Authorization": f"Bearer {answer['access_token']}"}
    return (
        httpx.get(
            f"{simulator.api_url}/v2/user/profile/basic", headers=header, timeout=60, verify=NO_CERTIFICATES
        ).status_code
        == 200
    )


def assert_refused(answer: httpx.Response, status: int, error: str) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]
    assert answer.headers["cache-control"] == "no-store"


def test_the_consent_page_names_the_scopes_and_the_members(simulator: RunningSimulator) -> None:
    page = httpx.get(authorization_url(simulator), timeout=60, verify=NO_CERTIFICATES).text
    for scope in SCOPES.split():
        assert f"<code>{scope}</code>" in page
    assert f'<option value="{simulator.world.user_ids[0]}">' in page
    assert 'value="allow"' in page
    assert 'value="deny"' in page


def test_the_consent_page_escapes_parameters(simulator: RunningSimulator) -> None:
    assert (
        "<script>"
        not in httpx.get(
            authorization_url(simulator, state='"><script>alert(1)'), timeout=60, verify=NO_CERTIFICATES
        ).text
    )


def test_allowing_returns_a_code_for_one_pair(simulator: RunningSimulator) -> None:
    location = simulator.consent(authorization_url(simulator), simulator.world.user_ids[0])
    assert location.startswith(REDIRECT + "?")
    assert answers(location)["state"] == "12345678"
    assert answers(location)["scope"] == SCOPES
    answer = exchange(simulator, answers(location)["code"])
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"access_token", "refresh_token", "expires_in", "scope", "token_type"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("bearer", 3600, SCOPES)
    assert works(simulator, body)
    assert_refused(exchange(simulator, answers(location)["code"]), 400, "invalid_grant")


def test_denying_returns_an_error_and_no_code(simulator: RunningSimulator) -> None:
    location = simulator.consent(authorization_url(simulator), simulator.world.user_ids[0], "deny")
    assert answers(location) == {
        "error": "access_denied",
        "error_description": "The resource owner denied the request",
        "state": "12345678",
    }


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"state": "1234567"}, "invalid_state"),
        ({"state": ""}, "invalid_state"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "read:workouts"}, "invalid_scope"),
    ],
)
def test_an_invalid_authorization_request_is_redirected_with_an_error(
    simulator: RunningSimulator, changes: dict[str, str], error: str
) -> None:
    answer = httpx.get(authorization_url(simulator, **changes), timeout=60, verify=NO_CERTIFICATES)
    assert answer.status_code == 302
    assert answers(answer.headers["location"])["error"] == error


@pytest.mark.parametrize("changes", [{"client_id": "other"}, {"redirect_uri": "http://evil.example/"}])
def test_an_unknown_app_or_redirect_uri_is_not_redirected(
    simulator: RunningSimulator, changes: dict[str, str]
) -> None:
    answer = httpx.get(authorization_url(simulator, **changes), timeout=60, verify=NO_CERTIFICATES)
    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("uri", "accepted"),
    [
        ("http://localhost:1/x", True),
        ("http://127.0.0.1:8765/callback", True),
        ("https://app.example/callback", True),
        ("whoop://example/redirect", True),
        ("http://app.example/callback", False),
        ("ftp://localhost/", False),
        ("", False),
    ],
)
def test_default_redirect_uris(uri: str, accepted: bool) -> None:
    assert App().accepts_redirect(uri) is accepted
    assert not App(redirect_uris=("https://only.example/",)).accepts_redirect(uri)


def test_a_code_is_valid_for_ten_minutes(simulator: RunningSimulator) -> None:
    young, old = new_code(simulator), new_code(simulator)
    simulator.world.advance(599)
    assert exchange(simulator, young).status_code == 200
    simulator.world.advance(1)
    assert_refused(exchange(simulator, old), 400, "invalid_grant")


def test_a_code_is_bound_to_its_redirect(simulator: RunningSimulator) -> None:
    answer = exchange(simulator, new_code(simulator), redirect_uri="http://localhost:1/other")
    assert_refused(answer, 400, "invalid_grant")


def test_without_offline_there_is_no_refresh_token(simulator: RunningSimulator) -> None:
    body = exchange(simulator, new_code(simulator, scope="read:profile")).json()
    assert "refresh_token" not in body
    assert works(simulator, body)


def test_a_refresh_invalidates_the_old_pair_at_once(simulator: RunningSimulator) -> None:
    first = exchange(simulator, new_code(simulator)).json()
    second = refresh(simulator, first["refresh_token"]).json()
    assert second["scope"] == SCOPES
    assert works(simulator, second)
    assert not works(simulator, first)
    assert_refused(refresh(simulator, first["refresh_token"]), 400, "invalid_grant")
    assert works(simulator, second), "reuse of a used token changes nothing"


@pytest.mark.parametrize("scope", ["offline", "", SCOPES, "read:cycles", "read:profile offline"])
def test_a_refresh_may_name_granted_scopes_and_keeps_them_all(
    simulator: RunningSimulator, scope: str
) -> None:
    first = exchange(simulator, new_code(simulator)).json()
    answer = refresh(simulator, first["refresh_token"], scope=scope)
    assert answer.status_code == 200
    assert answer.json()["scope"] == SCOPES


@pytest.mark.parametrize("scope", ["read:sleep", "offline read:sleep", "read:profile offline write:all"])
def test_a_refresh_may_not_name_more_than_was_granted(simulator: RunningSimulator, scope: str) -> None:
    first = exchange(simulator, new_code(simulator, scope="read:profile offline")).json()
    assert_refused(refresh(simulator, first["refresh_token"], scope=scope), 400, "invalid_scope")
    assert refresh(simulator, first["refresh_token"], scope="read:profile").status_code == 200


def test_an_access_token_expires_after_expires_in(simulator: RunningSimulator) -> None:
    body = exchange(simulator, new_code(simulator)).json()
    simulator.world.advance(body["expires_in"] - 1)
    assert works(simulator, body)
    simulator.world.advance(1)
    assert not works(simulator, body)
    assert works(simulator, refresh(simulator, body["refresh_token"]).json())


def test_the_lifetime_is_configurable() -> None:
    with RunningSimulator(members=1, days=1, app=App(access_token_seconds=20)) as simulator:
        assert exchange(simulator, new_code(simulator)).json()["expires_in"] == 20


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        (
            {"client_secret": "wrong", "grant_type": "refresh_token", "refresh_token": "x"},
            401,
            "invalid_client",
        ),
        ({"client_id": "wrong", "grant_type": "refresh_token", "refresh_token": "x"}, 401, "invalid_client"),
        ({"grant_type": "refresh_token", "refresh_token": "rubbish"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token"}, 400, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "x"}, 400, "invalid_request"),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        ({}, 400, "invalid_request"),
    ],
)
def test_the_token_endpoint_refuses_invalid_requests(
    simulator: RunningSimulator, form: dict[str, str], status: int, error: str
) -> None:
    assert_refused(ask(simulator, **form), status, error)


def test_invalid_grant_has_the_text_of_the_real_api(simulator: RunningSimulator) -> None:
    sentence = refresh(simulator, "rubbish").json()["error_description"]
    assert sentence.startswith("The provided authorization grant")


def test_credentials_are_read_only_from_the_body(simulator: RunningSimulator) -> None:
    form = {"grant_type": "authorization_code", "code": new_code(simulator), "redirect_uri": REDIRECT}
    answer = httpx.post(
        f"{simulator.oauth_url}/token",
        data=form,
        auth=(CLIENT["client_id"], CLIENT["client_secret"]),
        timeout=60,
    )
    assert_refused(answer, 401, "invalid_client")


def test_the_token_endpoint_reads_only_forms(simulator: RunningSimulator) -> None:
    form = {**CLIENT, "grant_type": "refresh_token", "refresh_token": "x"}
    assert_refused(
        httpx.post(f"{simulator.oauth_url}/token", json=form, timeout=60, verify=NO_CERTIFICATES),
        400,
        "invalid_request",
    )


def test_a_wrong_method_gets_a_405_with_the_allowed_methods(simulator: RunningSimulator) -> None:
    for method, url, allowed in (
        ("GET", f"{simulator.oauth_url}/token", {"POST"}),
        ("DELETE", f"{simulator.oauth_url}/auth", {"GET", "HEAD", "POST"}),
        ("POST", f"{simulator.api_url}/v2/cycle", {"GET"}),
        ("GET", f"{simulator.api_url}/v2/user/access", {"DELETE"}),
        ("PUT", f"{simulator.base_url}/_control/stats", {"GET", "HEAD"}),
    ):
        answer = httpx.request(method, url, timeout=60, verify=NO_CERTIFICATES)
        assert answer.status_code == 405
        assert {name.strip() for name in answer.headers["Allow"].split(",")} == allowed


def test_revoking_ends_the_grant(simulator: RunningSimulator, api: Api) -> None:
    answer = api.http.delete("/v2/user/access")
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get("/v2/cycle").status_code == 401
    assert_refused(refresh(simulator, api.tokens["refresh_token"]), 400, "invalid_grant")


def test_a_test_can_expire_and_revoke_tokens(simulator: RunningSimulator, api: Api) -> None:
    simulator.control.post("tokens/expire", user_id=api.user_id)
    assert api.get("/v2/cycle").status_code == 401
    fresh = refresh(simulator, api.tokens["refresh_token"]).json()
    assert works(simulator, fresh)
    simulator.control.post("tokens/revoke", user_id=api.user_id)
    assert not works(simulator, fresh)
    assert_refused(refresh(simulator, fresh["refresh_token"]), 400, "invalid_grant")


def test_token_requests_are_counted_separately(simulator: RunningSimulator) -> None:
    first = exchange(simulator, new_code(simulator)).json()
    refresh(simulator, first["refresh_token"])
    refresh(simulator, first["refresh_token"])
    stats = simulator.control.get("stats")
    assert (stats["requests"], stats["token_requests"]) == (0, 3)
    assert (stats["refreshes"], stats["invalid_grant"]) == (1, 1)
    assert stats["now"] == datetime(2026, 11, 20, 15, tzinfo=UTC).isoformat(timespec="milliseconds").replace(
        "+00:00", "Z"
    )


def test_a_refresh_token_can_expire_and_a_refresh_extends_the_grant() -> None:
    world = make_world(app=App(refresh_token_seconds=7200))
    with RunningSimulator(world=world) as served:
        first = world.issue_tokens(world.user_ids[0])
        world.advance(7199)
        second = refresh(served, first["refresh_token"]).json()
        world.advance(7199)
        third = refresh(served, second["refresh_token"]).json()
        world.advance(7200)
        assert_refused(refresh(served, third["refresh_token"]), 400, "invalid_grant")
        assert world.stats()["invalid_grant"] == 1


def test_a_refresh_token_never_expires_by_default(simulator: RunningSimulator, api: Api) -> None:
    simulator.world.advance(3 * 365 * 86_400)
    assert refresh(simulator, api.tokens["refresh_token"]).status_code == 200
