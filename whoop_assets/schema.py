"""The schema: making it in an empty database, bringing it forward, and refusing one of another version."""

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
from whoop_assets.db.database import Database
from whoop_assets.db.metadata import metadata
from whoop_assets.db.statements import insert_or_replace
from whoop_assets.errors import SchemaMismatch
from whoop_assets.journal.tables import journal_effects
from whoop_assets.records.ledgers import STALE_TRENDS, STALE_WEEKS
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.settings import Settings
from whoop_assets.summaries.tables import daily_summary, trends, weekly_summary

__all__ = ["VERSION_TABLE", "check", "metadata", "open_database", "prepare", "upgrade"]

_LEDGERS = (
    (STALE_DAYS, daily_summary, daily_summary.c.day),
    (STALE_TRENDS, trends, trends.c.day),
    (STALE_WEEKS, weekly_summary, weekly_summary.c.week_start),
)

VERSION_TABLE = "whoop_schema_version"
"""Our own name: Dagster keeps its own alembic version in a table of alembic's usual name, perhaps in this database."""

UNRELEASED = frozenset(f"{number:04}" for number in range(1, 15))
"""Schema versions from before the first release: no migration leads from them to `0001_initial`."""


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
        if found is not None:
            _require_newest(database, connection, found)
    if found is None:
        upgrade(database)


def check(database: Database) -> None:
    """Raise DatabaseUnreachable, or SchemaMismatch unless the schema is there and of this version."""
    with database.read() as connection:
        _require_newest(database, connection, _revision(connection) or "none")


def _require_newest(database: Database, connection: Connection, found: str) -> None:
    if found == "none":
        raise SchemaMismatch(
            f"The database {database.shown} has no tables of whoop-assets: correct its address, or run"
            " `whoop-assets db upgrade`, which makes them."
        )
    if found != _newest():
        _require_known(database, found)
        raise SchemaMismatch(
            f"The database {database.shown} has schema {found}, and this version of whoop-assets needs"
            f" {_newest()}: run `whoop-assets db upgrade`."
        )
    derived_versions.require_current(connection)


def _require_known(database: Database, found: str) -> None:
    """Raise SchemaMismatch unless `found` is one of the migrations of this version."""
    if found in UNRELEASED:
        raise SchemaMismatch(
            f"The database {database.shown} has schema {found} of an unreleased version of whoop-assets, which"
            " cannot be upgraded: set WHOOP_DATABASE_URL to a new database, then run `whoop-assets connect` and"
            " `whoop-assets backfill --all`, and import exports again."
        )
    if found not in {script.revision for script in _scripts().walk_revisions()}:
        raise SchemaMismatch(
            f"The database {database.shown} has schema {found}, which is newer than this version of whoop-assets"
            f" ({_newest()}): install the newer whoop-assets."
        )


class Upgrade(NamedTuple):
    """The revisions before and after, and the derived tables whose rows are marked stale."""

    before: str | None
    after: str
    outdated: list[str]


def upgrade(database: Database) -> Upgrade:
    """Bring the schema to this version and mark stale what an older version computed, in one transaction."""
    with database.write_schema() as connection:
        before = _revision(connection)
        if before is not None:
            _require_known(database, before)
        elif strangers := _ours(connection):
            raise SchemaMismatch(
                f"The database {database.shown} is not empty and not one of ours: it has {strangers[0]} already, from"
                " another program; name another database in WHOOP_DATABASE_URL."
            )
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        _set_comments(connection)
        outdated = mark_outdated(connection, database.now(connection))
    return Upgrade(before, _newest(), outdated if before else [])


def _set_comments(connection: Connection) -> None:
    """Give tables and columns the comments of their definitions, so that no migration repeats them. SQLite has none."""
    if not connection.dialect.supports_comments:
        return
    for table in (*metadata.sorted_tables, derived_versions.derived_versions):
        connection.execute(SetTableComment(table))
        for column in table.columns:
            connection.execute(SetColumnComment(column))


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


def mark_outdated(connection: Connection, at: datetime) -> list[str]:
    """Mark all rows of tables with an older version stale, and store this program's versions.

    Effects of the journal have no ledger: their rows are deleted. A report, an import or `follow_journal` builds them again.

    Returns:
        The names of these tables.

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
