"""Parsing WHOOP's rate-limit headers."""

from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.whoop_api.http.rate_limit_headers import parse, seconds_to_wait
from whoop_assets.whoop_api.protocols import RateLimit

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def headers(limit: str, remaining: str = "98", reset: str = "3") -> dict[str, str]:
    return {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": remaining, "X-RateLimit-Reset": reset}


def test_the_example_of_whoops_documentation_is_parsed() -> None:
    received = headers("100, 100;window=60, 10000;window=86400")
    assert parse(received) == RateLimit(((100, 60), (10000, 86400)), 100, 98, 3.0)


@pytest.mark.parametrize(
    "limit",
    [
        "100,100;window=60,10000;window=86400",
        "  100 ,\t100 ; window = 60 ,  10000;window=86400  ",
        '100, 100;window=60;comment="burst", 10000;window=86400',
        "100, 100;Window=60, nonsense, 10000;window=86400,",
    ],
)
def test_spaces_comments_and_unknown_parts_are_ignored(limit: str) -> None:
    parsed = parse(headers(limit, " 98 ", " 3 "))
    assert parsed is not None
    assert parsed.limits == ((100, 60), (10000, 86400))


def test_a_single_number_is_the_nearest_limit() -> None:
    assert parse(headers("10000", "0", "40000.5")) == RateLimit((), 10000, 0, 40000.5)


def test_header_names_are_case_insensitive() -> None:
    assert parse(httpx.Headers({key.lower(): value for key, value in headers("100").items()})) is not None


@pytest.mark.parametrize(
    "received",
    [
        {},
        {"X-RateLimit-Limit": "100"},
        headers(""),
        headers("many"),
        headers("-100"),
        headers("100;window=60"),
        headers("100", "-1"),
        headers("100", "98.5"),
        headers("100", "98", "soon"),
        headers("100", "98", "-3"),
        headers("100", "98", "nan"),
        headers("100", "98", "1e9"),
        headers("\u0661\u0660\u0660"),
        headers("9" * 5000),
    ],
)
def test_unreadable_headers_give_none(received: dict[str, str]) -> None:
    assert parse(received) is None


@given(st.dictionaries(st.sampled_from(list(headers("x"))), st.text()))
def test_no_header_value_raises_an_error(received: dict[str, str]) -> None:
    parse(received)
    seconds_to_wait({**received, "Retry-After": received.get("X-RateLimit-Limit", "")}, NOW, limited=True)


COUNTS = st.integers(0, 10**9)
SPACE = st.sampled_from(["", " ", "  ", "\t"])
WINDOWS = st.integers(1, 86_400)
POLICIES = st.lists(st.tuples(COUNTS, WINDOWS), unique_by=lambda policy: policy[1])


@given(COUNTS, POLICIES, COUNTS, WINDOWS, SPACE)
def test_any_limits_are_parsed_back(
    nearest: int, limits: list[tuple[int, int]], remaining: int, reset: int, space: str
) -> None:
    policies = [f"{count}{space};{space}window={window}" for count, window in limits]
    text = f"{space},{space}".join([str(nearest), *policies])
    assert parse(headers(text, str(remaining), str(reset))) == RateLimit(
        tuple(limits), nearest, remaining, reset
    )


@pytest.mark.parametrize(
    ("received", "seconds"),
    [
        ({"X-RateLimit-Reset": "3", "Retry-After": "50"}, 3.0),
        ({"Retry-After": "50"}, 50.0),
        ({"Retry-After": "Fri, 20 Nov 2026 12:01:30 GMT"}, 90.0),
        ({"Retry-After": "Fri, 20 Nov 2026 12:01:30 -0000"}, 90.0),
        ({"Retry-After": "Fri, 20 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "later"}, None),
        ({}, None),
    ],
)
def test_a_limited_request_waits_for_the_reset_or_retry_after(
    received: dict[str, str], seconds: float | None
) -> None:
    assert seconds_to_wait(received, NOW, limited=True) == seconds


def test_after_a_fault_only_retry_after_counts() -> None:
    assert seconds_to_wait({"X-RateLimit-Reset": "3"}, NOW, limited=False) is None
    assert seconds_to_wait({"X-RateLimit-Reset": "3", "Retry-After": "7"}, NOW, limited=False) == 7.0


@pytest.mark.parametrize("window", ["0", "86401", "99999999999"])
def test_an_implausible_window_is_ignored(window: str) -> None:
    parsed = parse(headers(f"100, 100;window=60, 5;window={window}"))
    assert parsed is not None
    assert parsed.limits == ((100, 60),)


def test_an_implausible_limit_is_ignored_and_the_smaller_of_two_limits_counts() -> None:
    parsed = parse(headers("100, 2147483648;window=3600, 100;window=60, 90;window=60"))
    assert parsed is not None
    assert parsed.limits == ((90, 60),)


@pytest.mark.parametrize("reset", ["1795262400", "86401", "999999999999"])
def test_a_reset_that_is_an_epoch_or_longer_than_a_day_is_ignored(reset: str) -> None:
    assert parse(headers("100, 100;window=60", "0", reset)) is None
    assert seconds_to_wait({"X-RateLimit-Reset": reset}, NOW, limited=True) is None
