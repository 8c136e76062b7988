"""Waits after the token endpoint answered 429. `sync/tokens/test_refresh.py` tests the refresh itself."""

import pytest

from whoop_assets.tokens.refresh import TokenRateLimit
from whoop_assets.whoop_api.errors import RateLimited


def limited(retry_after=None):
    return RateLimited("Too many.", retry_after=retry_after)


def test_the_wait_doubles_from_one_second_until_a_minute_is_spent():
    limit = TokenRateLimit()
    assert [limit.seconds_to_wait(limited()) for _ in range(5)] == [1, 2, 4, 8, 16]
    with pytest.raises(RateLimited):
        limit.seconds_to_wait(limited())


def test_a_stated_wait_is_obeyed_if_it_is_longer():
    limit = TokenRateLimit()
    assert limit.seconds_to_wait(limited(0.5)) == 1
    assert limit.seconds_to_wait(limited(59)) == 59


def test_a_wait_of_exactly_a_minute_is_made_and_a_longer_one_is_an_error():
    assert TokenRateLimit().seconds_to_wait(limited(60)) == 60
    error = limited(60.1)
    with pytest.raises(RateLimited) as raised:
        TokenRateLimit().seconds_to_wait(error)
    assert raised.value is error
