"""The schema: made in an empty database, upgraded, refused when it is of another version."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from whoop_assets import schema
from whoop_assets.db.database import Database
from whoop_assets.derived_versions import schema_metadata
from whoop_assets.errors import SchemaMismatch
from whoop_assets.schema import metadata
from whoop_assets_tests.schema.next_release import NEXT, add_migration
from whoop_assets_tests.support.processes import together

NEW_TABLE = 'op.create_table("of_the_next_release", sa.Column("id", sa.Integer(), primary_key=True))'


@pytest.fixture
def empty(empty_database_url):
    database = Database(empty_database_url)
    yield database
    database.close()


def test_an_empty_database_gets_exactly_the_tables_of_the_program(empty):
    schema.prepare(empty)
    with empty.read() as connection:
        names = {*metadata.tables, *schema_metadata.tables, schema.VERSION_TABLE}
        assert set(inspect(connection).get_table_names()) == names
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": schema.VERSION_TABLE,
                "compare_type": True,
                "compare_server_default": True,
            },
        )
        assert compare_metadata(context, [metadata, schema_metadata]) == []
        # The order of columns is not compared: a migration adds a column after all others.


def test_no_migration_has_the_name_of_an_unreleased_schema():
    names = {script.revision for script in schema.scripts().walk_revisions()}
    assert names & schema.UNRELEASED == set()


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
    assert together(3, prepare_at, empty_database_url) == [len(metadata.tables) + 2] * 3


@pytest.mark.parametrize(
    ("version", "way_out"),
    [
        ("from the future", "install the newer whoop-assets"),
        ("0001", "set WHOOP_DATABASE_URL to a new database, then run `whoop-assets connect`"),
        ("0014", "set WHOOP_DATABASE_URL to a new database, then run `whoop-assets connect`"),
    ],
)
def test_a_schema_that_cannot_be_upgraded_is_refused_with_a_sentence(database, version, way_out):
    with database.write() as connection:
        connection.execute(
            text(f"update {schema.VERSION_TABLE} set version_num = :version"),  # noqa: S608
            {"version": version},
        )
    for refuse in (schema.prepare, schema.check, schema.upgrade):
        with pytest.raises(SchemaMismatch) as error:
            refuse(database)
        assert f"has schema {version}" in str(error.value)
        assert way_out in str(error.value)
        assert "\n" not in str(error.value)


def test_an_older_schema_is_refused_until_it_is_upgraded(database, tmp_path, monkeypatch):
    before = add_migration(tmp_path, monkeypatch, NEW_TABLE)
    with pytest.raises(SchemaMismatch) as error:
        schema.prepare(database)
    assert f"has schema {before}" in str(error.value)
    assert "`whoop-assets db upgrade`" in str(error.value)
    assert schema.upgrade(database) == (before, NEXT, [])
    schema.prepare(database)
    with database.read() as connection:
        assert inspect(connection).has_table("of_the_next_release")


def test_an_upgrade_that_fails_halfway_leaves_the_schema_as_it_was(database, tmp_path, monkeypatch):
    before = add_migration(tmp_path, monkeypatch, NEW_TABLE, "raise ZeroDivisionError")
    with pytest.raises(ZeroDivisionError):
        schema.upgrade(database)
    with database.read() as connection:
        assert not inspect(connection).has_table("of_the_next_release")
        assert schema.revision(connection) == before


def test_a_database_of_another_program_is_left_alone(empty_database_url):
    database = Database(empty_database_url)
    with database.write() as connection:
        connection.exec_driver_sql("create table members (name text)")
    with pytest.raises(SchemaMismatch, match="members"):
        schema.prepare(database)
    with database.read() as connection:
        assert inspect(connection).get_table_names() == ["members"]
    database.close()
