"""Erasing a member removes their data from all tables, files, Iceberg tables and Notion pages."""

import json
import re
import sqlite3
import struct
import uuid
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import time_machine
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
from whoop_assets_tests.defs.dagster_project import DagsterProject
from whoop_assets_tests.drills.secret_search import SQLITE
from whoop_assets_tests.support.fake_notion.server import serve_notion
from whoop_assets_tests.support.fake_notion.summaries import DEFAULT_PROPERTIES
from whoop_assets_tests.support.fake_notion.workspace import TOKEN, FakeNotion
from whoop_assets_tests.support.fixed_time import NOW

DAYS = 3
SHARED_VALUE = re.compile(r"(?:[A-Za-z_ /]|/v2)+|[\d:.+TZ -]+")
"""Values that identify no member: words such as UNSCORABLE, and times."""

PURGE = ["db", "purge-events", "--older-than", "30"]


@pytest.fixture
def notion():
    with serve_notion(FakeNotion(per_second=None)) as served:
        yield served


@pytest.fixture
def configured(notion, monkeypatch):
    """Enables Iceberg, Notion, and charts for two members."""
    for name, value in {
        "NOTION_TOKEN": TOKEN,
        "WHOOP_NOTION_DATA_SOURCE": notion.create_data_source(**DEFAULT_PROPERTIES),
        "WHOOP_NOTION_URL": notion.url,
        "WHOOP_ICEBERG_CATALOG": "local",
        "WHOOP_CHARTED_MEMBERS": "2",
    }.items():
        monkeypatch.setenv(name, value)


def write_everywhere(p: DagsterProject) -> date:
    """Writes the members' data to all targets twice, so that old versions exist; returns the first day."""
    first = p.today - timedelta(days=DAYS)
    assert p.run(first, p.today).success
    p.catch_up()
    export_to_sinks(p)
    with p.home.database.write() as connection:
        p.home.advance(1)
        connection.execute(update(tables.cycles).values(strain=1.5, changed_at=p.home.clock.now()))
    export_to_sinks(p)
    assert p.run(p.today, p.today, "cycles", members=[p.home.member]).success
    monday = first - timedelta(days=first.weekday())
    last_monday = p.today - timedelta(days=p.today.weekday())
    assert p.run(monday, last_monday, "weekly_summary").success
    report = CliRunner().invoke(main, ["report"])
    assert report.exit_code == 0
    return first


def export_to_sinks(p: DagsterProject) -> None:
    settings = Settings.from_environment()
    catalog = open_catalog(settings)
    for name in ("profile", "cycles", "sleep", "cycle_by_id"):
        sync_iceberg(p.home.database, catalog, "whoop", TABLES[name])
    sync_notion(settings, p.home.database, p.home.members, p.today - timedelta(days=1), p.today)


def erase(member: int) -> Result:
    return CliRunner().invoke(main, ["disconnect", str(member), "--erase", "--yes"])


def traces_of(database: Database, member: int) -> set[bytes]:
    """Returns the member's id and the values of their rows only, as text and as SQLite stores them."""
    own: set[object] = {member}
    others: set[object] = set()
    with database.read() as connection:
        for source in metadata.sorted_tables:
            if "user_id" in source.c and source.name != "tokens":
                for row in connection.execute(select(source)).mappings():
                    values = {value for value in row.values() if isinstance(value, float | str | uuid.UUID)}
                    (own if row["user_id"] == member else others).update(values)
    found = set()
    for value in own - others:
        as_text = str(value)
        if value == member or (len(as_text) >= 8 and not SHARED_VALUE.fullmatch(as_text)):
            found.add(as_text.encode())
        if isinstance(value, float) and len(as_text) >= 7:
            found.add(struct.pack(">d", value))
    # An Iceberg manifest contains the lowest and highest value of a file, as bytes.
    found.add(repr(struct.pack("<q", member))[2:-1].encode())
    assert len(found) > 50
    return found


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yields the bytes of each file; for SQLite, Parquet and Avro files also their parsed content."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content, name = path.read_bytes(), str(path.relative_to(folder))
        yield name, content
        if content.startswith(SQLITE):
            with sqlite3.connect(path) as connection:
                yield name, "\n".join(connection.iterdump()).encode()
        elif path.suffix == ".parquet":
            yield name, repr(pq.read_table(path).to_pylist()).encode()
        elif path.suffix == ".avro":
            with AvroFile[Record](PyArrowFileIO().new_input(f"file://{path}")) as records:
                yield name, repr(list(records)).encode()


def files_with(folder: Path, traces: set[bytes]) -> set[str]:
    """Returns the files that contain any of the traces."""
    return {name for name, content in contents(folder) if any(trace in content for trace in traces)}


