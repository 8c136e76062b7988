"""Rotation of token keys. Every token pair stays readable if a rotation stops at any point."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, update

from whoop_assets.db.database import Database
from whoop_assets.errors import ConfigurationError
from whoop_assets.members import store as member_store
from whoop_assets.tokens import cipher as keys
from whoop_assets.tokens import key_rotation, tables
from whoop_assets.tokens import lease as leases
from whoop_assets.tokens import store as token_store
from whoop_assets.tokens.cipher import fingerprint, read_key_file, token_cipher
from whoop_assets.tokens.key_rotation import in_use, rotate
from whoop_assets.whoop_api.token_response import TokenPair
from whoop_assets_tests.support.data.factories import MEMBER, NOW

OTHER = MEMBER + 1
OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def key_id(key):
    return fingerprint(key.encode() if isinstance(key, str) else key)


def save(database, cipher, user_id=MEMBER, access="access-1"):
    with database.write([user_id]) as connection:
        member_store.connect(connection, user_id, ["offline"], dict.fromkeys(("email", "first_name")), NOW)
        pair = TokenPair(access, f"refresh of {access}", 3600, frozenset())
        token_store.save(connection, user_id, cipher, pair, NOW)


def stored(database, cipher, user_id=MEMBER):
    with database.read() as connection:
        return token_store.load(connection, user_id, cipher)


def keys_in_use(database, cipher):
    with database.read() as connection:
        return [(use.key_id, use.members, use.current, use.at_hand) for use in in_use(connection, cipher)]


@pytest.fixture
def key_file(sqlite_database):
    token_cipher(sqlite_database, "")
    return keys.key_file(sqlite_database)


def test_a_rotation_encrypts_all_tokens_with_the_first_configured_key(database):
    save(database, token_cipher(database, OLD))
    save(database, token_cipher(database, OLD), OTHER)
    both = f"{NEW},{OLD}"
    assert keys_in_use(database, token_cipher(database, both)) == [(key_id(OLD), 2, True, True)]
    result = rotate(database, both)
    assert (result.key_id, result.members, result.unreadable) == (key_id(NEW), 2, [])
    assert keys_in_use(database, token_cipher(database, NEW)) == [(key_id(NEW), 2, True, True)]
    for user_id in (MEMBER, OTHER):
        assert stored(database, token_cipher(database, NEW), user_id).refresh_token == "refresh of access-1"
    assert rotate(database, both).members == 0


def test_a_pair_without_a_stored_key_id_is_encrypted_with_the_new_key_too(database):
    save(database, token_cipher(database, OLD))
    with database.write() as connection:
        connection.execute(update(tables.tokens).values(key_id=None))
    assert keys_in_use(database, token_cipher(database, OLD)) == [
        (key_id(OLD), 0, True, True),
        (None, 1, False, True),
    ]
    assert rotate(database, f"{NEW},{OLD}").members == 1
    assert stored(database, token_cipher(database, NEW)).access_token == "access-1"


def test_without_the_old_key_a_rotation_changes_nothing_and_names_the_members(database):
    save(database, token_cipher(database, OLD))
    with pytest.raises(ConfigurationError, match=rf"member {MEMBER} .*nothing was done: add that key"):
        rotate(database, NEW)
    assert keys_in_use(database, token_cipher(database, OLD)) == [(key_id(OLD), 1, True, True)]


def test_after_a_lost_key_only_its_members_must_reconnect(database):
    save(database, token_cipher(database, OLD))
    with pytest.raises(ConfigurationError, match=r"rotate --lost"):
        rotate(database, NEW)
    assert rotate(database, NEW, lost=True).unreadable == [MEMBER]
    with database.read() as connection:
        assert "lost" in member_store.reason_to_reconnect(connection, MEMBER)
        # The tokens are kept, because the operator may find the key again.
        assert token_store.load(connection, MEMBER, token_cipher(database, OLD)).access_token == "access-1"
    save(database, token_cipher(database, NEW), access="access-2")
    assert keys_in_use(database, token_cipher(database, NEW)) == [(key_id(NEW), 1, True, True)]


def test_without_stored_tokens_a_new_key_is_accepted(database):
    save(database, token_cipher(database, OLD))
    with database.write() as connection:
        token_store.forget(connection, MEMBER)
    save(database, token_cipher(database, NEW))
    assert keys_in_use(database, token_cipher(database, NEW)) == [(key_id(NEW), 1, True, True)]


def test_a_rotation_waits_for_a_running_refresh(database, clock):
    # The process with the lease knows only the old key.
    old = token_cipher(database, OLD)
    save(database, old)
    with database.write() as connection:
        lease = leases.take(connection, token_store.load(connection, MEMBER, old), old, clock.now())

    def end_the_refresh():
        if clock.now() > NOW + timedelta(seconds=2):
            with database.write([MEMBER]) as connection:
                pair = TokenPair("access-2", "refresh-2", 3600, frozenset())
                leases.store_refreshed(connection, lease, old, "refresh of access-1", pair, clock.now())

    clock.after_sleep = end_the_refresh
    rotate(database, f"{NEW},{OLD}")
    assert stored(database, token_cipher(database, NEW)).access_token == "access-2"


def test_the_key_file_has_the_new_key_first_and_keeps_the_previous_key(sqlite_database, key_file):
    (first,) = read_key_file(key_file)
    save(sqlite_database, token_cipher(sqlite_database, ""))
    old_process_cipher = token_cipher(sqlite_database, "")
    for _ in range(3):
        before = read_key_file(key_file)
        result = rotate(sqlite_database, "")
        now = read_key_file(key_file)
        assert now[1:] == before[:1]
        assert result.key_id == key_id(now[0])
        assert key_file.stat().st_mode & 0o777 == 0o600
    assert first not in read_key_file(key_file)
    assert list(key_file.parent.glob(f"{key_file.name}*")) == [key_file]
    # A process that started with the first key finds the current key, and uses it.
    assert stored(sqlite_database, old_process_cipher).access_token == "access-1"
    save(sqlite_database, old_process_cipher, access="access-2")
    assert keys_in_use(sqlite_database, token_cipher(sqlite_database, "")) == [(result.key_id, 1, True, True)]


def test_a_key_that_a_pair_needs_stays_in_the_file(sqlite_database, key_file, monkeypatch):
    save(sqlite_database, token_cipher(sqlite_database, ""))
    with monkeypatch.context() as interrupted:
        interrupted.setattr(key_rotation, "encrypt_all", lambda *_: 0)
        for _ in range(3):
            rotate(sqlite_database, "")
    assert stored(sqlite_database, token_cipher(sqlite_database, "")).access_token == "access-1"
    assert rotate(sqlite_database, "").members == 1
    rotate(sqlite_database, "")
    assert len(read_key_file(key_file)) == 2


class Killed(BaseException):
    pass


@pytest.mark.parametrize("where", ["switch", "encrypt_all", "encrypt_pair"])
def test_after_a_killed_rotation_tokens_are_readable_and_the_next_rotation_completes(
    sqlite_database, key_file, monkeypatch, where
):
    save(sqlite_database, token_cipher(sqlite_database, ""))

    def kill(*_):
        raise Killed

    with monkeypatch.context() as interrupted:
        interrupted.setattr(keys if where == "switch" else key_rotation, where, kill)
        with pytest.raises(Killed):
            rotate(sqlite_database, "")
    assert stored(sqlite_database, token_cipher(sqlite_database, "")).access_token == "access-1"
    save(sqlite_database, token_cipher(sqlite_database, ""), OTHER)
    result = rotate(sqlite_database, "")
    assert keys_in_use(sqlite_database, token_cipher(sqlite_database, "")) == [(result.key_id, 2, True, True)]
    assert stored(sqlite_database, token_cipher(sqlite_database, "")).access_token == "access-1"


def test_a_process_finds_a_new_key_in_the_env_file(database, tmp_path):
    Path(".env").write_text(f"WHOOP_TOKEN_KEY={OLD}\n")
    old_process_cipher = token_cipher(database, OLD)
    save(database, old_process_cipher)
    Path(".env").write_text(f"WHOOP_TOKEN_KEY={NEW},{OLD}\n")
    rotate(database, f"{NEW},{OLD}")
    assert stored(database, old_process_cipher).access_token == "access-1"
    save(database, old_process_cipher, access="access-2")
    Path(".env").write_text(f"WHOOP_TOKEN_KEY={NEW}\n")
    assert stored(database, token_cipher(database, NEW)).access_token == "access-2"


def test_no_key_is_in_the_database_or_in_the_output(database):
    save(database, token_cipher(database, OLD))
    result = rotate(database, f"{NEW},{OLD}")
    with database.read() as connection:
        rows = [connection.execute(select(table)).all() for table in (tables.tokens, tables.token_key)]
    for key in (OLD, NEW):
        assert key not in f"{rows} {result} {keys_in_use(database, token_cipher(database, NEW))}"


def damage(path, how):
    if how == "folder":
        path.unlink()
        path.mkdir()
    elif how == "missing":
        path.unlink()
    else:
        path.write_bytes({"bytes": b"\xff\xfe\x00", "empty": b"", "garbage": b"garbage\n"}[how])


@pytest.mark.parametrize("how", ["bytes", "empty", "garbage", "folder", "missing"])
def test_a_damaged_key_file_is_one_sentence_with_a_working_way_out(sqlite_database, key_file, how):
    save(sqlite_database, token_cipher(sqlite_database, ""))
    damage(key_file, how)
    for command in (lambda: token_cipher(sqlite_database, ""), lambda: rotate(sqlite_database, "")):
        with pytest.raises(ConfigurationError, match=r"key file .* WHOOP_TOKEN_KEY .*rotate --lost"):
            command()
    result = rotate(sqlite_database, "", lost=True)
    assert result.unreadable == [MEMBER]
    assert (result.set_aside is None) == (how == "missing")
    if result.set_aside is not None:
        assert result.set_aside.exists()
    save(sqlite_database, token_cipher(sqlite_database, ""), access="access-2")
    assert stored(sqlite_database, token_cipher(sqlite_database, "")).access_token == "access-2"


def test_a_key_file_that_cannot_be_read_is_one_sentence(sqlite_database, key_file):
    key_file.unlink()
    key_file.mkdir()
    with pytest.raises(ConfigurationError, match=r"cannot be read \(IsADirectoryError\)"):
        token_cipher(sqlite_database, "")


def test_a_key_file_that_cannot_be_written_is_one_sentence(sqlite_database, tmp_path):
    # The temporary file in which the new keys are written has a longer name than the key file, and a name
    # has at most 255 bytes.
    long_named = tmp_path / ("w" * 240)
    shutil.copy(sqlite_database.path, long_named)
    database = Database(f"sqlite:///{long_named}")
    path = keys.key_file(database)
    path.write_text(OLD)
    with pytest.raises(ConfigurationError, match=r"cannot be written \(OSError\)"):
        rotate(database, "")
    assert path.read_text() == OLD
    database.close()


def test_a_readable_key_file_is_not_moved(sqlite_database, key_file):
    save(sqlite_database, token_cipher(sqlite_database, ""))
    result = rotate(sqlite_database, "", lost=True)
    assert (result.unreadable, result.set_aside) == ([], None)
    assert stored(sqlite_database, token_cipher(sqlite_database, "")).access_token == "access-1"


def test_a_member_who_reconnects_while_a_key_is_given_up_is_not_marked(database, monkeypatch):
    save(database, token_cipher(database, OLD))
    give_up = key_rotation.give_up

    def connect_first(*arguments):
        save(database, token_cipher(database, NEW), access="access-2")
        return give_up(*arguments)

    monkeypatch.setattr(key_rotation, "give_up", connect_first)
    assert rotate(database, NEW, lost=True).unreadable == []
    with database.read() as connection:
        assert member_store.status(connection, MEMBER) == member_store.CONNECTED
