"""The shared retry policy: how long to wait, when to repeat, and what Retry-After says."""

import random
from datetime import UTC, datetime

import pytest
import tenacity
from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.errors import SinkUnavailable, WhoopError
from whoop_assets.retry import Backoff, parse_retry_after, retrying
from whoop_assets_tests.support.manual_clock import ManualClock

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("50", 50.0),
        (" 1.5 ", 1.5),
        ("Fri, 20 Nov 2026 12:01:30 GMT", 90.0),
        ("Fri, 20 Nov 2026 12:01:30 -0000", 90.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("1795262400", None),
        ("Fri, 20 Nov 2026 99:00:00 GMT", None),
        ("later", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@given(st.text())
def test_retry_after_never_raises(value: str) -> None:
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or 0.0 <= seconds <= 86_400.0


def test_waits_double_up_to_the_maximum() -> None:
    backoff = Backoff(random.Random(1), max_seconds=4.0)
    longest = [max(backoff.seconds(attempts) for _ in range(500)) for attempts in (1, 2, 3, 4, 9)]
    assert longest == pytest.approx([1.0, 2.0, 4.0, 4.0, 4.0], rel=0.05)


def test_a_stated_wait_replaces_the_backoff() -> None:
    waits = [Backoff(random.Random(seed)).seconds(9, 40.0) for seed in range(100)]
    assert all(40.0 <= wait <= 40.5 for wait in waits)


def test_a_transient_error_is_retried_and_the_last_one_is_raised_unchanged() -> None:
    clock = ManualClock(NOW)
    errors = [SinkUnavailable("first"), SinkUnavailable("second"), SinkUnavailable("third")]
    remaining = list(errors)

    def fail() -> None:
        raise remaining.pop(0)

    caller = retrying(clock, wait=lambda state: 10.0, stop=tenacity.stop_after_attempt(3))
    with pytest.raises(SinkUnavailable) as caught:
        caller(fail)
    assert caught.value is errors[2]
    assert (clock.now() - NOW).total_seconds() == 20.0


def test_an_error_that_is_not_transient_is_raised_at_once() -> None:
    attempts = []

    def fail() -> None:
        attempts.append(1)
        raise WhoopError("definite")

    with pytest.raises(WhoopError, match="definite"):
        retrying(ManualClock(NOW), wait=lambda state: 1.0, stop=tenacity.stop_never)(fail)
    assert len(attempts) == 1
