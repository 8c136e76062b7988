"""Token store and lease: encryption, one refresh at a time, and no lost pair."""

import os
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from whoop_assets.db.database import Database
from whoop_assets.errors import ConfigurationError
from whoop_assets.members import store as member_store
from whoop_assets.tokens import cipher as keys
from whoop_assets.tokens import lease as leases
from whoop_assets.tokens import store as token_store
from whoop_assets.tokens import tables
from whoop_assets.tokens.cipher import token_cipher
from whoop_assets.whoop_api.token_response import TokenPair
from whoop_assets_tests.support.data.factories import MEMBER, NOW
from whoop_assets_tests.support.manual_clock import ManualClock
from whoop_assets_tests.support.processes import together

KEY = Fernet.generate_key().decode()
KEY_OF_ALL = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
HOUR = timedelta(hours=1)


@pytest.fixture
def cipher(database):
    return token_cipher(database, KEY)


def save(database, cipher, access="access-1", refresh="refresh-1", user_id=MEMBER):
    with database.write([user_id]) as connection:
        token_store.save(connection, user_id, cipher, TokenPair(access, refresh, 3600, frozenset()), NOW)


def take(database, cipher, at=NOW, user_id=MEMBER):
    with database.write([user_id]) as connection:
        pair = token_store.load(connection, user_id, cipher)
        return leases.take(connection, pair, cipher, at)


def store_refreshed(database, cipher, lease, access="access-2", refresh="refresh-2", spent="refresh-1"):
    with database.write([MEMBER]) as connection:
        pair = TokenPair(access, refresh, 7200, frozenset())
        return leases.store_refreshed(connection, lease, cipher, spent, pair, NOW)


def stored(database, cipher, user_id=MEMBER):
    with database.read() as connection:
        return token_store.load(connection, user_id, cipher)


def test_a_saved_pair_is_loaded_unchanged_and_no_repr_shows_it(database, cipher):
    save(database, cipher)
    pair = stored(database, cipher)
    assert (pair.access_token, pair.refresh_token, pair.expires_at) == ("access-1", "refresh-1", NOW + HOUR)
    assert "access-1" not in repr(pair)
    assert "refresh-1" not in repr(pair)
    assert KEY not in repr(cipher)
    assert stored(database, cipher, MEMBER + 1) is None


def test_no_token_is_readable_in_the_database(database, cipher):
    save(database, cipher)
    with database.read() as connection:
        row = connection.execute(select(tables.tokens)).one()
    assert not any("access-1" in str(value) or "refresh-1" in str(value) for value in row)


def test_no_token_is_readable_in_a_sqlite_file_or_its_journal(sqlite_database, tmp_path):
    save(sqlite_database, token_cipher(sqlite_database, KEY))
    files = list(tmp_path.glob("*.db*"))
    assert files
    for path in files:
        content = path.read_bytes()
        assert b"access-1" not in content
        assert b"refresh-1" not in content


def test_a_wrong_key_is_an_error_and_changes_no_token(database, cipher):
    save(database, cipher)
    with pytest.raises(ConfigurationError, match=r"encrypted with another key .* set WHOOP_TOKEN_KEY"):
        stored(database, token_cipher(database, Fernet.generate_key().decode()))
    assert stored(database, cipher).access_token == "access-1"


def test_any_configured_key_decrypts_and_the_current_key_encrypts(database, cipher):
    save(database, cipher)
    new = Fernet.generate_key().decode()
    both = token_cipher(database, f"{new}, {KEY}")
    assert stored(database, both).access_token == "access-1"
    # A process with the new key first still encrypts with the current key, which other processes have.
    save(database, both, access="access-2")
    assert stored(database, token_cipher(database, KEY)).access_token == "access-2"


def test_one_process_holds_a_lease_until_it_expires(database, cipher):
    save(database, cipher)
    first = take(database, cipher)
    assert first is not None
    assert take(database, cipher, NOW + leases.LEASE_DURATION - timedelta(seconds=1)) is None
    second = take(database, cipher, NOW + leases.LEASE_DURATION)
    assert second.fence > first.fence


def test_a_lease_from_the_future_does_not_block_other_processes(database, cipher):
    save(database, cipher)
    assert take(database, cipher, NOW + timedelta(days=1)) is not None
    assert take(database, cipher, NOW) is not None


def test_a_late_holder_cannot_overwrite_a_newer_pair(database, cipher):
    save(database, cipher)
    late = take(database, cipher)
    current = take(database, cipher, NOW + leases.LEASE_DURATION)
    assert store_refreshed(database, cipher, current)
    assert not store_refreshed(database, cipher, late, access="late")
    assert stored(database, cipher).access_token == "access-2"


def test_a_late_holder_stores_its_pair_if_the_stored_token_is_the_one_it_spent(database, cipher):
    # WHOOP accepts only the late pair, whatever lease exists now.
    save(database, cipher)
    late = take(database, cipher)
    current = take(database, cipher, NOW + leases.LEASE_DURATION)
    assert store_refreshed(database, cipher, late, access="late", refresh="late refresh")
    assert stored(database, cipher).access_token == "late"
    assert not store_refreshed(database, cipher, current)
    assert stored(database, cipher).access_token == "late"


