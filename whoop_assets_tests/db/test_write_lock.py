"""Turns at SQLite's write lock: whoever writes without a pause lets the others in, and nobody depends on it."""

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
    write_lock.MAX_WAIT_SECONDS = (
        PATIENCE  # however slow the machine is, this process does not go on without the turn
    )
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
def test_once_a_process_has_the_turn_another_one_commits_at_most_what_it_has_begun(
    url, tmp_path, monkeypatch
):
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


def test_a_turn_that_its_holder_never_gives_up_is_gone_without(url, tmp_path):
    database = Database(url)
    with (tmp_path / "turns.db-turn").open("wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with database.write() as connection:
            connection.execute(text("update counts set n = 7"))
    with database.read() as connection:
        assert connection.scalar(text("select n from counts")) == 7
    database.close()


def test_where_no_file_can_be_made_beside_the_database_writing_goes_on(url, tmp_path):
    (tmp_path / "turns.db-turn").unlink(missing_ok=True)
    (tmp_path / "turns.db-turn").mkdir()
    database = Database(url)
    with database.write() as connection:
        connection.execute(text("update counts set n = 8"))
    database.close()
