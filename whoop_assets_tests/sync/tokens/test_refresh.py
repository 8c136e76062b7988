"""A member's tokens are refreshed in time, by one process, and never lost."""

import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import event

from whoop_assets.errors import ConfigurationError, ReconnectionNeeded
from whoop_assets.sync.members.connecting import disconnect_member
from whoop_assets.tokens import cipher, tables
from whoop_assets.tokens import lease as leases
from whoop_assets.tokens import store as token_store
from whoop_assets.tokens.keep_alive import RENEW_AFTER, keep_alive
from whoop_assets.tokens.refresh import MemberTokens, PairLost, StillRefreshing, UselessPairs
from whoop_assets.whoop_api.errors import RefreshResponseLost
from whoop_assets_tests.support.home import at_home, frozen_world
from whoop_assets_tests.support.waiting import wait_until
from whoop_simulator.http.grants import App


@pytest.fixture
def home(database_url):
    with at_home(database_url, frozen_world(days=5)) as home:
        yield home


def stored(home):
    with home.database.read() as connection:
        return token_store.load(connection, home.member, home.connection.cipher)


def profile(home):
    return home.connection.client(home.member, "backfill").profile()


def test_a_token_is_refreshed_shortly_before_it_expires_and_the_new_pair_is_stored(home):
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


def test_a_rejected_token_is_refreshed_once_and_the_request_repeated(home):
    profile(home)
    home.world.expire_tokens(home.member)
    assert profile(home).payload["user_id"] == home.member
    assert home.world.stats()["refreshes"] == 1


def test_a_pair_refreshed_by_another_process_is_used(home):
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


def test_after_a_lost_response_the_intent_stays_stored(home):
    home.advance(timedelta(hours=2))
    home.world.inject_fault(kind="reset", count=1, path_prefix="/oauth/oauth2/token")
    with pytest.raises(RefreshResponseLost):
        profile(home)
    assert stored(home).intent_at == home.clock.now()
    assert home.rows("tokens")[home.member]["lease_until"] is None


def test_a_lease_whose_holder_died_does_not_block_for_longer_than_its_time(home):
    home.advance(timedelta(hours=2))
    with home.database.write([home.member]) as connection:
        pair = token_store.load(connection, home.member, home.connection.cipher)
        assert leases.take(connection, pair, home.connection.cipher, home.clock.now()) is not None
    died_at = home.clock.now()
    assert profile(home).payload["user_id"] == home.member
    assert home.clock.now() - died_at <= leases.LEASE_DURATION + timedelta(seconds=1)


def test_the_database_contains_no_token_in_plain_text(home):
    pair = stored(home)
    row = home.rows("tokens")[home.member]
    written = repr(row) + repr(home.rows("members"))
    assert pair.access_token not in written
    assert pair.refresh_token not in written


def refresh_token(home):
    return stored(home).refresh_token


def lease_of_another(home):
    """A lease that another process has taken on the pair that is stored."""
    with home.database.write() as connection:
        pair = token_store.load(connection, home.member, home.connection.cipher)
        return leases.take(connection, pair, home.connection.cipher, home.clock.now())


def bring(home, lease, spent, pair):
    """The other process continues and stores its new pair."""
    MemberTokens(home.connection, home.member).store(lease, spent, pair)


def test_a_holder_stalled_beyond_its_lease_stores_the_new_pair_and_no_member_must_reconnect(home):
    home.advance(timedelta(hours=2))
    spent, lease = refresh_token(home), lease_of_another(home)
    pair = home.connection.oauth.refresh(spent)
    home.clock.advance(leases.LEASE_DURATION)

    def the_other_awakes():
        if home.world.stats()["invalid_grant"] and refresh_token(home) == spent:
            assert home.rows("members")[home.member]["status"] == "connected"
            bring(home, lease, spent, pair)

    home.clock.after_sleep = the_other_awakes
    assert profile(home).payload["user_id"] == home.member
    assert home.world.stats()["invalid_grant"] == 1
    assert home.rows("members")[home.member]["status"] == "connected"
    assert (stored(home).refresh_token, stored(home).intent_at) == (pair.refresh_token, None)


def test_a_late_holder_does_not_overwrite_the_pair_of_its_successor(home):
    home.advance(timedelta(hours=2))
    spent, lease = refresh_token(home), lease_of_another(home)
    home.clock.advance(leases.LEASE_DURATION)
    profile(home)
    taken_over = stored(home)
    # WHOOP answers invalid_grant, and another pair is stored.
    assert not MemberTokens(home.connection, home.member).exchange(lease, spent)
    assert stored(home) == taken_over
    assert home.rows("members")[home.member]["status"] == "connected"


