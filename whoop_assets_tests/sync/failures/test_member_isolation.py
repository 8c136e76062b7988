"""One member's failure does not affect the others, unless it is WHOOP's request limit."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from whoop_assets.errors import BudgetExhausted, ConfigurationError
from whoop_assets.members import store as member_store
from whoop_assets.sync.load_members import LoadRequest, load_members
from whoop_assets.sync.members import membership
from whoop_assets.sync.session import ExhaustedBudget
from whoop_assets.tokens import cipher, tables
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import at_home, frozen_world

FIRST = TODAY - timedelta(days=3)


@pytest.fixture
def home(database_url):
    with at_home(database_url, frozen_world(members=3, days=10)) as home:
        yield home


def change_tokens(home, user_id, **values):
    with home.database.write() as connection:
        connection.execute(update(tables.tokens).where(tables.tokens.c.user_id == user_id).values(values))


def failed(result):
    return {failure.user_id: failure.transient for failure in result.failures}


def with_cycles(home):
    return {row["user_id"] for row in home.rows("cycles").values()}


def test_tokens_that_cannot_be_decrypted_fail_only_their_member(home):
    failing_member = sorted(home.members)[0]
    change_tokens(home, failing_member, key_id="0" * 16, access_token="broken")
    (result,) = home.load(FIRST, TODAY, ["cycles"])
    assert failed(result) == {failing_member: False}
    assert with_cycles(home) == set(home.members) - {failing_member}


def test_a_missing_key_is_an_error_before_any_request(home):
    with home.database.write() as connection:
        cipher.switch(connection, "0" * 16, home.clock.now())
    requests = home.world.stats()["requests"]
    with pytest.raises(ConfigurationError, match="fingerprint 0000000000000000"):
        home.load(FIRST, TODAY, ["cycles"])
    assert home.world.stats()["requests"] == requests


def limit_the_token_endpoint(home, count, reset):
    headers = {"X-RateLimit-Reset": reset}
    home.world.inject_fault("answer", status=429, count=count, path_prefix="/oauth", headers=headers)


def test_a_429_of_the_token_endpoint_is_retried_without_a_failure(home):
    change_tokens(home, sorted(home.members)[0], expires_at=home.clock.now())
    limit_the_token_endpoint(home, 2, "2")
    start = home.clock.now()
    (result,) = home.load(FIRST, TODAY, ["cycles"])
    assert failed(result) == {}
    assert timedelta(seconds=4) <= home.clock.now() - start < timedelta(seconds=10)
    assert home.world.stats()["refreshes"] == 1


def test_a_lasting_429_of_the_token_endpoint_fails_only_its_member(home):
    failing_member = sorted(home.members)[0]
    change_tokens(home, failing_member, expires_at=home.clock.now())
    limit_the_token_endpoint(home, None, "3600")
    start = home.clock.now()
    (result,) = home.load(FIRST, TODAY, ["cycles"])
    assert failed(result) == {failing_member: True}
    assert with_cycles(home) == set(home.members) - {failing_member}
    assert home.clock.now() - start < timedelta(minutes=2)


def test_a_member_erased_during_a_rejected_response_leaves_no_row(home):
    member = home.member
    home.world.inject_fault("answer", body='{"user_id": "mine"}', path_prefix="/v2/user/profile")

    def erase():
        with home.database.write([member]) as connection:
            membership.erase_member(connection, member)

    home.at_response("/developer/v2/user/profile", erase)
    (result,) = home.load(FIRST, TODAY, ["profile"], members=[member])
    assert result.failures == []
    assert home.rows("quarantine") == {}


def test_an_exhausted_budget_fails_only_members_that_need_a_request(home):
    needs_request, is_complete, must_reconnect = sorted(home.members)
    present = home.clock.now()
    request = LoadRequest("cycles", FIRST, TODAY, TODAY, present, present)
    load_members(home.connection, replace(request, members=(is_complete,)))
    with home.database.write() as connection:
        member_store.set_status(
            connection, must_reconnect, member_store.RECONNECTION_NEEDED, "the grant ended"
        )

    exhausted = BudgetExhausted("nothing before noon", retry_at=present)
    result = load_members(home.connection.without_requests(exhausted), request)
    assert {failure.user_id: failure.cause.split(":")[0] for failure in result.failures} == {
        needs_request: "nothing before noon",
        must_reconnect: f"Member {must_reconnect} must be connected again, because the grant ended",
    }
    assert result.to_reconnect == [must_reconnect]


class CountingExhaustedBudget(ExhaustedBudget):
    """An exhausted budget that counts how often a request was asked for."""

    asked = 0

    def acquire(self, lane):
        self.asked += 1
        return super().acquire(lane)


def test_an_exhausted_budget_is_detected_once(home):
    budget = CountingExhaustedBudget(BudgetExhausted("nothing before noon", retry_at=home.clock.now()))
    home.connection.budget = budget
    (result,) = home.load(FIRST, TODAY, ["cycles"])
    assert set(failed(result)) == set(home.members)
    assert budget.asked == 1
