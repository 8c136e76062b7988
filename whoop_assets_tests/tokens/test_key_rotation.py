"""Rotating the keys: every pair stays readable, also if the rotation stops at any point."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from whoop_assets import atomic_file
from whoop_assets.errors import ConfigurationError
from whoop_assets.members import store as member_store
from whoop_assets.tokens import cipher as keys
from whoop_assets.tokens import key_rotation, tables
from whoop_assets.tokens import lease as leases
from whoop_assets.tokens import store as token_store
from whoop_assets.tokens.cipher import fingerprint, read_key_file, token_cipher
from whoop_assets.tokens.key_rotation import in_use, rotate
from whoop_assets_tests.support.factories import MEMBER, NOW

OTHER = MEMBER + 1
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def name(key):
    return fingerprint(key.encode() if isinstance(key, str) else key)


def save(database, cipher, user_id=MEMBER, access="access-1"):
    with database.write([user_id]) as connection:
        member_store.connect(connection, user_id, ["offline"], dict.fromkeys(("email", "first_name")), NOW)
        pair = {"access_token": access, "refresh_token": f"refresh of {access}"}
        token_store.save(connection, user_id, cipher, **pair, expires_at=NOW, at=NOW)


def stored(database, cipher, user_id=MEMBER):
    with database.read() as connection:
        return token_store.load(connection, user_id, cipher)


def used(database, cipher):
    with database.read() as connection:
        return [(use.key_id, use.members, use.current, use.at_hand) for use in in_use(connection, cipher)]


@pytest.fixture
def key_file(sqlite_database):
    token_cipher(sqlite_database, "")
    return keys.key_file(sqlite_database)


def test_the_first_key_of_the_setting_becomes_the_one_that_encrypts(database):
    save(database, token_cipher(database, OLD))
    save(database, token_cipher(database, OLD), OTHER)
    both = f"{NEW},{OLD}"
    assert used(database, token_cipher(database, both)) == [(name(OLD), 2, True, True)]
    done = rotate(database, both)
    assert (done.key_id, done.members, done.unreadable) == (name(NEW), 2, [])
    assert used(database, token_cipher(database, NEW)) == [(name(NEW), 2, True, True)]
    for user_id in (MEMBER, OTHER):
        assert stored(database, token_cipher(database, NEW), user_id).refresh_token == "refresh of access-1"
    assert rotate(database, both).members == 0


def test_a_pair_from_before_fingerprints_were_recorded_is_encrypted_anew_too(database):
    save(database, token_cipher(database, OLD))
    with database.write() as connection:
        connection.execute(update(tables.tokens).values(key_id=None))
    assert used(database, token_cipher(database, OLD)) == [(name(OLD), 0, True, True), (None, 1, False, True)]
    assert rotate(database, f"{NEW},{OLD}").members == 1
    assert stored(database, token_cipher(database, NEW)).access_token == "access-1"


def test_without_the_old_key_nothing_is_done_and_the_members_are_named(database):
    save(database, token_cipher(database, OLD))
    with pytest.raises(ConfigurationError, match=rf"member {MEMBER} .*nothing was done: add that key"):
        rotate(database, NEW)
    assert used(database, token_cipher(database, OLD)) == [(name(OLD), 1, True, True)]


def test_a_lost_key_costs_the_members_under_it_a_new_consent_and_nobody_else_anything(database):
    save(database, token_cipher(database, OLD))
    with pytest.raises(ConfigurationError, match=r"rotate --lost"):
        rotate(database, NEW)
    assert rotate(database, NEW, lost=True).unreadable == [MEMBER]
    with database.read() as connection:
        assert "lost" in member_store.reason_to_reconnect(connection, MEMBER)
        # Nothing deletes a credential: the key may turn up after all.
        assert token_store.load(connection, MEMBER, token_cipher(database, OLD)).access_token == "access-1"
    save(database, token_cipher(database, NEW), access="access-2")
    assert used(database, token_cipher(database, NEW)) == [(name(NEW), 1, True, True)]


def test_while_nothing_is_encrypted_any_key_will_do(database):
    save(database, token_cipher(database, OLD))
    with database.write() as connection:
        token_store.forget(connection, MEMBER)
    save(database, token_cipher(database, NEW))
    assert used(database, token_cipher(database, NEW)) == [(name(NEW), 1, True, True)]


def test_a_pair_that_is_being_refreshed_is_waited_for(database, clock, monkeypatch):
    """Its process took the lease before the new key was the current one, and knows only the old."""
    old = token_cipher(database, OLD)
    save(database, old)
    with database.write() as connection:
        lease = leases.take(connection, token_store.load(connection, MEMBER, old), old, clock.now())
    wait = clock.sleep

    def it_comes_to_its_end(seconds):
        wait(seconds)
        if clock.now() > NOW + timedelta(seconds=2):
            with database.write([MEMBER]) as connection:
                leases.store_refreshed(
                    connection,
                    lease,
                    old,
                    spent="refresh of access-1",
                    access_token="access-2",
                    refresh_token="refresh-2",
                    expires_at=NOW,
                    at=clock.now(),
                )

    monkeypatch.setattr(clock, "sleep", it_comes_to_its_end)
    rotate(database, f"{NEW},{OLD}")
    assert stored(database, token_cipher(database, NEW)).access_token == "access-2"


def test_in_the_file_a_new_key_comes_first_and_the_one_before_stays_until_the_next_time(
    sqlite_database, key_file
):
    (first,) = read_key_file(key_file)
    save(sqlite_database, token_cipher(sqlite_database, ""))
    began_before = token_cipher(sqlite_database, "")
    for _ in range(3):
        before = read_key_file(key_file)
        done = rotate(sqlite_database, "")
        now = read_key_file(key_file)
        assert now[1:] == before[:1]
        assert done.key_id == name(now[0])
        assert key_file.stat().st_mode & 0o777 == 0o600
    assert first not in read_key_file(key_file)
    assert list(key_file.parent.glob(f"{key_file.name}*")) == [key_file]
    # A process that knows only the very first key finds the present one, reads with it and encrypts with it.
    assert stored(sqlite_database, began_before).access_token == "access-1"
    save(sqlite_database, began_before, access="access-2")
    assert used(sqlite_database, token_cipher(sqlite_database, "")) == [(done.key_id, 1, True, True)]


def test_a_key_that_a_pair_still_needs_does_not_leave_the_file(sqlite_database, key_file, monkeypatch):
    save(sqlite_database, token_cipher(sqlite_database, ""))
    with monkeypatch.context() as broken_off:
        broken_off.setattr(key_rotation, "_encrypt_all", lambda *_: 0)
        for _ in range(3):
            rotate(sqlite_database, "")
    assert stored(sqlite_database, token_cipher(sqlite_database, "")).access_token == "access-1"
    assert rotate(sqlite_database, "").members == 1
    rotate(sqlite_database, "")
    assert len(read_key_file(key_file)) == 2


class Killed(BaseException):
    pass


@pytest.mark.parametrize("where", ["switch", "_encrypt_all", "_encrypt"])
def test_a_rotation_that_was_killed_leaves_everything_readable_and_the_next_completes_it(
    sqlite_database, key_file, monkeypatch, where
):
    save(sqlite_database, token_cipher(sqlite_database, ""))

    def kill(*_):
        raise Killed

    with monkeypatch.context() as dying:
        dying.setattr(keys if where == "switch" else key_rotation, where, kill)
        with pytest.raises(Killed):
            rotate(sqlite_database, "")
    assert stored(sqlite_database, token_cipher(sqlite_database, "")).access_token == "access-1"
    save(sqlite_database, token_cipher(sqlite_database, ""), OTHER)
    done = rotate(sqlite_database, "")
    assert used(sqlite_database, token_cipher(sqlite_database, "")) == [(done.key_id, 2, True, True)]
    assert stored(sqlite_database, token_cipher(sqlite_database, "")).access_token == "access-1"


def test_a_process_finds_a_new_key_in_the_env_file(database, tmp_path):
    Path(".env").write_text(f"WHOOP_TOKEN_KEY={OLD}\n")
    began_before = token_cipher(database, OLD)
    save(database, began_before)
    Path(".env").write_text(f"WHOOP_TOKEN_KEY={NEW},{OLD}\n")
    rotate(database, f"{NEW},{OLD}")
    assert stored(database, began_before).access_token == "access-1"
    save(database, began_before, access="access-2")
    Path(".env").write_text(f"WHOOP_TOKEN_KEY={NEW}\n")
    assert stored(database, token_cipher(database, NEW)).access_token == "access-2"


def test_no_key_stands_in_the_database_nor_in_what_is_said(database):
    save(database, token_cipher(database, OLD))
    done = rotate(database, f"{NEW},{OLD}")
    with database.read() as connection:
        rows = [connection.execute(select(table)).all() for table in (tables.tokens, tables.token_key)]
    for key in (OLD, NEW):
        assert key not in f"{rows} {done} {used(database, token_cipher(database, NEW))}"


def damage(path, how):
    held = path.read_bytes()
    if how == "folder":
        path.unlink()
        path.mkdir()
    elif how == "gone":
        path.unlink()
    else:
        path.write_bytes({"bytes": b"\xff\xfe\x00", "empty": b"", "garbage": b"garbage\n"}[how])
    return held


@pytest.mark.parametrize("how", ["bytes", "empty", "garbage", "folder", "gone"])
def test_a_damaged_key_file_is_one_sentence_with_a_way_out_that_works(sqlite_database, key_file, how):
    save(sqlite_database, token_cipher(sqlite_database, ""))
    damage(key_file, how)
    for attempt in (lambda: token_cipher(sqlite_database, ""), lambda: rotate(sqlite_database, "")):
        with pytest.raises(ConfigurationError, match=r"key file .* WHOOP_TOKEN_KEY .*rotate --lost"):
            attempt()
    done = rotate(sqlite_database, "", lost=True)
    assert done.unreadable == [MEMBER]
    assert (done.set_aside is None) == (how == "gone")
    if done.set_aside is not None:
        assert done.set_aside.exists()
    save(sqlite_database, token_cipher(sqlite_database, ""), access="access-2")
    assert stored(sqlite_database, token_cipher(sqlite_database, "")).access_token == "access-2"


def test_a_key_file_that_nobody_may_read_is_one_sentence(sqlite_database, key_file, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as forbidden:
        forbidden.setattr(Path, "read_text", refuse)
        with pytest.raises(ConfigurationError, match=r"cannot be read \(PermissionError\)"):
            token_cipher(sqlite_database, "")
    monkeypatch.setattr(atomic_file.tempfile, "mkstemp", refuse)
    with pytest.raises(ConfigurationError, match=r"cannot be written \(PermissionError\)"):
        rotate(sqlite_database, "")


def test_a_good_key_file_is_not_moved_aside(sqlite_database, key_file):
    save(sqlite_database, token_cipher(sqlite_database, ""))
    done = rotate(sqlite_database, "", lost=True)
    assert (done.unreadable, done.set_aside) == ([], None)
    assert stored(sqlite_database, token_cipher(sqlite_database, "")).access_token == "access-1"


def test_who_connects_again_while_a_lost_key_is_given_up_is_not_marked(database, monkeypatch):
    save(database, token_cipher(database, OLD))
    give_up = key_rotation._give_up

    def connected_first(*arguments):
        save(database, token_cipher(database, NEW), access="access-2")
        return give_up(*arguments)

    monkeypatch.setattr(key_rotation, "_give_up", connected_first)
    assert rotate(database, NEW, lost=True).unreadable == []
    with database.read() as connection:
        assert member_store.status(connection, MEMBER) == member_store.CONNECTED
