"""A warehouse copied into another database: equal on both sides, or nothing there."""

import os
import signal
import subprocess
import sys
from contextlib import closing

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, func, insert, select, text

from whoop_assets import database_copy
from whoop_assets.database_copy import Fingerprint
from whoop_assets.db.database import Database
from whoop_assets.errors import ConfigurationError, CopyRefused, SchemaMismatch
from whoop_assets.records import tables as record_tables
from whoop_assets.request_budget import tables as budget_tables
from whoop_assets.schema import metadata
from whoop_assets.tokens import tables as token_tables
from whoop_assets.tokens.cipher import TokenCipher, key_file, token_cipher
from whoop_assets_tests.support.data.filling import contents, fill, holds_json, tables_of
from whoop_assets_tests.support.marks import slow

PAIRS = [(one, other) for one in ("sqlite", "postgresql") for other in ("sqlite", "postgresql")]


@pytest.fixture
def opened():
    """`opened(url)`: the database, closed after the test."""
    databases = []

    def open_one(url, **options):
        databases.append(Database(url, **options))
        return databases[-1]

    yield open_one
    for database in databases:
        database.close()


def filled(database, rows=5):
    with database.write() as connection:
        fill(connection, tables_of(connection), rows=rows)
    return database


def counts(database):
    with database.read() as connection:
        return {table.name: connection.scalar(select(func.count()).select_from(table)) for table in
                metadata.sorted_tables}  # fmt: skip


@pytest.mark.parametrize(("of", "to"), PAIRS)
@pytest.mark.parametrize("empty", [True, *slow(False)])
def test_every_table_is_equal_on_both_sides(new_database_url, opened, of, to, empty):
    source = filled(opened(new_database_url(of)))
    with source.write() as connection:  # more than one batch of one table
        connection.execute(record_tables.stale_days.delete())
        stale_days = {"stale_days": tables_of(connection)["stale_days"]}
        fill(connection, stale_days, rows=database_copy.ROWS_PER_BATCH + 1)
    target = opened(new_database_url(to, empty=empty))
    found = database_copy.copy(source, target)
    assert {one.table for one in found} == set(metadata.tables)
    assert all(one.equal for one in found)
    assert {one.here.rows for one in found} == {5, database_copy.ROWS_PER_BATCH + 1}
    assert counts(target) == counts(source)
    assert database_copy.compare(source, target) == found == database_copy.compare(target, source)
    # By hand: JSON letter by letter, all other values as the types of the tables read them.
    with source.read() as here, target.read() as there:
        for table in metadata.sorted_tables:
            for column in filter(holds_json, table.c):
                raw = text(f"select cast({column.name} as text) from {table.name}")  # noqa: S608
                assert sorted(map(repr, here.scalars(raw))) == sorted(map(repr, there.scalars(raw)))
            query = select(*(c for c in table.c if not holds_json(c)))
            assert sorted(map(repr, here.execute(query))) == sorted(map(repr, there.execute(query)))


def test_copying_back_gives_the_same_rows(new_database_url, opened):
    first = filled(opened(new_database_url("sqlite")))
    between, last = opened(new_database_url("postgresql")), opened(new_database_url("sqlite"))
    database_copy.copy(first, between)
    database_copy.copy(between, last)
    with first.read() as here, last.read() as there:
        assert contents(here, tables_of(here)) == contents(there, tables_of(there))


def test_new_row_numbers_continue_after_the_copied_ones(new_database_url, opened):
    source = filled(opened(new_database_url("sqlite")))
    for kind in ("sqlite", "postgresql"):
        target = opened(new_database_url(kind))
        database_copy.copy(source, target)
        for table in (record_tables.coverage, budget_tables.request_grants, budget_tables.request_waiters):
            row = {"stream": "x", "user_id": 1, "lane": "x"}
            moments = {c.name: target.clock.now() for c in table.c if "time" in repr(c.type).lower()}
            with target.write() as connection:
                values = {name: value for name, value in (row | moments).items() if name in table.c}
                assert connection.scalar(insert(table).returning(table.c.id), values) == 6


def test_a_target_with_rows_is_refused_also_when_they_are_of_the_same_copy(new_database_url, opened):
    source = filled(opened(new_database_url("sqlite")))
    for kind in ("sqlite", "postgresql"):
        target = opened(new_database_url(kind))
        database_copy.copy(source, target)
        before = counts(target)
        with pytest.raises(CopyRefused, match=r"holds rows already.*db compare") as error:
            database_copy.copy(source, target)
        assert "\n" not in str(error.value)
        assert counts(target) == before


