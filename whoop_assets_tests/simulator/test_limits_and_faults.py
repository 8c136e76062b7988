"""Rate limits in WHOOP's form, and injected faults."""

import time
from collections.abc import Iterator

import httpx
import pytest

from whoop_assets_tests.simulator.conftest import PATHS, Api, make_world
from whoop_simulator.http.limits import AppRateLimits
from whoop_simulator.running import RunningSimulator
from whoop_simulator.timestamps import DAY, MINUTE, SECOND


@pytest.fixture
def limited() -> Iterator[RunningSimulator]:
    world = make_world(members=2, limits=True, requests_per_minute=5, requests_per_day=12)
    with RunningSimulator(world=world) as simulator:
        yield simulator


def test_the_headers_have_whoops_form() -> None:
    verdict = AppRateLimits(100, 10_000).count(20_000 * DAY + 57 * SECOND)
    assert verdict.allowed
    assert dict(verdict.headers) == {
        "X-RateLimit-Limit": "100, 100;window=60, 10000;window=86400",
        "X-RateLimit-Remaining": "99",
        "X-RateLimit-Reset": "3",
    }


def test_requests_of_all_members_count_and_excess_requests_get_429(limited: RunningSimulator) -> None:
    first, second = (Api(limited, user_id) for user_id in limited.world.user_ids)
    assert [api.get("/v2/cycle").status_code for api in (first, second, first, second, first)] == [200] * 5
    refused = second.get("/v2/user/profile/basic")
    assert (refused.status_code, refused.content) == (429, b"")
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert refused.headers["x-ratelimit-reset"] == "60"
    assert "retry-after" not in refused.headers
    limited.world.advance(60)
    assert second.get("/v2/cycle").status_code == 200
    assert limited.control.get("stats")["limited"] == 1
    assert limited.control.get("stats")["worst_minute"] == 6


def test_refused_tokens_count_too_and_the_token_endpoint_does_not(limited: RunningSimulator) -> None:
    for _ in range(5):
        assert httpx.get(f"{limited.api_url}/v2/cycle", timeout=60).status_code == 401
    assert httpx.get(f"{limited.api_url}/v2/cycle", timeout=60).status_code == 429
    assert httpx.post(f"{limited.oauth_url}/token", timeout=60).status_code == 400


def test_the_headers_show_the_limit_with_fewest_requests_left(limited: RunningSimulator) -> None:
    api = Api(limited, limited.world.user_ids[0])
    for _ in range(2):
        for _ in range(5):
            api.get("/v2/cycle")
        limited.world.advance(60)
    answer = api.get("/v2/cycle")
    assert answer.headers["x-ratelimit-limit"] == "12, 5;window=60, 12;window=86400"
    assert answer.headers["x-ratelimit-remaining"] == "1"
    assert int(answer.headers["x-ratelimit-reset"]) == 9 * 3600 - 120
    assert api.get("/v2/cycle").status_code == 200
    limited.world.advance(60)
    assert api.get("/v2/cycle").status_code == 429
    limited.world.advance(9 * 3600)
    limited.world.issue_tokens(api.user_id)
    assert Api(limited, api.user_id).get("/v2/cycle").status_code == 200


def test_the_worst_minute_is_a_sliding_one() -> None:
    limits = AppRateLimits(10, 1000)
    for second in (50, 51, 52, 65, 66, 120):
        limits.count(1000 * MINUTE + second * SECOND)
    assert limits.worst_minute == 5


def test_limits_can_be_changed_and_switched_off(simulator: RunningSimulator, api: Api) -> None:
    assert not any(name.startswith("x-ratelimit") for name in api.get("/v2/cycle").headers)
    simulator.control.post("limits", per_minute=300, per_day=40_000)
    assert api.get("/v2/cycle").headers["x-ratelimit-limit"] == "300, 300;window=60, 40000;window=86400"


def test_a_status_fault_affects_the_given_number_of_requests(simulator: RunningSimulator, api: Api) -> None:
    simulator.control.post("faults", kind="status", status=503, count=2, path_prefix="/v2/cycle")
    assert api.get("/v2/recovery").status_code == 200
    assert [api.get("/v2/cycle").status_code for _ in range(3)] == [503, 503, 200]


def test_a_share_of_the_requests_can_fail(simulator: RunningSimulator, api: Api) -> None:
    simulator.control.post("faults", kind="status", probability=0.5)
    failed = [api.get("/v2/cycle", limit=1).status_code for _ in range(40)].count(500)
    assert 8 < failed < 32
    simulator.control.post("faults", clear=True)
    assert {api.get("/v2/cycle", limit=1).status_code for _ in range(20)} == {200}


