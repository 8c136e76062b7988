"""A member's tokens: renewed in time, once, and never lost by us."""

from datetime import timedelta

import pytest

from whoop_assets.errors import ReconnectionNeeded
from whoop_assets.ingest.member_tokens import MemberTokens
from whoop_assets.warehouse import leases, tokens
from whoop_assets.whoop.errors import RefreshAnswerLost
from whoop_assets_tests.ingest.home import at_home, frozen_world


@pytest.fixture
def home(database_url):
    with at_home(database_url, frozen_world(days=5)) as home:
        yield home


def stored(home):
    with home.database.read() as connection:
        return tokens.load(connection, home.member, home.connection.cipher)


def profile(home):
    return home.connection.client(home.member, "backfill").profile()


def test_a_token_is_renewed_shortly_before_it_ends_and_the_new_pair_is_kept(home):
    first = stored(home)
    profile(home)
    assert stored(home) == first
    home.advance(timedelta(minutes=59, seconds=30))
    profile(home)
    assert home.world.stats()["refreshes"] == 1
    second = stored(home)
    assert second.access_token != first.access_token
    assert second.refresh_token != first.refresh_token
    assert second.expires_at > home.clock.now() + timedelta(minutes=55)


def test_a_token_that_whoop_rejects_is_renewed_once_and_the_request_answered(home):
    profile(home)
    home.world.expire_tokens(home.member)
    assert profile(home).payload["user_id"] == home.member
    assert home.world.stats()["refreshes"] == 1


def test_a_pair_that_another_process_renewed_is_used_and_not_renewed_again(home):
    profile(home)
    home.world.expire_tokens(home.member)
    another = MemberTokens(home.connection, home.member)
    another.after_rejection(another.access_token())
    assert home.world.stats()["refreshes"] == 1
    profile(home)
    assert home.world.stats()["refreshes"] == 1
    assert home.world.stats()["invalid_grant"] == 0


def test_a_spent_refresh_token_makes_the_member_reconnect_and_deletes_nothing(home):
    before = stored(home)
    home.world.revoke_tokens(home.member)
    with pytest.raises(ReconnectionNeeded, match=r"whoop-assets connect"):
        profile(home)
    assert home.rows("members")[home.member]["status"] == "reconnection_needed"
    assert stored(home).refresh_token == before.refresh_token
    home.connect(home.member)
    assert home.rows("members")[home.member]["status"] == "connected"
    assert profile(home).payload["user_id"] == home.member


def test_after_a_lost_answer_it_is_on_record_that_a_token_may_be_spent(home):
    home.advance(timedelta(hours=2))
    home.world.order_fault(kind="reset", count=1, path_prefix="/oauth/oauth2/token")
    with pytest.raises(RefreshAnswerLost):
        profile(home)
    assert stored(home).intent_at == home.clock.now()
    assert home.rows("tokens")[home.member]["lease_until"] is None


def test_a_lease_whose_holder_died_does_not_block_for_longer_than_its_time(home):
    home.advance(timedelta(hours=2))
    with home.database.write([home.member]) as connection:
        pair = tokens.load(connection, home.member, home.connection.cipher)
        assert leases.take(connection, pair, home.connection.cipher, home.clock.now()) is not None
    died_at = home.clock.now()
    assert profile(home).payload["user_id"] == home.member
    assert home.clock.now() - died_at <= leases.LEASE + timedelta(seconds=1)


def test_tokens_stand_nowhere_in_the_database_as_they_are(home):
    pair = stored(home)
    row = home.rows("tokens")[home.member]
    written = repr(row) + repr(home.rows("members"))
    assert pair.access_token not in written
    assert pair.refresh_token not in written