def test_a_database_is_not_copied_into_itself(new_database_url, opened, tmp_path):
    for kind in ("sqlite", "postgresql"):
        source = filled(opened(new_database_url(kind)))
        with pytest.raises(CopyRefused, match="is the source of the copy"):
            database_copy.copy(source, opened(source.url.render_as_string(hide_password=False)))
    source = filled(opened(new_database_url("sqlite")))
    link = tmp_path / "another-name.db"
    link.symlink_to(source.url.database)
    with pytest.raises(CopyRefused, match="is the source of the copy"):
        database_copy.copy(source, opened(f"sqlite:///{link}"))


def test_a_database_of_another_program_or_version_is_refused(new_database_url, opened):
    source = filled(opened(new_database_url("sqlite")))
    strange = opened(new_database_url("sqlite", empty=True))
    with strange.write() as connection:
        connection.exec_driver_sql("create table members (name text)")
    with pytest.raises(CopyRefused, match="Name an empty database"):
        database_copy.copy(source, strange)
    with source.write() as connection:
        connection.execute(text("update whoop_schema_version set version_num = '0004'"))
    with pytest.raises(SchemaMismatch, match="cannot be upgraded"):
        database_copy.copy(source, opened(new_database_url("postgresql")))


def test_a_row_that_the_target_rejects_is_reported_and_nothing_is_kept(new_database_url, opened):
    source = filled(opened(new_database_url("sqlite")))
    with source.write() as connection:  # SQLite has no limit, PostgreSQL does
        connection.execute(record_tables.workouts.update().values(sport_name="n" * 200))
    target = opened(new_database_url("postgresql"))
    with pytest.raises(CopyRefused, match="rejects a row of workouts") as error:
        database_copy.copy(source, target)
    assert "nnn" not in str(error.value)
    assert set(counts(target).values()) == {0}


def test_a_copy_that_is_not_equal_is_an_error_and_leaves_nothing(new_database_url, opened):
    source = filled(opened(new_database_url("sqlite")))
    target = opened(new_database_url("sqlite"))
    with target.write() as connection:  # a trigger is no row
        connection.exec_driver_sql(
            "create trigger meddle after insert on cycles begin update cycles set strain = 1 where id ="
            " new.id; end"
        )
    with pytest.raises(CopyRefused, match="in cycles, so nothing was kept"):
        database_copy.copy(source, target)
    assert set(counts(target).values()) == {0}


def test_comparing_names_every_difference(new_database_url, opened):
    source = filled(opened(new_database_url("sqlite")))
    target = opened(new_database_url("postgresql"))
    database_copy.copy(source, target)
    with target.write() as connection:
        connection.execute(record_tables.sleeps.update().where(record_tables.sleeps.c.nap).values(nap=False))
        connection.execute(text("""update cycles set payload = '{"id": 1}' where id = 1"""))
        connection.execute(text("delete from members where user_id = 1"))
        connection.execute(text("update profiles set synced_at = synced_at + interval '1 microsecond'"))
    unlike = {one.table for one in database_copy.compare(source, target) if not one.equal}
    assert unlike == {"sleeps", "cycles", "members", "profiles"}


def test_another_writer_in_postgresql_is_an_error(new_database_url, opened, monkeypatch):
    monkeypatch.setattr(database_copy, "MAX_LOCK_WAIT", "50ms")
    source = filled(opened(new_database_url("postgresql")))
    target = opened(new_database_url("sqlite"))
    other = opened(source.url.render_as_string(hide_password=False))
    with other.write() as connection:
        connection.execute(record_tables.stale_days.delete())
        with pytest.raises(CopyRefused, match=r"Another process writes.*stop the service"):
            database_copy.copy(source, target)
    assert set(counts(target).values()) == {0}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_source_is_locked_for_writers_during_the_copy(new_database_url, opened, kind):
    source = filled(opened(new_database_url(kind)))
    target = opened(new_database_url("sqlite"))
    other = opened(source.url.render_as_string(hide_password=False))
    refused = []

    def in_the_middle(_connection, _cursor, statement, *_):
        if statement.startswith("INSERT INTO members"):
            with (
                pytest.raises(Exception, match=r"OperationalError|LockNotAvailable") as error,
                other.engine.connect() as o,
            ):
                o.execution_options(isolation_level="AUTOCOMMIT")
                wait = "PRAGMA busy_timeout = 0" if source.is_sqlite else "set lock_timeout = '20ms'"
                o.exec_driver_sql(wait)
                o.execute(record_tables.stale_days.delete())
            refused.append(error)

    event.listen(target.engine, "after_cursor_execute", in_the_middle)
    assert all(one.equal for one in database_copy.copy(source, target))
    assert len(refused) == 1


# The command


