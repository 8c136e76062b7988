"""The schema: made in an empty database, brought forward, refused when it is of another version."""

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, inspect, select, text

from whoop_assets import schema
from whoop_assets.app_export.tables import imported_cycles, imported_sleeps
from whoop_assets.db.database import Database
from whoop_assets.errors import SchemaMismatch
from whoop_assets.members import store as member_store
from whoop_assets.members import tables as member_tables
from whoop_assets.records.ledgers import STALE_TRENDS, STALE_WEEKS
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.schema import metadata
from whoop_assets.summaries import tables as summary_tables
from whoop_assets_tests.support.fixed_time import NOW
from whoop_assets_tests.support.processes import together

WHEN = ("first_seen_at", "changed_at", "imported_at")


@pytest.fixture
def empty(empty_database_url):
    database = Database(empty_database_url)
    yield database
    database.close()


def test_an_empty_database_gets_exactly_the_tables_of_the_program(empty):
    schema.prepare(empty)
    with empty.read() as connection:
        assert set(inspect(connection).get_table_names()) == {*metadata.tables, schema.VERSION_TABLE}
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": schema.VERSION_TABLE,
                "compare_type": True,
                "compare_server_default": True,
                "target_metadata": metadata,
            },
        )
        assert compare_metadata(context, metadata) == []


def test_preparing_again_changes_nothing(database):
    schema.prepare(database)
    with database.read() as connection:
        assert connection.scalar(text(f"select count(*) from {schema.VERSION_TABLE}")) == 1  # noqa: S608


def prepare_at(url):
    database = Database(url)
    schema.prepare(database)
    with database.read() as connection:
        count = len(inspect(connection).get_table_names())
    database.close()
    return count


@pytest.mark.slow
def test_processes_that_find_the_database_empty_at_once_all_succeed(empty_database_url):
    assert together(3, prepare_at, empty_database_url) == [len(metadata.tables) + 1] * 3


def test_a_newer_schema_is_refused_with_a_sentence(database):
    with database.write() as connection:
        connection.execute(text(f"update {schema.VERSION_TABLE} set version_num = 'from the future'"))  # noqa: S608
    for refuse in (schema.prepare, schema.upgrade):
        with pytest.raises(SchemaMismatch) as error:
            refuse(database)
        assert "install the newer whoop-assets" in str(error.value)
        assert "\n" not in str(error.value)


NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "next"
down_revision = "{before}"


def upgrade() -> None:
    op.create_table("of_the_next_release", sa.Column("id", sa.Integer(), primary_key=True))
    {afterwards}