def test_a_late_holder_does_not_release_the_lease_of_another_process(database, cipher):
    save(database, cipher)
    late = take(database, cipher)
    take(database, cipher, NOW + leases.LEASE_DURATION)
    with database.write([MEMBER]) as connection:
        leases.release(connection, late, answered=True)
    assert take(database, cipher, NOW + leases.LEASE_DURATION) is None
    assert stored(database, cipher).intent_at == NOW + leases.LEASE_DURATION


def test_a_new_consent_ends_every_lease_even_after_a_disconnect(database, cipher):
    save(database, cipher)
    late = take(database, cipher)
    with database.write([MEMBER]) as connection:
        token_store.forget(connection, MEMBER)
    save(database, cipher, access="new consent", refresh="new refresh")
    assert not store_refreshed(database, cipher, late)
    take(database, cipher)
    assert not store_refreshed(database, cipher, late)
    assert stored(database, cipher).access_token == "new consent"


def test_the_intent_to_exchange_is_stored_until_the_response_is(database, cipher):
    save(database, cipher)
    assert stored(database, cipher).intent_at is None
    lease = take(database, cipher)
    assert stored(database, cipher).intent_at == NOW
    with database.write([MEMBER]) as connection:
        leases.release(connection, lease, answered=False)
    assert stored(database, cipher).intent_at == NOW
    assert store_refreshed(database, cipher, take(database, cipher))
    assert stored(database, cipher).intent_at is None


def take_each(url, members):
    database = Database(url, ManualClock(NOW))
    cipher = token_cipher(database, KEY_OF_ALL)
    taken = []
    for user_id in members:
        # Without the member's lock, only the compare-and-swap decides.
        with database.write() as connection:
            pair = token_store.load(connection, user_id, cipher)
            if leases.take(connection, pair, cipher, NOW) is not None:
                taken.append(user_id)
    database.close()
    return taken


def renew(database, lease, at):
    with database.write() as connection:
        return leases.renew(connection, lease, at)


def test_a_lease_can_be_renewed_up_to_the_maximum_duration(database, cipher):
    save(database, cipher)
    lease = take(database, cipher)
    at = NOW
    while at + leases.RENEWAL_INTERVAL <= NOW + leases.MAX_EXCHANGE_DURATION:
        at += leases.RENEWAL_INTERVAL
        assert renew(database, lease, at)
    assert take(database, cipher, at + leases.LEASE_DURATION - timedelta(milliseconds=1)) is None
    assert not renew(database, lease, NOW + leases.MAX_EXCHANGE_DURATION + timedelta(seconds=1))
    assert take(database, cipher, at + leases.LEASE_DURATION) is not None
    assert not renew(database, lease, at + leases.LEASE_DURATION)


def test_a_released_lease_cannot_be_renewed(database, cipher):
    save(database, cipher)
    lease = take(database, cipher)
    release(database, lease, answered=True)
    assert not renew(database, lease, NOW)
    assert stored(database, cipher).lease_until is None


def release(database, lease, *, answered):
    with database.write([MEMBER]) as connection:
        leases.release(connection, lease, answered=answered)


def test_a_new_holder_gets_the_unanswered_refresh_until_a_response_is_stored(database, cipher):
    save(database, cipher)
    assert take(database, cipher).unanswered is None
    expiry = NOW + leases.LEASE_DURATION
    second = take(database, cipher, expiry)
    assert second.taken_over
    assert str(second.unanswered) == (
        f"a process (pid {os.getpid()}) stopped during a token exchange that began at 2026-11-21 12:00:00 UTC"
    )
    # Nothing was sent, so the previous intent is restored.
    release(database, second, answered=True)
    third = take(database, cipher, expiry)
    assert third.unanswered == second.unanswered
    assert store_refreshed(database, cipher, third)
    assert take(database, cipher, expiry).unanswered is None


def test_a_refresh_with_a_lost_response_is_not_taken_over(database, cipher):
    save(database, cipher)
    release(database, take(database, cipher), answered=False)
    second = take(database, cipher, NOW + HOUR)
    assert not second.taken_over
    assert (
        str(second.unanswered) == "WHOOP's response to a token exchange of 2026-11-21 12:00:00 UTC was lost"
    )


def test_an_expired_unanswered_refresh_is_reported(database, cipher):
    save(database, cipher)
    take(database, cipher)
    with database.read() as connection:
        assert leases.unanswered_refreshes(connection, NOW) == {}
        (unanswered,) = leases.unanswered_refreshes(connection, NOW + leases.LEASE_DURATION).values()
    assert (unanswered.since, unanswered.stopped_holder) == (NOW, leases.this_process())


