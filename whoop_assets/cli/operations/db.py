"""`db`: the warehouse's schema, and the whole warehouse in another database."""

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from whoop_assets.errors import ConfigurationError, DatabaseError
from whoop_assets.report.formatting import counted
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.database_copy import TableComparison

UNLIKE = 1
NOT_ALL_DONE = 1
MAX_AGE_DAYS = 365 * 100
_SHOWN_DIGITS = 16


@click.group()
def db() -> None:
    """Upgrade, copy and compare the database."""


@db.command()
def upgrade() -> None:
    """Upgrade the database's schema to this version."""
    from whoop_assets import schema
    from whoop_assets.db.database import Database

    database = Database(Settings.from_environment().database_url)
    try:
        before, after, outdated = schema.upgrade(database)
    finally:
        database.close()
    said = "was there already" if before == after else f"was {before or 'empty'} before"
    click.echo(f"{database.shown}: schema {after} ({said}).")
    if outdated:
        click.echo(
            f"All rows of {', '.join(outdated)} are stale: Dagster's sensors and schedules build them again."
        )


@db.command()
@click.option(
    "--to", "url", required=True, metavar="URL", help="URL of an empty database: sqlite:// or postgresql://."
)
def copy(url: str) -> None:
    """Copy all tables into an empty database and compare both."""
    from whoop_assets import database_copy
    from whoop_assets.db.database import Database

    settings = Settings.from_environment()
    began = time.monotonic()
    with (
        closing(Database(settings.database_url, create=False)) as source,
        closing(Database(url, durable=True, named="--to")) as target,
    ):
        found = database_copy.copy(source, target)
        notice = database_copy.key_notice(source, target, settings.token_key.get_secret_value())
    _print(found, source.shown, target.shown)
    rows = sum(one.here.rows for one in found)
    click.echo(
        f"{counted(rows, 'row')} copied in {time.monotonic() - began:.1f} s;"
        " both sides are equal in every table."
    )
    click.echo(notice)
    click.echo("Set WHOOP_DATABASE_URL to the new database before anything is started again.")


@db.command()
@click.option("--with", "url", required=True, metavar="URL", help="URL of the other database.")
def compare(url: str) -> None:
    """Compare row counts and hashes of all tables with another database."""
    from whoop_assets import database_copy
    from whoop_assets.db.database import Database

    with (
        closing(Database(Settings.from_environment().database_url, create=False)) as one,
        closing(Database(url, create=False, named="--with")) as other,
    ):
        found = database_copy.compare(one, other)
    _print(found, one.shown, other.shown)
    unlike = [one.table for one in found if not one.equal]
    if unlike:
        click.echo(f"Not equal: {', '.join(unlike)}.", err=True)
        raise click.exceptions.Exit(UNLIKE)
    click.echo("Both are equal in every table.")


@db.command()
@click.option(
    "--older-than",
    "days",
    type=click.IntRange(1, MAX_AGE_DAYS),
    required=True,
    metavar="DAYS",
    help="Minimum age of the runs in days, since their end.",
)
def purge_events(days: int) -> None:
    """Delete the logs and charts of old runs from Dagster's event log.

    Materializations and check results stay, so that Dagster still knows which partitions are materialized.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from whoop_assets.cli.backfill.dagster_home import dagster_home, open_instance
    from whoop_assets.db.database import compact_sqlite
    from whoop_assets.defs.event_log_redaction import cause_of
    from whoop_assets.defs.event_log_redaction import purge_events as purge

    before = datetime.now(UTC) - timedelta(days=days)
    with open_instance(dagster_home(Settings.from_environment()), compute_logs=True) as instance:
        try:
            done = purge(instance, before)
        except TypeError as error:
            raise ConfigurationError(
                f"Dagster keeps its events in {error}, which is no SQL database: delete old runs in"
                f" Dagster's UI."
            ) from None
        except SQLAlchemyError as error:
            # Its text holds the values of the statement: lines of the log.
            raise DatabaseError(
                f"Dagster's event log could not be changed ({cause_of(error)}): end the processes that use"
                " it, then run this again."
            ) from None
    in_use = [path for path in sorted(done.databases) if not compact_sqlite(path)]
    click.echo(
        f"Deleted or without charts: {counted(done.events, 'event')} of {counted(done.runs, 'run')} that"
        f" ended before {before:%Y-%m-%d %H:%M} UTC."
    )
    for path in in_use:
        click.echo(
            f"The file {path} keeps its size, because another process uses it: run this again.", err=True
        )
    if in_use:
        raise click.exceptions.Exit(NOT_ALL_DONE)


def _print(found: "Sequence[TableComparison]", here: str, there: str) -> None:
    from rich.table import Table

    from whoop_assets.cli.printing import print_table

    table = Table("table", "rows", "rows there", "hash", "hash there", "", title=f"{here} and {there}")
    for one in found:
        table.add_row(
            one.table,
            str(one.here.rows),
            str(one.there.rows),
            one.here.hash[:_SHOWN_DIGITS],
            one.there.hash[:_SHOWN_DIGITS],
            "equal" if one.equal else "NOT EQUAL",
        )
    print_table(table)
