"""The rate limit of an API key, for bursts and evenly spaced requests."""

from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.web.api.rate_limits import MAX_BUCKETS, MINUTE, ClientRateLimits


@given(rate=st.integers(1, 30), steps=st.lists(st.floats(0, 20), max_size=120))
def test_at_most_twice_the_limit_in_a_minute_and_the_limit_in_the_long_run(rate, steps):
    now, taken = 0.0, []
    limits = ClientRateLimits(lambda: now)
    for step in steps:
        now += step
        if limits.wait(1, rate) is None:
            taken.append(now)
    for moment in taken:
        assert sum(moment - MINUTE < earlier <= moment for earlier in taken) <= 2 * rate
    assert len(taken) <= rate + now * rate / MINUTE + 1e-6


@given(rate=st.integers(1, 100))
def test_a_request_succeeds_after_the_stated_wait_and_not_a_second_earlier(rate):
    now = 0.0
    limits = ClientRateLimits(lambda: now)
    for _ in range(rate):
        assert limits.wait(1, rate) is None
    seconds = limits.wait(1, rate)
    assert seconds is not None
    assert limits.wait(2, rate) is None
    now = seconds - 1.001
    assert limits.wait(1, rate) is not None
    now = float(seconds)
    assert limits.wait(1, rate) is None


def test_only_the_keys_that_were_used_last_are_kept():
    """Any number of addresses can send requests, so the number of buckets has a limit."""
    limits = ClientRateLimits(lambda: 0.0)
    assert limits.wait("first", 1) is None
    for other in range(MAX_BUCKETS - 1):
        limits.wait(other, 1)
    assert limits.wait("first", 1) is not None  # it was kept, and is now the one that was used last
    assert limits.wait("another", 1) is None
    assert limits.wait(1, 1) is not None
    assert limits.wait(0, 1) is None  # it made room