@pytest.mark.parametrize(
    ("ends_in", "is_held"),
    [
        (timedelta(0), False),
        (timedelta(milliseconds=1), True),
        (2 * leases.LEASE_DURATION, True),
        (2 * leases.LEASE_DURATION + timedelta(milliseconds=1), False),
    ],
)
def test_a_lease_that_is_held_cannot_be_taken_and_any_other_can(database, cipher, ends_in, is_held):
    save(database, cipher)
    with database.write([MEMBER]) as connection:
        connection.execute(tables.tokens.update().values(lease_until=NOW + ends_in))
    assert leases.held(NOW + ends_in, NOW) is is_held
    assert (take(database, cipher) is None) is is_held
    assert not leases.held(None, NOW)


def test_fencing_numbers_increase(database, cipher):
    fences = []

    def append_fence():
        fences.append(stored(database, cipher).fence)

    save(database, cipher)
    append_fence()
    lease = take(database, cipher)
    append_fence()
    release(database, lease, answered=False)
    append_fence()
    assert store_refreshed(database, cipher, take(database, cipher))
    append_fence()
    save(database, cipher)
    append_fence()
    assert fences == sorted(set(fences))


def test_a_pair_is_stored_with_its_times_and_without_a_lease(database, cipher):
    save(database, cipher)
    assert store_refreshed(database, cipher, take(database, cipher))
    pair = stored(database, cipher)
    assert (pair.access_token, pair.refresh_token) == ("access-2", "refresh-2")
    assert (pair.expires_at, pair.refreshed_at) == (NOW + 2 * HOUR, NOW)
    assert (pair.lease_until, pair.intent_at, pair.lease_holder) == (None, None, None)


def test_a_stored_pair_names_the_key_that_encrypts_it(database, cipher):
    def key_id():
        with database.read() as connection:
            return connection.scalar(select(tables.tokens.c.key_id))

    save(database, cipher)
    assert key_id() == cipher.first
    assert store_refreshed(database, cipher, take(database, cipher))
    assert key_id() == cipher.first


def test_forgetting_one_members_tokens_keeps_those_of_others(database, cipher):
    save(database, cipher)
    save(database, cipher, user_id=MEMBER + 1)
    with database.write([MEMBER]) as connection:
        token_store.forget(connection, MEMBER)
    assert stored(database, cipher) is None
    assert stored(database, cipher, MEMBER + 1) is not None


def test_no_pair_is_stored_for_an_erased_member(database, cipher):
    save(database, cipher)
    lease = take(database, cipher)
    with database.write([MEMBER]) as connection:
        token_store.forget(connection, MEMBER)
    assert not store_refreshed(database, cipher, lease)
    assert stored(database, cipher) is None


def test_a_late_pair_does_not_replace_one_under_a_key_that_its_process_lacks(database, cipher):
    save(database, cipher)
    late = take(database, cipher)
    new = Fernet.generate_key().decode()
    with database.write() as connection:
        keys.switch(connection, token_cipher(database, new).first, NOW)
    save(database, token_cipher(database, f"{new},{KEY}"), access="new consent")
    assert not store_refreshed(database, cipher, late)
    assert stored(database, token_cipher(database, new)).access_token == "new consent"


def test_tokens_are_unused_since_their_last_refresh_if_their_member_is_connected(database, cipher):
    nobody = {"email": None, "first_name": None, "last_name": None}
    with database.write() as connection:
        for user_id in (3, 1, 2, 4):
            member_store.connect(connection, user_id, ["offline"], nobody, NOW)
        member_store.set_status(connection, 2, member_store.RECONNECTION_NEEDED)
    for user_id in (3, 2, 1):
        save(database, cipher, user_id=user_id)
    save(database, cipher, user_id=4, refresh=None)
    with database.read() as connection:
        assert token_store.unused_since(connection, NOW) == [1, 3]
        assert token_store.unused_since(connection, NOW - timedelta(seconds=1)) == []


def test_without_the_current_key_no_lease_is_taken(database, cipher):
    save(database, cipher)
    new = Fernet.generate_key().decode()
    both = token_cipher(database, f"{KEY},{new}")
    with database.write() as connection:
        keys.switch(connection, token_cipher(database, new).first, NOW)
    with pytest.raises(ConfigurationError, match="no token was used up"):
        take(database, cipher)
    assert stored(database, cipher).intent_at is None
    assert take(database, both) is not None


def test_a_refreshed_pair_is_stored_with_the_old_key_if_the_new_key_is_unknown(database, cipher):
    save(database, cipher)
    lease = take(database, cipher)
    with database.write() as connection:
        keys.switch(connection, "0123456789abcdef", NOW)
    assert store_refreshed(database, cipher, lease)
    assert stored(database, cipher).access_token == "access-2"


@pytest.mark.slow
def test_exactly_one_of_several_processes_takes_a_lease(database, database_url):
    cipher = token_cipher(database, KEY_OF_ALL)
    members = list(range(1, 41))
    for user_id in members:
        save(database, cipher, user_id=user_id)
    taken = [
        user_id for of_process in together(2, take_each, database_url, members) for user_id in of_process
    ]
    assert sorted(taken) == members
