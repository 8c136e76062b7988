"""An erased member is found in no file, no table, no Iceberg file and no Notion page; the others keep
everything."""

import json
import re
import sqlite3
import struct
import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from pyiceberg.avro.file import AvroFile
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.typedef import Record
from sqlalchemy import inspect, select, table, text, update

from whoop_assets.cli import main
from whoop_assets.db.database import Database
from whoop_assets.definitions import NAMESPACE
from whoop_assets.records import tables
from whoop_assets.schema import metadata
from whoop_assets.settings import Settings
from whoop_assets.sinks.iceberg.catalog import open_catalog
from whoop_assets.sinks.iceberg.sync import sync as sync_iceberg
from whoop_assets.sinks.notion.sync import sync as sync_notion
from whoop_assets.sinks.source import TABLES
from whoop_assets_tests.defs.conftest import Project
from whoop_assets_tests.drills.searching import SQLITE
from whoop_assets_tests.support.fake_notion.server import serve_notion
from whoop_assets_tests.support.fake_notion.summaries import DEFAULT_PROPERTIES
from whoop_assets_tests.support.fake_notion.workspace import TOKEN, FakeNotion

DAYS = 3
WORD_OR_TIME = re.compile(r"(?:[A-Za-z_ /]|/v2)+|[\d:.+TZ -]+")
"""Values that say nothing of a member by themselves: a state such as UNSCORABLE, a time."""

PURGE = ["db", "purge-events", "--older-than", "30"]


class Later(datetime):
    """The present in forty days."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(days=40)


@pytest.fixture
def notion():
    with serve_notion(FakeNotion(per_second=None)) as served:
        yield served


@pytest.fixture
def configured(notion, monkeypatch):
    """Iceberg and Notion are on, and charts are stored for two members."""
    for name, value in {
        "NOTION_TOKEN": TOKEN,
        "WHOOP_NOTION_DATA_SOURCE": notion.create_data_source(**DEFAULT_PROPERTIES),
        "WHOOP_NOTION_URL": notion.url,
        "WHOOP_ICEBERG_CATALOG": "local",
        "WHOOP_CHARTED_MEMBERS": "2",
    }.items():
        monkeypatch.setenv(name, value)


def fill(p: Project) -> date:
    """Write the members' data everywhere the project writes, twice, so that there are old states; returns the
    first day."""
    first = p.today - timedelta(days=DAYS)
    assert p.run(first, p.today).success
    p.catch_up()
    deliver(p)
    with p.home.database.write() as connection:
        p.home.advance(1)
        connection.execute(update(tables.cycles).values(strain=1.5, changed_at=p.home.clock.now()))
    deliver(p)
    assert p.run(p.today, p.today, "cycles", members=[p.home.member]).success
    monday = first - timedelta(days=first.weekday())
    last_monday = p.today - timedelta(days=p.today.weekday())
    assert p.run(monday, last_monday, "weekly_summary").success
    report = CliRunner().invoke(main, ["report"])
    assert report.exit_code == 0
    return first


def deliver(p: Project) -> None:
    settings = Settings.from_environment()
    catalog = open_catalog(settings)
    for exported in ("profile", "cycles", "sleep"):
        sync_iceberg(p.home.database, catalog, "whoop", TABLES[exported])
    sync_notion(settings, p.home.database, p.home.members, p.today - timedelta(days=1), p.today)


def erase(member: int) -> Result:
    return CliRunner().invoke(main, ["disconnect", str(member), "--erase", "--yes"])


def traces_of(database: Database, member: int) -> set[bytes]:
    """The member's id and every value of their rows that no other member's row holds, as text and as SQLite
    stores it."""
    mine: set[object] = {member}
    theirs: set[object] = set()
    with database.read() as connection:
        for source in metadata.sorted_tables:
            if "user_id" in source.c and source.name != "tokens":
                for row in connection.execute(select(source)).mappings():
                    values = {value for value in row.values() if isinstance(value, float | str | uuid.UUID)}
                    (mine if row["user_id"] == member else theirs).update(values)
    found = set()
    for value in mine - theirs:
        written = str(value)
        if value == member or (len(written) >= 8 and not WORD_OR_TIME.fullmatch(written)):
            found.add(written.encode())
        if isinstance(value, float) and len(written) >= 7:
            found.add(struct.pack(">d", value))
    # A manifest of Iceberg holds the least and the greatest value of a file, as bytes, which `contents` shows
    # as Python does.
    found.add(repr(struct.pack("<q", member))[2:-1].encode())
    assert len(found) > 50
    return found


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file as bytes; of SQLite, Parquet and Avro files what they say, too."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content, where = path.read_bytes(), str(path.relative_to(folder))
        yield where, content
        if content.startswith(SQLITE):
            with sqlite3.connect(path) as connection:
                yield where, "\n".join(connection.iterdump()).encode()
        elif path.suffix == ".parquet":
            yield where, repr(pq.read_table(path).to_pylist()).encode()
        elif path.suffix == ".avro":
            with AvroFile[Record](PyArrowFileIO().new_input(f"file://{path}")) as records:
                yield where, repr(list(records)).encode()


def places(folder: Path, traces: set[bytes]) -> set[str]:
    """The files that hold any trace."""
    return {where for where, content in contents(folder) if any(trace in content for trace in traces)}


def tables_with(database: Database, traces: set[bytes]) -> set[str]:
    """The tables of whichever database that hold any trace."""
    found = set()
    with database.read() as connection:
        for name in inspect(connection).get_table_names():
            # A row of SQLAlchemy shortens its long texts, a tuple does not.
            rows = [tuple(row) for row in connection.execute(select(text("*")).select_from(table(name)))]
            content = repr(rows).encode()
            if any(trace in content for trace in traces):
                found.add(name)
    return found


def tables_of_dagster(url: str, traces: set[bytes]) -> set[str]:
    """The tables of Dagster's database that hold any trace."""
    database = Database(url)
    try:
        return tables_with(database, traces)
    finally:
        database.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_nothing_of_an_erased_member_is_left_anywhere(
    project, configured, notion, monkeypatch, tmp_path, new_database_url, kind
):
    """With PostgreSQL, Dagster's storages are in a database there too."""
    dagster_url = None if kind == "sqlite" else new_database_url(kind, empty=True)
    with project(kind, dagster_url=dagster_url, members=2, days=DAYS + 4) as p:
        first = fill(p)
        member, other = p.home.members
        traces, kept = traces_of(p.home.database, member), traces_of(p.home.database, other)
        before = places(tmp_path, traces)
        of_sqlite = ["whoop", "index.db"] if kind == "sqlite" else []
        for written in (".html", ".parquet", ".avro", *of_sqlite):
            assert any(written in place for place in before), written
        if dagster_url is not None:
            assert tables_of_dagster(dagster_url, traces) >= {"event_logs", "runs"}
        assert tables_with(p.home.database, traces) >= {"members", "cycles", "record_versions", "trends"}
        mine = [page for page in notion.pages.values() if str(member) in json.dumps(page)]
        assert mine
        charted = p.metadata("daily_summary", p.today)["charts"]
        assert str(member) in charted and "data:image" in charted

        result = erase(member)
        assert (result.exit_code, result.stderr) == (0, ""), result.output

        assert places(tmp_path, traces) == set()
        assert tables_with(p.home.database, traces) == set()
        if dagster_url is not None:
            assert tables_of_dagster(dagster_url, traces) == set()
        assert all(page["in_trash"] for page in mine)
        for said in ("report", "Iceberg", "Notion", "event log", "backups"):
            assert said in result.stdout

        # The other member's rows, pages and report are as before, and Dagster still knows what is
        # materialized.
        assert kept <= traces_of(p.home.database, other)
        assert any(place.endswith(f"{other}.html") for place in places(tmp_path, {str(other).encode()}))
        assert not any(page["in_trash"] for page in notion.pages.values() if str(other) in json.dumps(page))
        partitions = p.instance.get_materialized_partitions(NAMESPACE.key("daily_summary"))
        assert {first.isoformat(), p.today.isoformat()} <= partitions
        assert p.metadata("daily_summary", p.today)["charts"] == "(removed)"