"""


def next_release(tmp_path, monkeypatch, afterwards=""):
    """The program as a later release might be: its migrations and one more."""
    before = schema._newest()
    migrations = shutil.copytree(Path(schema.__file__).parent / "migrations", tmp_path / "migrations")
    (migrations / "versions" / "next.py").write_text(NEXT.format(before=before, afterwards=afterwards))
    config = Config()
    config.set_main_option("script_location", str(migrations))
    monkeypatch.setattr(schema, "_config", lambda: config)
    return before


def test_an_older_schema_is_refused_until_it_is_upgraded(database, tmp_path, monkeypatch):
    before = next_release(tmp_path, monkeypatch)
    with pytest.raises(SchemaMismatch) as error:
        schema.prepare(database)
    assert f"has schema {before}" in str(error.value)
    assert "`whoop-assets db upgrade`" in str(error.value)
    assert schema.upgrade(database) == (before, "next")
    schema.prepare(database)
    with database.read() as connection:
        assert inspect(connection).has_table("of_the_next_release")


def test_what_was_summed_up_before_there_were_trends_is_behind_after_the_upgrade(empty):
    with empty.write() as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")
        days = [date(2026, 3, 1), date(2026, 3, 2)]  # a Sunday and a Monday
        rows = [{"user_id": 1, "day": day, "is_partial": False, "built_at": NOW} for day in days]
        connection.execute(insert(summary_tables.daily_summary), rows)
    assert schema.upgrade(empty) == ("0003", schema._newest())
    with empty.read() as connection:
        assert [entry.day for entry in STALE_TRENDS.stale(connection)] == days[::-1]
        assert [entry.day for entry in STALE_WEEKS.stale(connection)] == [date(2026, 3, 2), date(2026, 2, 23)]
        assert STALE_TRENDS.changed_since(connection, [1], NOW - timedelta(days=3650))


def test_the_numbers_that_members_from_an_export_have_are_known_after_the_upgrade(empty):
    with empty.write() as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0010")
        ours = {"status": member_store.EXPORT_ONLY, "scopes": "", "connected_at": NOW}
        connection.execute(
            insert(member_tables.members), [ours | {"user_id": user_id} for user_id in (-4, 10129)]
        )
    schema.upgrade(empty)
    with empty.write([member_store.NEWCOMERS]) as connection:
        assert member_store.add_export_only(connection, NOW) == -5
        # And a version that has run since before then goes on without a word in the ledger.
        connection.execute(insert(member_tables.members), [ours | {"user_id": -6}])
        assert member_store.add_export_only(connection, NOW) == -7
        connection.execute(insert(member_tables.members), [ours | {"user_id": -8}])
        member_store.erase(connection, -8)
        assert member_store.add_export_only(connection, NOW) == -9


def test_what_exports_said_of_naps_is_corrected_by_the_upgrade(empty):
    """June 3 has the recovery of a nap that sleeps.csv lists too; of June 4 only the row of the cycle is known.

    On June 5, sleeps.csv lists a late sleep that is no nap.
    """
    with empty.write() as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0011")
        starts = {day: datetime(2025, 6, day, 4, tzinfo=UTC) for day in (2, 3, 4, 5)}
        nap, alone = datetime(2025, 6, 3, 20, tzinfo=UTC), datetime(2025, 6, 4, 20, tzinfo=UTC)
        late = datetime(2025, 6, 5, 9, tzinfo=UTC)
        onsets = {2: "2025-06-01 23:00:00", 3: "2025-06-03 15:00:00", 4: "2025-06-04 15:00:00"}
        onsets[5] = "2025-06-05 04:00:00"
        common = {"user_id": -1, "timezone_offset": "-05:00", "content_hash": "x", **dict.fromkeys(WHEN, NOW)}
        cycles = [
            common
            | {"start_time": start, "day": start.date(), "payload": json.dumps({"sleeponset": onsets[day]})}
            for day, start in starts.items()
        ]
        sleeps = [
            common
            | {"start_time": start, "nap": is_nap, "end_time": start + timedelta(hours=1)}
            | {"payload": json.dumps({"nap": "false"} if start == late else {})}
            | {"cycle_start_time": starts[under], "day": starts[under].date()}
            for start, is_nap, under in (
                (starts[2], False, 2), (nap, True, 3), (nap, False, 3), (alone, False, 4), (late, False, 5),
            )
        ]  # fmt: skip
        connection.execute(insert(imported_cycles), cycles)
        connection.execute(insert(imported_sleeps), sleeps)
    schema.upgrade(empty)
    with empty.read() as connection:
        order = imported_cycles.c.start_time
        named = connection.scalars(select(imported_cycles.c.sleep_start_time).order_by(order)).all()
        assert named == [starts[2], nap, alone, late]
        kept = connection.execute(select(imported_sleeps).order_by(imported_sleeps.c.start_time)).all()
        # The nap is no night any more, and neither is the sleep that began sixteen hours into its cycle.
        expected = [(starts[2], False), (nap, True), (alone, True), (late, False)]
        assert [(row.start_time, row.nap) for row in kept] == expected
        assert {entry.day for entry in STALE_DAYS.stale(connection)} == {date(2025, 6, 3), date(2025, 6, 4)}


def test_an_upgrade_that_fails_halfway_leaves_the_schema_as_it_was(database, tmp_path, monkeypatch):
    before = next_release(tmp_path, monkeypatch, afterwards="raise ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        schema.upgrade(database)
    with database.read() as connection:
        assert not inspect(connection).has_table("of_the_next_release")
        assert schema._revision(connection) == before


def test_a_database_of_another_program_is_left_alone(empty_database_url):
    database = Database(empty_database_url)
    with database.write() as connection:
        connection.exec_driver_sql("create table members (name text)")
    with pytest.raises(SchemaMismatch, match="members"):
        schema.prepare(database)
    with database.read() as connection:
        assert inspect(connection).get_table_names() == ["members"]
    database.close()
