"""Backup and restore as in docs/operations.md, during writes: the restored database shows one moment."""

import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import threading
from contextlib import closing

import pytest
from sqlalchemy import func, select

from whoop_assets import database_copy
from whoop_assets.db.database import Database
from whoop_assets.records import tables
from whoop_assets_tests.support.data.filling import DAY, fill, tables_of
from whoop_assets_tests.support.servers.postgres import postgres_binaries
from whoop_assets_tests.support.wheel import ROOT

pytestmark = pytest.mark.slow

DOCS = (ROOT / "docs" / "operations.md").read_text()


def plain(url):
    """The address as PostgreSQL's own tools take it."""
    return url.replace("postgresql+psycopg2://", "postgresql://")


def shown(program):
    """The command as the document shows it."""
    return re.search(rf"^ *({program} .*)$", DOCS, re.MULTILINE).group(1)


@pytest.fixture
def filled(database):
    with database.write() as connection:
        fill(connection, tables_of(connection), rows=50)
    return database


class Writer(threading.Thread):
    """Changes two tables at once, over and over; each transaction leaves them with as many rows."""

    def __init__(self, database):
        super().__init__()
        self.database, self.stop, self.written = database, threading.Event(), threading.Event()

    def run(self):
        number = 1_000
        while not self.stop.is_set():
            number += 1
            with self.database.write() as connection:
                for table in (tables.stale_days, tables.stale_trends):
                    row = {
                        "user_id": number,
                        "day": DAY,
                        "generation": 1,
                        "changed_at": self.database.clock.now(),
                    }
                    connection.execute(table.insert(), row)
            self.written.set()

    def __enter__(self):
        self.start()
        assert self.written.wait(60)
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.join()


def back_up(database, folder):
    """Make a backup of a running database by the document's command."""
    if database.is_sqlite:
        subprocess.run(["sh", "-c", shown("install")], check=True, cwd=folder)
        quoted = re.search(r'"VACUUM INTO .*"', shown("sqlite3")).group()
        statement = subprocess.run(  # the shell fills the date in
            ["sh", "-c", f"printf %s {quoted}"], check=True, capture_output=True, text=True
        ).stdout
        with closing(sqlite3.connect(database.url.database)) as connection:
            connection.execute(statement.replace("backup/", f"{folder}/backup/"))
        assert (folder / "backup").stat().st_mode & 0o777 == 0o700
        return
    url = plain(database.url.render_as_string(hide_password=False))
    run(
        shown("pg_dump"),
        {"postgresql://whoop@db.example/whoop": url, "backup/whoop.dump": f"{folder}/whoop.dump"},
    )


def restored(database, folder, new_database_url):
    if database.is_sqlite:
        (copy,) = (folder / "backup").iterdir()
        assert re.fullmatch(r"whoop-\d{4}-\d\d-\d\d-\d{4}\.db", copy.name)
        shutil.copy(copy, folder / "restored.db")
        return Database(f"sqlite:///{folder / 'restored.db'}")
    url = new_database_url("postgresql", empty=True)
    there = "postgresql://whoop@db.example/whoop_restored"
    run(shown("pg_restore"), {there: plain(url), "backup/whoop.dump": f"{folder}/whoop.dump"})
    return Database(url)


def run(command, instead):
    for said, meant in instead.items():
        assert said in command
        command = command.replace(said, meant)
    program, *arguments = shlex.split(command)
    binary = postgres_binaries() / program
    subprocess.run([binary, *arguments], check=True, capture_output=True, env={**os.environ, "LC_ALL": "C"})


def test_a_restored_backup_has_the_same_rows(filled, tmp_path, new_database_url):
    back_up(filled, tmp_path)
    with closing(restored(filled, tmp_path, new_database_url)) as found:
        compared = database_copy.compare(filled, found)
        with found.write() as connection:  # it can be worked with
            fill(connection, tables_of(connection), rows=1, first=900)
    assert all(one.equal and one.here.rows == 50 for one in compared)


def test_a_backup_during_writes_shows_one_moment(filled, tmp_path, new_database_url):
    with Writer(filled):
        back_up(filled, tmp_path)
    with closing(restored(filled, tmp_path, new_database_url)) as found, found.read() as connection:
        of_days, of_trends = (
            connection.scalar(select(func.count()).select_from(table))
            for table in (tables.stale_days, tables.stale_trends)
        )
        others = {one.table for one in database_copy.compare(filled, found) if not one.equal}
    assert of_days == of_trends > 50
    assert others <= {"stale_days", "stale_trends"}
