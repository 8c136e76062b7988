"""Paths of single records, revoking a grant, and scopes."""

from pathlib import Path
from uuid import UUID

import httpx
import pytest

from whoop_assets.errors import ReconnectionNeeded
from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.errors import InvalidIdentifier, NotFound, UnreadableResponse
from whoop_assets.whoop_api.scopes import REQUIRED_SCOPES, SCOPE_OF, SCOPES, allows, missing
from whoop_assets.whoop_api.streams import CYCLES, RECOVERIES, SLEEPS, STREAMS, WORKOUTS, Stream
from whoop_assets_tests.whoop_api.doubles import Bench, TokenRow, ok
from whoop_assets_tests.whoop_api.records import BODY, PROFILE, SLEEP_ID, sample


@pytest.mark.parametrize(
    ("call", "path"),
    [
        (lambda client: client.profile(), "/v2/user/profile/basic"),
        (lambda client: client.body_measurement(), "/v2/user/measurement/body"),
        (lambda client: client.record(CYCLES, 93845), "/v2/cycle/93845"),
        (lambda client: client.record(SLEEPS, UUID(SLEEP_ID)), f"/v2/activity/sleep/{SLEEP_ID}"),
        (lambda client: client.record(WORKOUTS, SLEEP_ID.upper()), f"/v2/activity/workout/{SLEEP_ID}"),
        (lambda client: client.record(RECOVERIES, "93845"), "/v2/cycle/93845/recovery"),
        (lambda client: client.cycle_sleep(93845), "/v2/cycle/93845/sleep"),
        (lambda client: client.activity_mapping(2**63 - 1), "/v1/activity-mapping/9223372036854775807"),
    ],
)
def test_each_record_is_requested_at_its_path(call, path: str) -> None:
    bench = Bench(ok({"user_id": 10129}))
    response = call(bench.client)
    assert bench.server.requests[0].method == "GET"
    assert bench.server.requests[0].url.path == "/developer" + path
    assert bench.server.requests[0].url.query == b""
    assert response.endpoint == path
    assert response.payload == {"user_id": 10129}


@pytest.mark.parametrize(
    ("stream", "key"),
    [
        (CYCLES, SLEEP_ID),
        (CYCLES, "../user/profile/basic"),
        (CYCLES, ""),
        (CYCLES, -1),
        (CYCLES, 2**63),
        (CYCLES, True),
        (CYCLES, "\u0661"),
        (CYCLES, "5\n"),
        (RECOVERIES, SLEEP_ID),
        (SLEEPS, 93845),
        (SLEEPS, SLEEP_ID + "?x=1"),
        (SLEEPS, SLEEP_ID.replace("-", "")),
        (WORKOUTS, "../../cycle/1"),
        (WORKOUTS, ""),
    ],
)
def test_an_invalid_id_is_an_error_before_the_request(stream: Stream, key: int | str) -> None:
    bench = Bench(ok({}))
    with pytest.raises(InvalidIdentifier):
        bench.client.record(stream, key)
    assert bench.server.requests == []
    assert bench.budget.lanes == []


def test_a_404_is_a_not_found_error() -> None:
    with pytest.raises(NotFound):
        Bench(httpx.Response(404)).client.record(RECOVERIES, 93845)


@pytest.mark.parametrize("payload", [None, [], [PROFILE], "text", 5])
def test_a_response_that_is_not_an_object_is_an_error(payload: object) -> None:
    with pytest.raises(UnreadableResponse) as caught:
        Bench(ok(payload)).client.profile()
    assert not caught.value.transient
    assert "Jo" not in str(caught.value)


def test_revoking_accepts_a_204_without_a_body() -> None:
    bench = Bench(httpx.Response(204))
    bench.client.revoke_access()
    assert bench.server.requests[0].method == "DELETE"
    assert bench.server.requests[0].url.path == "/developer/v2/user/access"
    assert [status for status, _ in bench.budget.observed] == [204]


def test_a_401_after_a_lost_response_means_that_the_grant_is_revoked() -> None:
    bench = Bench(httpx.ReadError("reset"), httpx.Response(401), tokens=TokenRow("only"))
    bench.client.revoke_access()
    bench = Bench(httpx.Response(401), tokens=TokenRow("only"))
    with pytest.raises(ReconnectionNeeded):
        bench.client.revoke_access()


def test_the_key_of_a_recovery_is_its_sleep_id() -> None:
    assert [stream.key for stream in STREAMS.values()] == ["id", "id", "sleep_id", "id"]
    assert RECOVERIES.key in sample("recoveries")


def test_scopes_have_whoops_names() -> None:
    assert [stream.scope for stream in STREAMS.values()] == [
        "read:cycles",
        "read:sleep",
        "read:recovery",
        "read:workout",
    ]
    assert set(SCOPES) == {
        "offline",
        "read:profile",
        "read:body_measurement",
        "read:cycles",
        "read:sleep",
        "read:recovery",
        "read:workout",
    }


def test_granted_scopes_determine_readable_streams_and_missing_scopes() -> None:
    granted = frozenset({"offline", "read:cycles", "read:sleep"})
    assert [name for name in SCOPE_OF if allows(granted, name)] == ["cycles", "sleeps"]
    assert missing(granted) == {"read:profile"}
    assert missing(granted, SCOPES) == frozenset(SCOPES) - granted
    assert missing(REQUIRED_SCOPES) == frozenset()


def test_a_body_measurement_is_returned_as_received() -> None:
    client: WhoopClient = Bench(ok(BODY)).client
    assert client.body_measurement().payload == BODY


def test_the_documentation_names_every_path_and_scope() -> None:
    page = (Path(__file__).parents[2] / "docs" / "whoop-api.md").read_text(encoding="utf-8")
    for stream in STREAMS.values():
        assert f"`{stream.path}`" in page
        assert f"`{stream.scope}`" in page
