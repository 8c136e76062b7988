"""Creates and upgrades the database schema, and rejects a database with another schema version."""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, delete, inspect, select
from sqlalchemy.schema import SetColumnComment, SetTableComment

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
from whoop_assets import derived_versions
from whoop_assets.db.columns import metadata
from whoop_assets.db.database import Database
from whoop_assets.db.statements import insert_or_replace
from whoop_assets.errors import SchemaMismatch
from whoop_assets.journal.tables import journal_effects
from whoop_assets.records.stale_days import STALE_DAYS, STALE_TRENDS, STALE_WEEKS
from whoop_assets.settings import Settings
from whoop_assets.summaries.tables import daily_summary, trends, weekly_summary

__all__ = ["VERSION_TABLE", "check", "metadata", "open_database", "prepare", "upgrade"]

_LEDGERS = (
    (STALE_DAYS, daily_summary, daily_summary.c.day),
    (STALE_TRENDS, trends, trends.c.day),
    (STALE_WEEKS, weekly_summary, weekly_summary.c.week_start),
)

VERSION_TABLE = "whoop_schema_version"
"""Not alembic's default name: Dagster may keep its own alembic version in the same database."""

UNRELEASED = frozenset(f"{number:04}" for number in range(1, 15))
"""Schema versions from before the first release. No migration upgrades them."""


def open_database(settings: Settings, *, durable: bool = False, create: bool = False) -> Database:
    """Open the database of the settings and check its schema.

    Args:
        settings: Contains the database URL.
        durable: As for Database.
        create: Create the database, or the schema in an empty one. Without it, a mistyped URL is an error.

    Raises:
        ConfigurationError: The database does not exist.
        DatabaseUnreachable: It does not answer.
        SchemaMismatch: It is empty or has another schema version.
    """
    database = Database(settings.database_url, durable=durable, create=create)
    if create:
        prepare(database)
    else:
        check(database)
    return database


def prepare(database: Database) -> None:
    """Check the schema, or create it in an empty database. Raises SchemaMismatch for another version."""
    with database.read() as connection:
        found = revision(connection)
        if found is not None:
            _require_newest(database, connection, found)
    if found is None:
        upgrade(database)


def check(database: Database) -> None:
    """Raise DatabaseUnreachable, or SchemaMismatch unless the schema has this version."""
    with database.read() as connection:
        _require_newest(database, connection, revision(connection) or "none")


def _require_newest(database: Database, connection: Connection, found: str) -> None:
    if found == "none":
        raise SchemaMismatch(
            f"The database {database.shown} has no tables of whoop-assets: correct its address, or run"
            " `whoop-assets db upgrade` to create them."
        )
    if found != newest():
        _require_known(database, found)
        raise SchemaMismatch(
            f"The database {database.shown} has schema {found}, and this version of whoop-assets needs"
            f" {newest()}: run `whoop-assets db upgrade`."
        )
    derived_versions.require_current(connection)


def _require_known(database: Database, found: str) -> None:
    """Raise SchemaMismatch unless `found` is a migration of this version."""
    if found in UNRELEASED:
        raise SchemaMismatch(
            f"The database {database.shown} has schema {found} of an unreleased version of whoop-assets,"
            " which cannot be upgraded: set WHOOP_DATABASE_URL to a new database, then run `whoop-assets"
            " connect` and `whoop-assets backfill --all`, and import exports again."
        )
    if found not in {script.revision for script in scripts().walk_revisions()}:
        raise SchemaMismatch(
            f"The database {database.shown} has schema {found}, which is newer than this version of"
            f" whoop-assets ({newest()}): install the newer whoop-assets."
        )


class Upgrade(NamedTuple):
    """Schema versions before and after, and the derived tables with rows marked stale."""

    before: str | None
    after: str
    outdated: list[str]


def upgrade(database: Database) -> Upgrade:
    """Upgrade the schema, and mark rows stale that an older version computed, in one transaction."""
    with database.write_schema() as connection:
        before = revision(connection)
        if before is not None:
            _require_known(database, before)
        elif foreign := sorted(set(inspect(connection).get_table_names()) & metadata.tables.keys()):
            raise SchemaMismatch(
                f"The database {database.shown} belongs to another program: it has a table {foreign[0]}. Set"
                " WHOOP_DATABASE_URL to another database."
            )
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _set_comments(connection)
        outdated = mark_outdated(connection, database.now(connection))
    return Upgrade(before, newest(), outdated if before else [])


def _set_comments(connection: Connection) -> None:
    """Set the comments of tables and columns from their definitions, so that no migration repeats them.

    SQLite has no comments.
    """
    if not connection.dialect.supports_comments:
        return
    for table in (*metadata.sorted_tables, derived_versions.derived_versions):
        connection.execute(SetTableComment(table))
        for column in table.columns:
            connection.execute(SetColumnComment(column))


def revision(connection: Connection) -> str | None:
    """Return the schema version of the database; None if it has no tables of whoop-assets."""
    return MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE}
    ).get_current_revision()


def newest() -> str:
    """Return the schema version that this program needs."""
    return _head_of(str(alembic_config().get_main_option("script_location")))


@cache
def _head_of(location: str) -> str:
    """Return the newest migration.

    Cached, because this loads all migrations and each opened database needs it.
    """
    head = ScriptDirectory(location).get_current_head()
    assert head is not None  # the package has at least one migration
    return head


def scripts() -> ScriptDirectory:
    """Return all migrations of this program."""
    return ScriptDirectory.from_config(alembic_config())


def alembic_config() -> Config:
    """Return the configuration of alembic, which names the folder of the migrations."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def mark_outdated(connection: Connection, at: datetime) -> list[str]:
    """Mark all rows of derived tables with an older version stale, and store the current versions.

    Effects of the journal have no ledger: their rows are deleted. A report, an import or `follow_journal`
    builds them again.

    Returns:
        The names of the tables.

    Raises:
        SchemaMismatch: A table has a newer version.
    """
    stored = derived_versions.stored_versions(connection)
    derived_versions.require_none_newer(stored)
    outdated = derived_versions.older(stored)
    for ledger, table, day in _LEDGERS:
        if table.name in outdated:
            ledger.mark_selected(connection, select(table.c.user_id, day), at)
    if journal_effects.name in outdated:
        connection.execute(delete(journal_effects))
    rows = [{"table_name": name, "version": derived_versions.VERSIONS[name]} for name in outdated]
    insert_or_replace(connection, derived_versions.derived_versions, rows, keep=set())
    return outdated
