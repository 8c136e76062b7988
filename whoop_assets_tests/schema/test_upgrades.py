"""Upgrades of filled databases: what older code reads and writes stays, and one process does the work."""

import os
import subprocess
import sys

import pytest
from alembic import command
from sqlalchemy import text

from whoop_assets import schema
from whoop_assets.db.database import Database
from whoop_assets_tests.schema.next_release import NEXT, add_migration
from whoop_assets_tests.support.data.filling import columns, contents, fill, tables_of
from whoop_assets_tests.support.fixed_time import NOW
from whoop_assets_tests.support.processes import together

REVISIONS = sorted(script.revision for script in schema.scripts().walk_revisions())


@pytest.fixture
def empty(empty_database_url):
    database = Database(empty_database_url)
    yield database
    database.close()


def at(database, revision):
    """Give the empty database the schema of that release."""
    with database.write_schema() as connection:
        config = schema.alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        schema.mark_outdated(connection, NOW)


@pytest.mark.parametrize("revision", REVISIONS)
def test_older_code_can_read_and_write_after_the_upgrade(empty, revision, tmp_path, monkeypatch):
    at(empty, revision)
    add_migration(
        tmp_path,
        monkeypatch,
        'op.add_column("daily_summary", sa.Column("of_the_next_release", sa.Double()))',
        'op.create_index("ix_of_the_next_release", "daily_summary", ["of_the_next_release"])',
    )
    with empty.write() as connection:
        older = tables_of(connection)
        fill(connection, older)
        before, had = contents(connection, older), columns(connection)
    assert all(len(rows) == 3 for rows in before.values())
    assert schema.upgrade(empty) == (revision, NEXT, [])
    with empty.read() as connection:
        # No migration removes or renames what older code reads.
        assert all(had[name] <= columns(connection)[name] for name in older)
        assert contents(connection, older) == before
        declared = {column.name for column in schema.metadata.tables["daily_summary"].columns}
        assert columns(connection)["daily_summary"] == declared | {"of_the_next_release"}
    with empty.write() as connection:
        fill(connection, older, first=10)  # its INSERTs know no newer column
        counts = {name: len(rows) for name, rows in contents(connection, older).items()}
        assert counts == {name: len(rows) + 3 for name, rows in before.items()}


def upgraded(url):
    database = Database(url)
    try:
        return schema.upgrade(database)
    finally:
        database.close()


@pytest.mark.slow
def test_one_of_several_processes_upgrades_and_the_others_do_nothing(empty_database_url):
    newest = schema.newest()
    results = together(3, upgraded, empty_database_url)
    assert sorted(results, key=str) == [(newest, newest, []), (newest, newest, []), (None, newest, [])]


def upgrading(url):
    return subprocess.Popen(
        [sys.executable, "-m", "whoop_assets.cli", "db", "upgrade"],
        env={**os.environ, "WHOOP_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_the_command_waits_for_another_upgrade(empty, empty_database_url):
    with empty.write_schema() as connection:  # this process is the other upgrade
        processes = [upgrading(empty_database_url) for _ in range(2)]
        if not empty.is_sqlite:
            waiting = text("select count(*) from pg_locks where locktype = 'advisory' and not granted")
            while connection.scalar(waiting) < 2:
                assert all(process.poll() is None for process in processes)
        assert all(process.poll() is None for process in processes)
    ended = [process.communicate(timeout=180) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ended
    printed = sorted(out.partition("(")[2] for out, _ in ended)
    assert printed == ["was empty before).\n", "was there already).\n"]
