"""Fair queueing for SQLite's write lock, and what happens without it."""

import fcntl
import multiprocessing

import pytest
from sqlalchemy import text

from whoop_assets.db import write_lock
from whoop_assets.db.database import Database
from whoop_assets.db.write_lock import WriteLockQueue

PATIENCE = 180


def write_without_a_pause(url, begun, stop):
    """One transaction after the other, each busy for some milliseconds, counted in the database."""
    write_lock.MAX_WAIT_SECONDS = PATIENCE  # on a slow machine too, this process must wait for the lock
    database = Database(url)
    while not stop.is_set():
        with database.write() as connection:
            connection.execute(text("update counts set n = n + 1"))
            for _ in range(400):
                connection.execute(text("insert into filling values (1)"))
            connection.execute(text("delete from filling"))
        begun.set()


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path / 'turns.db'}"
    database = Database(url)
    with database.write() as connection:
        connection.execute(text("create table counts (n integer)"))
        connection.execute(text("create table filling (x integer)"))
        connection.execute(text("insert into counts values (0)"))
    database.close()
    return url


@pytest.mark.slow
def test_a_process_that_writes_without_pauses_lets_the_next_one_in(url, tmp_path, monkeypatch):
    monkeypatch.setattr(write_lock, "MAX_WAIT_SECONDS", PATIENCE)
    context = multiprocessing.get_context("spawn")
    begun, stop = context.Event(), context.Event()
    greedy = context.Process(target=write_without_a_pause, args=(url, begun, stop))
    greedy.start()
    database = Database(url)

    def committed():
        with database.read() as connection:
            return connection.scalar(text("select n from counts"))

    try:
        assert begun.wait(PATIENCE)
        with WriteLockQueue(tmp_path / "turns.db").turn():
            before = committed()
            counts = [committed() for _ in range(500)]
    finally:
        stop.set()
        greedy.join(PATIENCE)
        database.close()
    assert max(counts) <= before + 1


def test_a_lock_that_is_never_released_delays_a_writer_only_for_a_time(url, tmp_path):
    database = Database(url)
    with (tmp_path / "turns.db-turn").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with database.write() as connection:
            connection.execute(text("update counts set n = 7"))
    with database.read() as connection:
        assert connection.scalar(text("select n from counts")) == 7
    database.close()


def test_without_a_lock_file_writing_continues(url, tmp_path):
    (tmp_path / "turns.db-turn").unlink(missing_ok=True)
    (tmp_path / "turns.db-turn").mkdir()
    database = Database(url)
    with database.write() as connection:
        connection.execute(text("update counts set n = 8"))
    database.close()
