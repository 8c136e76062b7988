"""From every released schema to the newest: what older code reads and writes stays there, and one process does the work."""

import os
import subprocess
import sys
from datetime import date

import pytest
from alembic import command
from sqlalchemy import insert, text

from whoop_assets import schema
from whoop_assets.db.database import Database
from whoop_assets.records.ledgers import STALE_TRENDS, STALE_WEEKS
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.schema import metadata
from whoop_assets.summaries.tables import daily_summary
from whoop_assets_tests.support.filling import columns, contents, fill, tables_of
from whoop_assets_tests.support.fixed_time import NOW
from whoop_assets_tests.support.marks import slow
from whoop_assets_tests.support.processes import together

RELEASED = ("0001", "0002", "0003", "0004", "0005")

BUILT_ANEW = ("trends", "weekly_summary", "journal_effects")
"""Tables of computed values, whose columns may change until the first release, and which are built again after that."""

THEIR_LEDGERS = ("stale_trends", "stale_weeks")


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
        older = {name: table for name, table in tables_of(connection).items() if name not in BUILT_ANEW}
        fill(connection, older)
        before, had = contents(connection, older), columns(connection)
    assert all(len(rows) == 3 for rows in before.values())
    assert schema.upgrade(empty) == (revision, schema._newest())
    with empty.read() as connection:
        # No migration has removed or renamed anything that older code reads of records: its statements name what is still there.
        assert {name: had[name] - columns(connection)[name] for name in older} == {
            name: set() for name in older
        }
        after = contents(connection, older)
    for ledger in THEIR_LEDGERS:
        if ledger in older:
            # Days that are to be built again have come to those that were stale.
            assert set(after[ledger]) >= set(before[ledger])
    unchanged = [name for name in older if name not in THEIR_LEDGERS]
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}
    with empty.write() as connection:
        fill(connection, older, first=10)  # its INSERTs know no newer column
        counts = {name: len(rows) for name, rows in contents(connection, older).items()}
        assert counts == {name: len(rows) + 3 for name, rows in after.items()}


def test_computed_values_of_an_older_definition_are_built_again_after_the_upgrade(empty):
    at(empty, "0011")
    with empty.write() as connection:
        fill(
            connection,
            {name: table for name, table in tables_of(connection).items() if name != "stale_trends"},
        )
        days = contents(connection, {"daily_summary": tables_of(connection)["daily_summary"]})[
            "daily_summary"
        ]
    assert schema.upgrade(empty)[0] == "0011"
    with empty.read() as connection:
        assert len(STALE_TRENDS.stale(connection)) == len(days) == 3
        assert {entry.day.weekday() for entry in STALE_WEEKS.stale(connection)} >= {0}
        kept = contents(connection, {name: metadata.tables[name] for name in BUILT_ANEW})
    # Rows stay until they are built again, but for the effects, which have another key.
    assert {name: len(rows) for name, rows in kept.items()} == {
        "trends": 3,
        "weekly_summary": 3,
        "journal_effects": 0,
    }


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


def test_days_whose_counts_may_be_unknown_are_marked_for_a_rebuild(empty):
    at(empty, "0011")
    counts = {
        date(2026, 3, 1): (0, 2),
        date(2026, 3, 2): (1, 0),
        date(2026, 3, 3): (1, 2),
        date(2026, 3, 4): (0, 0),
    }
    with empty.write() as connection:
        for day, (naps, workouts) in counts.items():
            row = {"user_id": 7, "day": day, "is_partial": False, "built_at": NOW}
            connection.execute(insert(daily_summary).values(**row, nap_count=naps, workout_count=workouts))
        STALE_DAYS.mark(connection, 7, [date(2026, 3, 4)], NOW)
    schema.upgrade(empty)
    with empty.read() as connection:
        marked = sorted(entry.day for entry in STALE_DAYS.stale(connection))
    assert marked == [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 4)]