def test_a_fault_can_truncate_reset_or_replace_a_response(simulator: RunningSimulator, api: Api) -> None:
    simulator.world.inject_fault("truncate")
    with pytest.raises(httpx.RemoteProtocolError):
        api.get("/v2/cycle")
    simulator.world.inject_fault("reset")
    with pytest.raises(httpx.TransportError):
        api.get("/v2/cycle")
    simulator.world.inject_fault("not_json")
    answer = api.get("/v2/cycle")
    assert answer.status_code == 200
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()
    assert api.get("/v2/cycle").status_code == 200
    assert [logged.status for logged in simulator.world.request_log] == [200, 0, 200, 200]


def test_a_fault_can_return_any_response(simulator: RunningSimulator, api: Api) -> None:
    simulator.control.post("faults", kind="answer", status=302, headers={"Location": "/elsewhere"})
    answer = api.get("/v2/cycle")
    assert (answer.status_code, answer.headers["location"]) == (302, "/elsewhere")
    simulator.control.post("faults", kind="answer", body='{"records": null}')
    answer = api.get("/v2/cycle")
    assert (answer.status_code, answer.text) == (200, '{"records": null}')
    with pytest.raises(RuntimeError, match="body must be a text"):
        simulator.control.post("faults", kind="answer", body=["text"])


def test_a_response_can_drip(simulator: RunningSimulator, api: Api) -> None:
    whole = api.get("/v2/cycle").content
    simulator.world.inject_fault("drip", seconds=0)
    with api.http.stream("GET", "/v2/cycle") as dripping:
        pieces = list(dripping.iter_raw())
    assert b"".join(pieces) == whole
    assert len(pieces) > 1


def test_endless_pages_are_empty_and_have_new_cursors(simulator: RunningSimulator, api: Api) -> None:
    simulator.world.inject_fault("endless", count=None)
    tokens = [None]
    for _ in range(5):
        page = api.get("/v2/cycle", nextToken=tokens[-1] or "").json()
        assert page["records"] == []
        tokens.append(page["next_token"])
    assert len(set(tokens)) == 6


def test_latency_delays_no_other_request(simulator: RunningSimulator, api: Api) -> None:
    simulator.world.inject_fault("latency", seconds=0.2)
    start = time.monotonic()
    assert api.get("/v2/cycle").status_code == 200
    assert time.monotonic() - start >= 0.2


def test_a_repeated_cursor_returns_the_same_page(simulator: RunningSimulator, api: Api) -> None:
    first = api.get("/v2/cycle").json()
    simulator.world.inject_fault("repeat_cursor")
    assert api.get("/v2/cycle", nextToken=first["next_token"]).json()["next_token"] == first["next_token"]


def test_a_lost_response_to_a_refresh_loses_the_grant(simulator: RunningSimulator, api: Api) -> None:
    simulator.world.inject_fault("reset", path_prefix="/oauth/oauth2/token")
    form = {
        "client_id": "whoop-simulator",
        "client_secret": "simulator-secret",
        "grant_type": "refresh_token",
        "refresh_token": api.tokens["refresh_token"],
    }
    with pytest.raises(httpx.TransportError):
        httpx.post(f"{simulator.oauth_url}/token", data=form, timeout=60)
    assert api.get("/v2/cycle").status_code == 401
    assert (
        httpx.post(f"{simulator.oauth_url}/token", data=form, timeout=60).json()["error"] == "invalid_grant"
    )


def test_an_unknown_fault_is_refused_with_one_sentence(simulator: RunningSimulator) -> None:
    with pytest.raises(RuntimeError, match="fault kind 'gremlin' is not known: use one of"):
        simulator.control.post("faults", kind="gremlin")


def test_every_request_is_logged(simulator: RunningSimulator, api: Api) -> None:
    api.get(PATHS["sleeps"], limit=3)
    api.get("/v2/nonsense")
    logged = simulator.world.request_log
    assert [(entry.method, entry.path, entry.query, entry.status) for entry in logged] == [
        ("GET", "/v2/activity/sleep", {"limit": "3"}, 200),
        ("GET", "/v2/nonsense", {}, 404),
    ]
    assert simulator.world.requests == 2
    log = simulator.control.get("requests")
    assert [(entry["path"], entry["status"]) for entry in log] == [
        ("/v2/activity/sleep", 200),
        ("/v2/nonsense", 404),
    ]
