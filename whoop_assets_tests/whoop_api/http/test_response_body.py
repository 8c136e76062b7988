"""Reading responses: JSON, headers, redirects."""

import json
import math
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from whoop_assets.whoop_api.http.response_body import RawResponse, receive
from whoop_assets.whoop_api.models import Workout
from whoop_assets_tests.whoop_api.records import sample

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def received(body: bytes) -> RawResponse:
    return RawResponse(200, {}, body)


def with_types(value: Any) -> Any:
    """Return the value with its types, because 1, 1.0 and true are equal, and so are 0.0 and -0.0."""
    if isinstance(value, dict):
        return {name: with_types(item) for name, item in value.items()}
    return [with_types(item) for item in value] if isinstance(value, list) else (type(value), repr(value))


@given(value=ANY_JSON, ascii_only=st.booleans())
def test_json_equals_that_of_pythons_parser(value: Any, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    try:
        body = text.encode()
    except UnicodeEncodeError:  # a lone surrogate can only be sent as an escape
        body = json.dumps(value).encode()
    assert with_types(received(body).json()) == with_types(json.loads(body))


@pytest.mark.parametrize("number", ["1e999", "-1e999", "NaN", "Infinity", "-Infinity", "1" * 400 + ".0"])
def test_non_finite_numbers_are_parsed(number: str) -> None:
    read = received(f'{{"a": [1, {number}], "b": 0.5}}'.encode()).json()
    assert (read["a"][0], read["b"]) == (1, 0.5)
    assert isinstance(read["a"][1], float)
    assert not math.isfinite(read["a"][1])


def workout_with_not_a_number(field: str) -> Any:
    raw = sample("workouts")
    (raw["score"] if field in raw["score"] else raw)[field] = "here"
    return received(json.dumps(raw).replace('"here"', "NaN").encode()).json()


@pytest.mark.parametrize("field", ["score_state", "start", "id", "sport_name"])
def test_a_non_finite_number_is_an_error_in_a_required_field(field: str) -> None:
    with pytest.raises(ValidationError):
        Workout.model_validate(workout_with_not_a_number(field))


@pytest.mark.parametrize("field", ["strain", "distance_meter", "sport_id"])
def test_a_non_finite_measurement_becomes_none(field: str) -> None:
    workout = Workout.model_validate(workout_with_not_a_number(field))
    value = getattr(workout.score if field in ("strain", "distance_meter") else workout, field)
    assert value is None


@pytest.mark.parametrize("surrogate", [rb"\ud800", b"\xed\xa0\x80"], ids=["escaped", "as bytes"])
def test_lone_surrogates_are_parsed(surrogate: bytes) -> None:
    assert received(b'{"a": "%s", "b": 1.5}' % surrogate).json() == {"a": "\ud800", "b": 1.5}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"{}x", b"\xff\xfe\xfd", b"'a'", b'"\xff"', b"1" * 5000, b"[" * 100_000]
)
def test_a_body_that_is_not_json_is_an_error(body: bytes) -> None:
    with pytest.raises((ValueError, RecursionError)):
        received(body).json()


def test_repeated_headers_are_joined() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        lines = [
            ("X-RateLimit-Limit", "100"),
            ("x-ratelimit-limit", "100;window=60"),
            ("X-RateLimit-Reset", "3"),
        ]
        return httpx.Response(200, headers=lines, content=b"{}")

    with httpx.Client(transport=httpx.MockTransport(respond)) as http:
        headers = receive(http, http.build_request("GET", "http://whoop.test/")).headers
    assert headers["x-ratelimit-limit"] == "100, 100;window=60"
    assert headers["x-ratelimit-reset"] == "3"


def test_redirects_are_not_followed() -> None:
    requested = []

    def respond(request: httpx.Request) -> httpx.Response:
        requested.append(request.url.host)
        return httpx.Response(302, headers={"Location": "http://elsewhere.test/"})

    transport = httpx.MockTransport(respond)
    with httpx.Client(transport=transport, follow_redirects=True) as http:
        response = receive(http, http.build_request("GET", "http://whoop.test/"))
    assert response.status_code == 302
    assert requested == ["whoop.test"]


def test_a_request_with_a_closed_client_is_an_error() -> None:
    http = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200)))
    request = http.build_request("GET", "http://whoop.test/")
    http.close()
    with pytest.raises(RuntimeError, match="closed"):
        receive(http, request)


def test_the_largest_and_smallest_floats_are_parsed() -> None:
    assert received(b"[1.7976931348623157e308, 5e-324, -0.0]").json() == [
        1.7976931348623157e308,
        5e-324,
        0.0,
    ]
    assert math.copysign(1, received(b"-0.0").json()) == -1
