"""Fair queueing for SQLite's write lock."""

import fcntl
import multiprocessing

import pytest
from sqlalchemy import text

from whoop_assets.db import write_lock
from whoop_assets.db.database import Database
from whoop_assets.db.write_lock import WriteLockQueue

TIMEOUT_SECONDS = 180


def write_without_pause(url, started, stop):
    """Run transactions of some milliseconds without a pause, and count them in the database."""
    write_lock.MAX_WAIT_SECONDS = TIMEOUT_SECONDS  # this process must wait for the lock on a slow machine too
    database = Database(url)
    while not stop.is_set():
        with database.write() as connection:
            connection.execute(text("update counts set n = n + 1"))
            for _ in range(400):
                connection.execute(text("insert into scratch values (1)"))
            connection.execute(text("delete from scratch"))
        started.set()


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path / 'queue.db'}"
    database = Database(url)
    with database.write() as connection:
        connection.execute(text("create table counts (n integer)"))
        connection.execute(text("create table scratch (x integer)"))
        connection.execute(text("insert into counts values (0)"))
    database.close()
    return url


@pytest.mark.slow
def test_a_process_that_writes_without_pause_lets_others_write(url, tmp_path, monkeypatch):
    monkeypatch.setattr(write_lock, "MAX_WAIT_SECONDS", TIMEOUT_SECONDS)
    context = multiprocessing.get_context("spawn")
    started, stop = context.Event(), context.Event()
    writer = context.Process(target=write_without_pause, args=(url, started, stop))
    writer.start()
    database = Database(url)

    def committed():
        with database.read() as connection:
            return connection.scalar(text("select n from counts"))

    try:
        assert started.wait(TIMEOUT_SECONDS)
        with WriteLockQueue(tmp_path / "queue.db").turn():
            before = committed()
            counts = [committed() for _ in range(500)]
    finally:
        stop.set()
        writer.join(TIMEOUT_SECONDS)
        database.close()
    assert max(counts) <= before + 1


def test_a_lock_that_is_never_released_does_not_block_a_writer(url, tmp_path):
    database = Database(url)
    with (tmp_path / "queue.db-turn").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with database.write() as connection:
            connection.execute(text("update counts set n = 7"))
    with database.read() as connection:
        assert connection.scalar(text("select n from counts")) == 7
    database.close()


def test_without_a_lock_file_writing_continues(url, tmp_path):
    (tmp_path / "queue.db-turn").unlink(missing_ok=True)
    (tmp_path / "queue.db-turn").mkdir()
    database = Database(url)
    with database.write() as connection:
        connection.execute(text("update counts set n = 8"))
    database.close()