@pytest.mark.slow
def test_pages_that_could_not_be_reached_are_named_and_a_second_attempt_reaches_them(
    project, configured, notion, monkeypatch
):
    monkeypatch.delenv("WHOOP_ICEBERG_CATALOG")
    with project(days=4) as p:
        assert p.run(p.today - timedelta(days=1), p.today).success
        sync_notion(
            Settings.from_environment(), p.home.database, p.home.members, p.today - timedelta(days=1), p.today
        )
        monkeypatch.delenv("NOTION_TOKEN")
        first = erase(p.home.member)
        assert first.exit_code == 1
        assert "NOTION_TOKEN or WHOOP_NOTION_DATA_SOURCE is not set" in first.stderr
        assert notion.pages
        assert all(page in first.stderr for page in notion.pages)
        monkeypatch.setenv("NOTION_TOKEN", TOKEN)
        second = erase(p.home.member)
        assert (second.exit_code, second.stderr) == (0, ""), second.output
        assert all(page["in_trash"] for page in notion.pages.values())


@pytest.mark.slow
def test_old_runs_lose_their_logs_and_charts_and_keep_what_shows_their_partitions(project, monkeypatch):
    with project(days=4) as p:
        first = p.today - timedelta(days=2)
        result = p.run(first, p.today)
        assert result.success
        assert "charts" in p.metadata("daily_summary", p.today)
        log = len(p.instance.all_logs(result.run_id))

        assert "0 events of 0 runs" in CliRunner().invoke(main, PURGE).stdout
        monkeypatch.setattr("whoop_assets.cli.operations.db.datetime", Later)
        said = CliRunner().invoke(main, PURGE)
        assert (said.exit_code, said.stderr) == (0, "")
        assert "events of 1 runs" in said.stdout

        assert p.metadata("daily_summary", p.today)["charts"] == "(removed)"
        assert len(p.instance.all_logs(result.run_id)) < log / 2
        days = {(first + timedelta(days=n)).isoformat() for n in range(3)}
        assert p.instance.get_materialized_partitions(NAMESPACE.key("daily_summary")) == days
        assert p.instance.get_run_by_id(result.run_id).is_success
        assert "0 events of 0 runs" in CliRunner().invoke(main, PURGE).stdout


def test_an_id_of_which_nothing_is_found_is_unknown(project, monkeypatch):
    with project():
        result = erase(4711)
        assert result.exit_code == 1
        assert "Member 4711 is not known here" in result.stderr
