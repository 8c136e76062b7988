"""A newly issued token pair is kept through every later error, because no copy of it exists."""

import signal
from datetime import timedelta

import pytest

from whoop_assets.cli.connect.given_tokens import NotConfirmed, TokensOfTwo, connect_pair
from whoop_assets.errors import BudgetExhausted
from whoop_assets.sync.members.connecting import ScopesMissing, connect_with_code
from whoop_assets.tokens import store as token_store
from whoop_assets.whoop_api.http import rate_limit_headers
from whoop_assets.whoop_api.scopes import SCOPES
from whoop_assets_tests.support.home import at_home, frozen_world


@pytest.fixture
def home(database_url):
    with at_home(database_url, frozen_world(members=2, days=5), connect=False) as home:
        home.members = list(home.world.user_ids)
        yield home


def stored(home, user_id):
    with home.database.read() as connection:
        return token_store.load(connection, user_id, home.connection.cipher)


def exhaust_the_budget(home):
    """Let WHOOP state that the next two hours have no request left."""
    limited = {
        "X-RateLimit-Limit": "100, 100;window=60",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "7200",
    }
    home.connection.budget.observe(429, rate_limit_headers.parse(limited))


def connect_given(home, user_id):
    given = home.world.issue_tokens(user_id)
    return connect_pair(home.connection, given["access_token"], given["refresh_token"])


@pytest.mark.parametrize("fault", ["503", "budget", "ctrl-c"])
def test_an_error_after_the_exchange_of_given_tokens_keeps_the_pair(home, fault):
    error_after_exchange = {
        "503": lambda: home.world.inject_fault(
            "status", status=503, count=None, path_prefix="/v2/user/profile"
        ),
        "budget": lambda: exhaust_the_budget(home),
        "ctrl-c": lambda: home.at_response(
            "/developer/v2/user/profile", lambda: signal.raise_signal(signal.SIGINT)
        ),
    }[fault]
    home.at_response("/oauth/oauth2/token", error_after_exchange)
    with pytest.raises(KeyboardInterrupt if fault == "ctrl-c" else NotConfirmed) as error:
        connect_given(home, home.member)
    if fault != "ctrl-c":
        assert f"Member {home.member} is connected" in str(error.value)
    home.advance(timedelta(hours=3))
    home.world.clear_faults()
    assert home.connection.client(home.member, "backfill").profile().payload["user_id"] == home.member


def test_tokens_of_two_members_change_no_connected_member(home):
    connected, other = home.members
    home.connect(connected)
    pair, row = stored(home, connected), home.rows("members")[connected]
    given, others = home.world.issue_tokens(connected), home.world.issue_tokens(other)
    with pytest.raises(TokensOfTwo):
        connect_pair(home.connection, given["access_token"], others["refresh_token"])
    kept = stored(home, connected)
    assert (kept.access_token, kept.refresh_token) == (pair.access_token, pair.refresh_token)
    assert kept.fence > pair.fence
    assert home.rows("members") == {connected: row}


def test_given_tokens_without_required_scopes_are_rejected_before_the_exchange(home):
    given = home.world.issue_tokens(home.member, ["offline", "read:profile"])
    with pytest.raises(ScopesMissing, match="read:cycles"):
        connect_pair(home.connection, given["access_token"], given["refresh_token"])
    assert home.world.stats()["token_requests"] == 0


def test_with_an_exhausted_budget_the_code_is_not_used(home):
    home.connection.budget.acquire("webhook")
    exhaust_the_budget(home)
    oauth = home.connection.oauth
    state = oauth.new_state()
    redirect = home.simulator.consent(oauth.authorization_url(SCOPES, state), home.member)
    code = oauth.read_redirect(redirect, state)
    with pytest.raises(BudgetExhausted):
        connect_with_code(home.connection, code)
    assert home.world.stats()["token_requests"] == 0
    home.advance(timedelta(hours=3))
    assert home.rows("tokens") == {}