def whoop_assets(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "whoop_assets.cli", *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_killed_copy_leaves_nothing_and_can_be_started_again(new_database_url, opened, kind):
    source = filled(opened(new_database_url("sqlite")), rows=1_000)
    target = opened(new_database_url(kind))
    url = target.url.render_as_string(hide_password=False)
    process = whoop_assets("db", "copy", "--to", url, WHOOP_DATABASE_URL=str(source.url))
    while not _half_done(target):
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert set(counts(target).values()) == {0}
    process = whoop_assets("db", "copy", "--to", url, WHOOP_DATABASE_URL=str(source.url))
    said, wrong = process.communicate(timeout=120)
    assert process.returncode == 0, wrong
    assert "both sides are equal in every table" in said
    assert counts(target) == counts(source) == dict.fromkeys(metadata.tables, 1_000)
    again = whoop_assets("db", "copy", "--to", url, WHOOP_DATABASE_URL=str(source.url))
    assert "holds rows already" in again.communicate(timeout=180)[1]
    assert again.returncode == 1


def _half_done(target):
    """Whether the uncommitted copy has written rows."""
    if target.is_sqlite:
        log = target.url.database + "-wal"
        return os.path.exists(log) and os.path.getsize(log) > 300_000
    with target.engine.connect() as connection:
        return connection.scalar(text("select pg_relation_size('cycles') > 50000"))


@pytest.mark.slow
def test_the_command_shows_both_databases_and_explains_the_key(new_database_url, opened, tmp_path):
    source = opened(new_database_url("sqlite"))
    cipher = token_cipher(source, "")
    with source.write() as connection:
        fill(connection, {name: table for name, table in tables_of(connection).items() if name != "tokens"})
        fill(connection, {"tokens": tables_of(connection)["tokens"]}, rows=1)
        connection.execute(
            token_tables.tokens.update().values(refresh_token=cipher.encrypt("a refresh token"))
        )
    url = new_database_url("postgresql", empty=True)
    process = whoop_assets("db", "copy", "--to", url, WHOOP_DATABASE_URL=str(source.url))
    said, wrong = process.communicate(timeout=180)
    assert (process.returncode, wrong) == (0, "")
    name = key_file(source).name
    assert f"with the key in the file {name} beside" in said
    assert "WHOOP_TOKEN_KEY" in said
    assert said.count("equal") == len(metadata.tables) + 1
    target = opened(url)
    with target.read() as connection:
        stored = connection.scalar(select(token_tables.tokens.c.refresh_token))
    assert "a refresh token" not in stored
    key = key_file(source).read_text()
    assert token_cipher(target, key.strip()).decrypt(stored) == "a refresh token"
    with pytest.raises(ConfigurationError, match="WHOOP_TOKEN_KEY is not set"):
        token_cipher(target, "")
    assert Fernet(key.strip()).decrypt(stored.encode()) == b"a refresh token"
    assert isinstance(cipher, TokenCipher)

    compared = whoop_assets("db", "compare", "--with", url, WHOOP_DATABASE_URL=str(source.url))
    assert compared.wait(180) == 0
    with closing(Database(url)) as database, database.write() as connection:
        connection.execute(text("delete from members"))
    compared = whoop_assets("db", "compare", "--with", url, WHOOP_DATABASE_URL=str(source.url))
    said, wrong = compared.communicate(timeout=180)
    assert compared.returncode == 1
    assert "NOT EQUAL" in said
    assert wrong == "Not equal: members.\n"


def test_a_wrong_address_is_reported_for_its_option(sqlite_url):
    process = whoop_assets("db", "copy", "--to", "mysql://me:hush@host/x", WHOOP_DATABASE_URL=sqlite_url)
    _, wrong = process.communicate(timeout=180)
    assert process.returncode == 1
    assert wrong.startswith("error: --to names 'mysql'")
    assert "hush" not in wrong


# The hash


VALUES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text())
ROWS = st.lists(st.fixed_dictionaries({"a": VALUES, "b": VALUES}), max_size=8)


@given(rows=ROWS, data=st.data())
def test_the_hash_is_the_same_in_any_order_and_in_any_batches(rows, data):
    other = data.draw(st.permutations(rows))
    cut = data.draw(st.integers(0, len(rows)))
    assert Fingerprint().plus(rows) == Fingerprint().plus(other[:cut]).plus(other[cut:])


@given(rows=ROWS.filter(bool), row=st.fixed_dictionaries({"a": VALUES, "b": VALUES}), data=st.data())
def test_the_hash_differs_for_a_changed_or_repeated_row(rows, row, data):
    place = data.draw(st.integers(0, len(rows) - 1))
    changed = [*rows[:place], row, *rows[place + 1 :]]
    same = repr([*row.values()]) == repr([*rows[place].values()])
    assert (Fingerprint().plus(rows).hash == Fingerprint().plus(changed).hash) is same
    assert Fingerprint().plus([*rows, row]).hash != Fingerprint().plus(rows).hash
    assert Fingerprint().plus([*rows, row, row]).hash != Fingerprint().plus(rows).hash