def test_a_crash_during_a_refresh_is_reported_and_a_late_pair_resolves_it(home):
    home.advance(timedelta(hours=2))
    spent, lease = refresh_token(home), lease_of_another(home)
    pair = home.connection.oauth.refresh(spent)
    start = home.clock.now()
    with pytest.raises(ReconnectionNeeded) as error:
        profile(home)
    assert home.clock.now() - start <= leases.LEASE_DURATION + leases.GRACE_PERIOD + timedelta(seconds=1)
    reason = home.rows("members")[home.member]["status_reason"]
    assert reason == (
        "WHOOP no longer accepts the refresh token, which was probably used up when a process"
        f" (pid {os.getpid()}) stopped during a token exchange that began at {start:%Y-%m-%d %H:%M:%S}"
        " UTC"
    )
    assert reason in str(error.value)

    bring(home, lease, spent, pair)
    assert home.rows("members")[home.member]["status"] == "connected"
    assert profile(home).payload["user_id"] == home.member


def test_a_crash_before_whoop_got_the_request_costs_nothing_and_leaves_no_trace(home):
    home.advance(timedelta(hours=2))
    lease_of_another(home)
    profile(home)
    pair = stored(home)
    assert (pair.intent_at, pair.lease_holder, pair.lease_until) == (None, None, None)
    assert home.world.stats()["token_refusals"] == 0


def test_the_reason_to_reconnect_names_a_lost_response(home):
    home.advance(timedelta(hours=2))
    home.world.inject_fault(kind="reset", count=1, path_prefix="/oauth/oauth2/token")
    with pytest.raises(RefreshResponseLost):
        profile(home)
    start = home.clock.now()
    with pytest.raises(ReconnectionNeeded, match=r"response to a token exchange of .* was lost"):
        profile(home)
    assert home.clock.now() == start


def test_a_revoked_grant_is_detected_once(home):
    profile(home)
    home.world.revoke_tokens(home.member)
    for _ in range(3):
        with pytest.raises(ReconnectionNeeded, match="whoop-assets connect"):
            profile(home)
    assert home.world.stats()["invalid_grant"] == 1
    assert stored(home).intent_at is None  # WHOOP answered


def tokens_with_frequent_renewals(home):
    return MemberTokens(home.connection, home.member, renewal_interval=timedelta(milliseconds=5))


def pass_most_of_the_lease(home):
    """Wait until the holder has renewed its lease, then until it has renewed it again, a lease later."""
    home.clock.advance(leases.LEASE_DURATION - timedelta(seconds=1))
    end = home.clock.now() + leases.LEASE_DURATION
    wait_until(lambda: stored(home).lease_until == end, "the lease to be renewed")
    assert lease_of_another(home) is None


def test_a_slow_response_does_not_end_the_lease(home):
    home.advance(timedelta(hours=2))
    with ThreadPoolExecutor(1) as pool:
        with home.world.lock:  # WHOOP does not answer until the lock is free
            token = pool.submit(tokens_with_frequent_renewals(home).access_token)
            wait_until(lambda: stored(home).lease_until, "the lease")
            for _ in range(5):
                pass_most_of_the_lease(home)
        assert token.result(120) == stored(home).access_token
    assert profile(home).payload["user_id"] == home.member
    assert home.world.stats()["token_refusals"] == 0


def reject_new_pairs(home):
    """Make the database reject every new pair, as a standby does after a failover."""
    with home.database.write() as connection:
        if home.database.is_sqlite:
            statements = "create trigger standby before update of access_token on tokens begin {} end".format(
                "select raise(abort, 'read-only');"
            )
        else:
            connection.exec_driver_sql(
                "create function reject() returns trigger language plpgsql as $$ begin"
                " raise exception 'read-only' using errcode = 'read_only_sql_transaction'; end $$"
            )
            statements = (
                "create trigger standby before update of access_token on tokens"
                " for each row execute function reject()"
            )
        connection.exec_driver_sql(statements)


def accept_new_pairs(home):
    with home.database.write() as connection:
        connection.exec_driver_sql(
            "drop trigger standby" if home.database.is_sqlite else "drop trigger standby on tokens"
        )


def test_a_new_pair_is_stored_after_a_short_database_outage(home):
    home.advance(timedelta(hours=2))
    reject_new_pairs(home)
    before, waits = refresh_token(home), []

    def repair_after_the_second_wait():
        assert refresh_token(home) == before
        waits.append(home.clock.now())
        if len(waits) == 2:
            accept_new_pairs(home)

    home.clock.after_sleep = repair_after_the_second_wait
    assert profile(home).payload["user_id"] == home.member
    assert len(waits) == 2
    assert refresh_token(home) != before
    assert home.world.stats()["token_requests"] == 2  # one for the code, one for the refresh


def test_a_member_who_leaves_during_a_refresh_is_not_marked_for_reconnection(home):
    home.advance(timedelta(hours=2))
    spent, lease = refresh_token(home), lease_of_another(home)
    disconnect_member(home.connection, home.member, erase=False)
    MemberTokens(home.connection, home.member).exchange(lease, spent)
    assert home.rows("members")[home.member]["status"] == "disconnected"
    assert home.rows("tokens") == {}


def test_a_short_lived_token_is_not_refreshed_at_every_request(database_url):
    world = frozen_world(days=5, app=App(access_token_seconds=60))
    with at_home(database_url, world) as home:
        for _ in range(5):
            profile(home)
        assert world.stats()["refreshes"] == 0
        home.advance(46)
        profile(home)
        assert world.stats()["refreshes"] == 1


