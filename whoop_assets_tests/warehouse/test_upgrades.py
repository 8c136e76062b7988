"""From every released schema to the newest: what older code reads and writes stays there, and one process does the work."""

import os
import subprocess
import sys

import pytest
from alembic import command
from sqlalchemy import text

from whoop_assets.warehouse import schema
from whoop_assets.warehouse.database import Database
from whoop_assets_tests.marks import slow
from whoop_assets_tests.warehouse.filling import columns, contents, fill, tables_of
from whoop_assets_tests.warehouse.processes import together

RELEASED = ("0001", "0002", "0003", "0004", "0005")


@pytest.fixture
def empty(empty_database_url):
    database = Database(empty_database_url)
    yield database
    database.close()


def at(database, revision):
    """Give the empty database the schema of that release."""
    with database.write_schema() as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_these_are_all_that_were_released():
    assert {script.revision for script in schema._scripts().walk_revisions()} >= set(RELEASED)


@pytest.mark.parametrize("revision", [RELEASED[0], *slow(*RELEASED[1:])])
def test_what_older_code_reads_and_writes_is_there_after_the_upgrade(empty, revision):
    at(empty, revision)
    with empty.write() as connection:
        older = tables_of(connection)
        fill(connection, older)
        before, had = contents(connection, older), columns(connection)
    assert all(len(rows) == 3 for rows in before.values())
    assert schema.upgrade(empty) == (revision, schema._newest())
    with empty.read() as connection:
        # No migration has removed or renamed anything: the older code's statements name what is still there.
        assert {name: had[name] - columns(connection)[name] for name in had} == {name: set() for name in had}
        assert contents(connection, older) == before
    with empty.write() as connection:
        fill(connection, older, first=10)  # its INSERTs know no newer column
        assert {name: len(rows) for name, rows in contents(connection, older).items()} == dict.fromkeys(
            older, 6
        )


def upgraded(url):
    database = Database(url)
    try:
        return schema.upgrade(database)
    finally:
        database.close()


@pytest.mark.slow
def test_of_processes_that_upgrade_at_once_one_works_and_the_others_find_nothing_to_do(
    empty, empty_database_url
):
    at(empty, "0001")
    with empty.write() as connection:
        fill(connection, tables_of(connection))
    newest = schema._newest()
    assert sorted(together(3, upgraded, empty_database_url)) == sorted(
        [("0001", newest), (newest, newest), (newest, newest)]
    )


def upgrading(url):
    return subprocess.Popen(
        [sys.executable, "-m", "whoop_assets.cli", "db", "upgrade"],
        env={**os.environ, "WHOOP_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_the_command_waits_for_who_upgrades_already(empty, empty_database_url):
    at(empty, "0003")
    with empty.write_schema() as connection:  # we are the one who is at it
        processes = [upgrading(empty_database_url) for _ in range(2)]
        if not empty.is_sqlite:
            waiting = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")
            while connection.scalar(waiting) < 2:
                assert all(process.poll() is None for process in processes)
        assert all(process.poll() is None for process in processes)
    ended = [process.communicate(timeout=180) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    said = sorted(out.partition("(")[2] for out, _ in ended)
    assert said == ["was 0003 before).\n", "was there already).\n"]
