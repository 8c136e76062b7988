"""The schema: making it in an empty database, bringing it forward, and refusing one of another version."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

# Each import adds its tables to the shared metadata.
import whoop_assets.app_export.tables
import whoop_assets.journal.tables
import whoop_assets.members.tables
import whoop_assets.planner.tables
import whoop_assets.records.tables
import whoop_assets.request_budget.tables
import whoop_assets.sinks.iceberg.tables
import whoop_assets.sinks.notion.tables
import whoop_assets.summaries.tables
import whoop_assets.tokens.tables
import whoop_assets.v1_migration.tables
import whoop_assets.webhooks.tables  # noqa: F401
from whoop_assets.db.database import Database
from whoop_assets.db.metadata import metadata
from whoop_assets.errors import SchemaMismatch
from whoop_assets.settings import Settings

__all__ = ["VERSION_TABLE", "check", "metadata", "open_database", "prepare", "upgrade"]

VERSION_TABLE = "whoop_schema_version"
"""Our own name: Dagster keeps its own alembic version in a table of alembic's usual name, perhaps in this database."""


def open_database(settings: Settings, *, durable: bool = False, create: bool = False) -> Database:
    """Open the database of the settings and check its schema.

    Args:
        settings: Name the database.
        durable: As for Database.
        create: Make the database, or the schema in an empty one. Otherwise a mistyped address is an error.

    Raises:
        ConfigurationError: There is no database.
        DatabaseUnreachable: It does not answer.
        SchemaMismatch: Its schema is of another version, or it is empty.
    """
    database = Database(settings.database_url, durable=durable, create=create)
    if create:
        prepare(database)
    else:
        check(database)
    return database


def prepare(database: Database) -> None:
    """Check the schema; make it if the database is empty. Raises SchemaMismatch for an older or newer one."""
    with database.read() as connection:
        found = _revision(connection)
    if found is None:
        upgrade(database)
    else:
        _require_newest(database, found)


def check(database: Database) -> None:
    """Raise DatabaseUnreachable, or SchemaMismatch unless the schema is there and of this version."""
    with database.read() as connection:
        _require_newest(database, _revision(connection) or "none")


def _require_newest(database: Database, found: str) -> None:
    if found == "none":
        raise SchemaMismatch(
            f"The database {database.shown} has no tables of whoop-assets: correct its address, or run"
            " `whoop-assets db upgrade`, which makes them."
        )
    if found != _newest():
        known = {script.revision for script in _scripts().walk_revisions()}
        if found in known:
            raise SchemaMismatch(
                f"The database {database.shown} has schema {found}, and this version of whoop-assets needs"
                f" {_newest()}: run `whoop-assets db upgrade`."
            )
        raise SchemaMismatch(
            f"The database {database.shown} has schema {found}, which is newer than this version of whoop-assets"
            f" ({_newest()}): install the newer whoop-assets."
        )


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the schema to this version, in one transaction; returns the revisions before and after."""
    with database.write_schema() as connection:
        before = _revision(connection)
        if before is not None and before not in {script.revision for script in _scripts().walk_revisions()}:
            raise SchemaMismatch(
                f"The database {database.shown} has schema {before}, which this version of whoop-assets does not know:"
                " install the newer whoop-assets."
            )
        if before is None and (strangers := _ours(connection)):
            raise SchemaMismatch(
                f"The database {database.shown} is not empty and not one of ours: it has {strangers[0]} already, from"
                " another program; name another database in WHOOP_DATABASE_URL."
            )
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return before, _newest()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE}
    ).get_current_revision()


def _ours(connection: Connection) -> list[str]:
    """Tables that are there under a name of ours."""
    return sorted(set(inspect(connection).get_table_names()) & metadata.tables.keys())


def _newest() -> str:
    return _head_of(str(_config().get_main_option("script_location")))


@cache
def _head_of(location: str) -> str:
    """The newest of the migrations there. They are all loaded for it, and every opening of a database asks."""
    head = ScriptDirectory(location).get_current_head()
    assert head is not None  # the package ships at least one migration
    return head


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config