def test_without_the_key_no_token_is_exchanged(home):
    home.advance(timedelta(hours=2))
    with home.database.write() as connection:
        cipher.switch(connection, "0123456789abcdef", home.clock.now())
    with pytest.raises(ConfigurationError, match="fingerprint 0123456789abcdef"):
        profile(home)
    assert home.world.stats()["token_requests"] == 1
    assert stored(home).intent_at is None


def test_only_due_tokens_of_connected_members_are_kept_alive(database_url):
    with at_home(database_url, frozen_world(members=3, days=5)) as home:
        home.advance(RENEW_AFTER - timedelta(minutes=1))
        assert keep_alive(home.connection).renewed == []
        used, disconnected, unused = home.members
        home.connection.client(used, "backfill").profile()
        disconnect_member(home.connection, disconnected, erase=False)
        refreshes = home.world.stats()["refreshes"]
        home.advance(timedelta(minutes=2))
        assert keep_alive(home.connection).renewed == [unused]
        assert home.world.stats()["refreshes"] == refreshes + 1
        assert keep_alive(home.connection).renewed == []


def test_waiting_too_long_for_a_lease_is_a_transient_error(home):
    home.advance(timedelta(hours=2))
    lease_of_another(home)

    def renew_lease_of_another():
        with home.database.write() as connection:
            connection.execute(
                tables.tokens.update().values(lease_until=home.clock.now() + leases.LEASE_DURATION)
            )

    home.clock.after_sleep = renew_lease_of_another
    start = home.clock.now()
    with pytest.raises(StillRefreshing, match="try again") as error:
        profile(home)
    longest = leases.MAX_EXCHANGE_DURATION + leases.LEASE_DURATION + leases.GRACE_PERIOD
    assert longest < home.clock.now() - start <= longest + timedelta(seconds=1)
    assert error.value.transient


@pytest.mark.parametrize("useless", ["unchanged", "expired"])
def test_useless_new_pairs_do_not_cause_endless_refreshes(home, useless):
    member = home.connection.tokens(home.member)
    rejected = member.access_token()
    pair = {"access_token": rejected, "expires_in": 3600}
    if useless == "expired":
        pair = {"access_token": "brief", "expires_in": 1}
        event.listen(home.database.engine, "commit", lambda _: home.clock.advance(2))
    for number in range(1, 10):
        home.world.inject_fault(
            kind="answer",
            body=json.dumps({**pair, "refresh_token": f"refresh-{number}"}),
            path_prefix="/oauth/oauth2/token",
        )
    with pytest.raises(UselessPairs, match=f"member {home.member} 2 times"):
        member.after_rejection(rejected)
    assert stored(home).refresh_token == "refresh-2"  # nothing that WHOOP gave is lost


def test_an_interrupted_holder_keeps_its_lease_until_the_new_pair_is_stored(home):
    home.advance(timedelta(hours=2))
    before = refresh_token(home)

    def interrupt_during_the_exchange(locked):
        with home.world.lock:  # WHOOP does not answer until the lock is free
            locked.set()
            wait_until(lambda: stored(home).lease_until, "the lease")
            pass_most_of_the_lease(home)
            os.kill(os.getpid(), signal.SIGINT)  # Ctrl-C
            for _ in range(3):
                pass_most_of_the_lease(home)

    with ThreadPoolExecutor(1) as pool:
        interruption = pool.submit(interrupt_during_the_exchange, locked := threading.Event())
        assert locked.wait(60)
        with pytest.raises(KeyboardInterrupt):
            tokens_with_frequent_renewals(home).access_token()
        interruption.result(60)
    pair = stored(home)
    assert pair.refresh_token != before
    assert (pair.lease_until, pair.intent_at) == (None, None)


def test_a_pair_that_cannot_be_stored_is_reported_with_the_way_out(home):
    home.advance(timedelta(hours=2))
    reject_new_pairs(home)
    times = [home.clock.now()]
    home.clock.after_sleep = lambda: times.append(home.clock.now())
    with pytest.raises(
        PairLost, match=f"member {home.member} .* are lost.*`whoop-assets connect`.*rolled back"
    ):
        profile(home)
    home.clock.after_sleep = None
    waits = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert waits == [1, 2, 3, 4, 5, 6, 7]
    accept_new_pairs(home)
    home.advance(leases.LEASE_DURATION)
    with pytest.raises(ReconnectionNeeded, match="stopped during a token exchange"):
        profile(home)


@pytest.mark.parametrize("fault", [{"kind": "reset"}, {"kind": "truncate"}, {"kind": "not_json"}], ids=str)
def test_the_error_for_a_lost_response_names_the_member_and_the_way_out(home, fault):
    home.advance(timedelta(hours=2))
    home.world.inject_fault(**fault, count=1, path_prefix="/oauth/oauth2/token")
    with pytest.raises(RefreshResponseLost, match=f"of member {home.member} .*whoop-assets connect"):
        profile(home)
