"""The SQLite file: only its owner can read it, and it contains no deleted values after compacting."""

from pathlib import Path

import pytest

from whoop_assets.db.database import Database, compact_sqlite

SECRET = "a-value-that-is-deleted" * 40


@pytest.fixture
def database(tmp_path):
    opened = Database(f"sqlite:///{tmp_path / 'new' / 'whoop.db'}")
    yield opened
    opened.close()


def files(database: Database) -> list[Path]:
    assert database.path is not None
    return sorted(database.path.parent.glob("whoop.db*"))


def bytes_of(database: Database) -> bytes:
    return b"".join(path.read_bytes() for path in files(database))


def checkpoint(database: Database) -> None:
    """Writes the write-ahead log into the file and empties it."""
    with database.read() as connection:
        (busy, *_) = connection.exec_driver_sql("pragma wal_checkpoint(truncate)").one()
    assert not busy


def test_only_the_owner_can_read_a_new_file_and_its_log(database):
    with database.write() as connection:
        connection.exec_driver_sql("create table t (v text)")
    assert len(files(database)) > 1
    assert {path.stat().st_mode & 0o777 for path in files(database)} == {0o600}


def test_deleted_values_are_overwritten_in_the_file(database):
    with database.write() as connection:
        connection.exec_driver_sql("create table t (v text)")
        connection.exec_driver_sql("insert into t values (?)", (SECRET,))
    checkpoint(database)
    assert SECRET.encode() in bytes_of(database)
    with database.write() as connection:
        connection.exec_driver_sql("delete from t")
    checkpoint(database)
    assert SECRET.encode() not in bytes_of(database)


def test_compacting_removes_deleted_values_and_keeps_the_others(database):
    with database.write() as connection:
        connection.exec_driver_sql("create table t (v text)")
        connection.exec_driver_sql("insert into t values (?), ('kept-value')", (SECRET,))
    with database.write() as connection:
        connection.exec_driver_sql("delete from t where v <> 'kept-value'")
    assert SECRET.encode() in bytes_of(database)  # in the write-ahead log
    assert database.compact([])
    assert SECRET.encode() not in bytes_of(database)
    assert b"kept-value" in bytes_of(database)


def test_compacting_returns_false_while_another_process_reads(database):
    with database.write() as connection:
        connection.exec_driver_sql("create table t (v text)")
    with database.read() as reading:
        reading.exec_driver_sql("select * from t").all()
        with database.write() as connection:
            connection.exec_driver_sql("insert into t values ('new')")
        assert not compact_sqlite(files(database)[0], timeout=0)