def tables_with(database: Database, traces: set[bytes]) -> set[str]:
    """Returns the tables that contain any of the traces."""
    found = set()
    with database.read() as connection:
        for name in inspect(connection).get_table_names():
            # A row of SQLAlchemy shortens its long texts, a tuple does not.
            rows = [tuple(row) for row in connection.execute(select(text("*")).select_from(table(name)))]
            content = repr(rows).encode()
            if any(trace in content for trace in traces):
                found.add(name)
    return found


def dagster_tables_with(url: str, traces: set[bytes]) -> set[str]:
    """Returns the tables of Dagster's database that contain any of the traces."""
    database = Database(url)
    try:
        return tables_with(database, traces)
    finally:
        database.close()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_erased_member_leaves_no_trace_and_other_members_keep_their_data(
    project, configured, notion, monkeypatch, tmp_path, new_database_url, kind
):
    """With PostgreSQL, Dagster's storages are in a database of the same server."""
    dagster_url = None if kind == "sqlite" else new_database_url(kind, empty=True)
    with project(kind, dagster_url=dagster_url, members=2, days=DAYS + 4) as p:
        first = write_everywhere(p)
        member, other = p.home.members
        traces, other_traces = traces_of(p.home.database, member), traces_of(p.home.database, other)
        before = files_with(tmp_path, traces)
        sqlite_files = ["whoop", "index.db", "runs.db"] if kind == "sqlite" else []
        for part in (".html", ".parquet", ".avro", "cycle_by_id", *sqlite_files):
            assert any(part in name for name in before), part
        if dagster_url is not None:
            assert dagster_tables_with(dagster_url, traces) >= {"event_logs", "runs"}
        assert tables_with(p.home.database, traces) >= {"members", "cycles", "record_versions", "trends"}
        own_pages = [page for page in notion.pages.values() if str(member) in json.dumps(page)]
        assert own_pages
        charted = p.metadata("daily_summary", p.today)["charts"]
        assert str(member) in charted and "data:image" in charted

        result = erase(member)
        assert (result.exit_code, result.stderr) == (0, ""), result.output

        assert files_with(tmp_path, traces) == set()
        assert tables_with(p.home.database, traces) == set()
        if dagster_url is not None:
            assert dagster_tables_with(dagster_url, traces) == set()
        assert all(page["in_trash"] for page in own_pages)
        for target in ("report", "Iceberg", "Notion", "event log", "backups"):
            assert target in result.stdout

        # The other member's rows, pages and report are unchanged, and partitions stay materialized.
        assert other_traces <= traces_of(p.home.database, other)
        assert any(name.endswith(f"{other}.html") for name in files_with(tmp_path, {str(other).encode()}))
        assert not any(page["in_trash"] for page in notion.pages.values() if str(other) in json.dumps(page))
        partitions = p.instance.get_materialized_partitions(NAMESPACE.key("daily_summary"))
        assert {first.isoformat(), p.today.isoformat()} <= partitions
        assert p.metadata("daily_summary", p.today)["charts"] == "(removed)"


@pytest.mark.slow
def test_unreachable_notion_pages_are_named_and_a_second_attempt_erases_them(
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
def test_purging_old_runs_removes_logs_and_charts_and_keeps_partitions(project):
    with project(days=4) as p:
        first = p.today - timedelta(days=2)
        result = p.run(first, p.today)
        assert result.success
        assert "charts" in p.metadata("daily_summary", p.today)
        log = len(p.instance.all_logs(result.run_id))

        assert "0 events of 0 runs" in CliRunner().invoke(main, PURGE).stdout
        with time_machine.travel(NOW + timedelta(days=40)):
            purged = CliRunner().invoke(main, PURGE)
        assert (purged.exit_code, purged.stderr) == (0, "")
        assert " of 1 run that ended" in purged.stdout

        assert p.metadata("daily_summary", p.today)["charts"] == "(removed)"
        assert len(p.instance.all_logs(result.run_id)) < log / 2
        days = {(first + timedelta(days=n)).isoformat() for n in range(3)}
        assert p.instance.get_materialized_partitions(NAMESPACE.key("daily_summary")) == days
        assert p.instance.get_run_by_id(result.run_id).is_success
        with time_machine.travel(NOW + timedelta(days=40)):
            assert "0 events of 0 runs" in CliRunner().invoke(main, PURGE).stdout


def test_erasing_an_unknown_member_fails(project, monkeypatch):
    with project():
        result = erase(4711)
        assert result.exit_code == 1
        assert "Member 4711 is not known here" in result.stderr
