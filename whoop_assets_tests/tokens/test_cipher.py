"""Token keys: from WHOOP_TOKEN_KEY, or created once next to the SQLite file."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import event, text

from whoop_assets.db.database import Database
from whoop_assets.errors import ConfigurationError
from whoop_assets.tokens import cipher as keys
from whoop_assets.tokens import store as token_store
from whoop_assets.tokens.cipher import token_cipher
from whoop_assets.whoop_api.token_response import TokenPair
from whoop_assets_tests.support.data.factories import NOW
from whoop_assets_tests.support.processes import together
from whoop_assets_tests.support.waiting import wait_until


def test_the_key_file_is_created_once_and_only_its_owner_can_read_it(sqlite_database, tmp_path):
    secret = token_cipher(sqlite_database, "").encrypt("token")
    (path,) = tmp_path.glob("*.token-key")
    assert path.stat().st_mode & 0o777 == 0o600
    assert token_cipher(sqlite_database, "").decrypt(secret) == "token"
    assert path.read_text().strip() not in repr(token_cipher(sqlite_database, ""))


def encrypt_at(url):
    database = Database(url)
    secret = token_cipher(database, "").encrypt("token")
    database.close()
    return secret


@pytest.mark.slow
def test_processes_that_start_at_the_same_time_use_one_key(new_database_url):
    url = new_database_url("sqlite")
    secrets = together(3, encrypt_at, url)
    cipher = token_cipher(Database(url), "")
    assert [cipher.decrypt(secret) for secret in secrets] == ["token"] * 3


def test_an_empty_key_file_of_a_killed_process_is_replaced(sqlite_database, tmp_path):
    token_cipher(sqlite_database, "")
    (path,) = tmp_path.glob("*.token-key")
    path.write_bytes(b"")
    assert token_cipher(sqlite_database, "").decrypt(token_cipher(sqlite_database, "").encrypt("a")) == "a"


def test_postgresql_requires_a_configured_key(postgres_url):
    with pytest.raises(ConfigurationError, match="WHOOP_TOKEN_KEY is not set"):
        token_cipher(Database(postgres_url), "")


@pytest.mark.parametrize("wrong", ["hunter2", "{key},hunter2", " , "])
def test_an_invalid_key_is_an_error_without_its_value(sqlite_database, wrong):
    with pytest.raises(ConfigurationError) as error:
        token_cipher(sqlite_database, wrong.format(key=Fernet.generate_key().decode()))
    assert "WHOOP_TOKEN_KEY does not hold Fernet keys" in str(error.value)
    assert "hunter2" not in str(error.value)
    assert error.value.__suppress_context__


def test_a_lost_key_file_is_not_replaced_while_tokens_need_its_key(sqlite_database, tmp_path):
    cipher = token_cipher(sqlite_database, "")
    with sqlite_database.write([1]) as connection:
        token_store.save(connection, 1, cipher, TokenPair("a", "b", 3600, frozenset()), NOW)
    (path,) = tmp_path.glob("*.token-key")
    backup = path.rename(tmp_path / "backup")
    with pytest.raises(ConfigurationError, match="restore it"):
        token_cipher(sqlite_database, "")
    assert not path.exists()
    backup.rename(path)
    with sqlite_database.read() as connection:
        assert token_store.load(connection, 1, token_cipher(sqlite_database, "")).access_token == "a"


def test_two_first_connections_with_a_new_key_do_not_block_each_other(postgres_url):
    database = Database(postgres_url)
    with database.write() as connection:
        keys.switch(connection, "0" * 16, database.now(connection))
    observer = Database(postgres_url)
    locked = []

    def another_waits():
        query = (
            "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        with observer.read() as connection:
            return connection.scalar(text(query)) is not None

    def after_statement(_connection, _cursor, statement, *_):
        """Let the other thread lock the row too, or wait for this thread's lock."""
        if "FOR UPDATE" in statement or "FOR SHARE" in statement:
            locked.append(statement)
            wait_until(lambda: len(locked) == 2 or another_waits(), "the other thread")

    event.listen(database.engine, "after_cursor_execute", after_statement)

    def connect(number):
        cipher = keys.TokenCipher([Fernet.generate_key()])
        with database.write([number]) as connection:
            return keys.lock_current(connection, cipher, database.now(connection)) == cipher.first

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(connect, [1, 2])) == [True, True]
    assert len(locked) == 2
    observer.close()
    database.close()
