"""`export`: files and Iceberg tables for other programs."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whoop_assets.cli import opening
from whoop_assets.errors import SinkUnavailable
from whoop_assets.report.formatting import counted
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.db.database import Database


@click.group()
def export() -> None:
    """Export tables as Parquet files or Iceberg tables."""


@export.command()
@click.argument("tables", metavar="TABLE...", nargs=-1, required=True)
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder. It is created if it does not exist.",
)
def parquet(tables: tuple[str, ...], folder: Path) -> None:
    """Write tables as Parquet files with one folder per day."""
    from whoop_assets.sinks.parquet import export as write

    with opening.warehouse(Settings.from_environment()) as database:
        for table in tables:
            done = write(database, table, folder)
            removed = f", {done.removed} removed" if done.removed else ""
            click.echo(f"{done.folder}  {counted(done.days, 'day')}{removed}, {counted(done.rows, 'row')}")


@export.command()
@click.argument("tables", metavar="[TABLE]...", nargs=-1)
@click.option("--rewrite", is_flag=True, help="Write all days again, not only those that changed.")
@click.option("--purge", is_flag=True, help="Delete all snapshots except the current one, and their files.")
def iceberg(tables: tuple[str, ...], rewrite: bool, purge: bool) -> None:
    """Update all Iceberg tables or the named ones."""
    from whoop_assets.sinks.iceberg.catalog import open_catalog
    from whoop_assets.sinks.iceberg.sync import sync
    from whoop_assets.sinks.source import TABLES

    if unknown := [name for name in tables if name not in TABLES]:
        raise click.UsageError(f"There is no Iceberg table {unknown[0]}: choose from {', '.join(TABLES)}.")
    settings = Settings.from_environment()
    catalog = open_catalog(settings)
    failed: list[SinkUnavailable] = []
    with opening.warehouse(settings) as database:
        namespaces = _namespaces(settings, database, purge=purge)
        for namespace, name in itertools.product(namespaces, tables or TABLES):
            try:
                done = sync(database, catalog, namespace, TABLES[name], rewrite=rewrite, purge=purge)
            except SinkUnavailable as error:
                failed.append(error)
                continue
            for note in done.notes:
                click.echo(f"{name}: {note}", err=True)
            click.echo(
                f"{namespace}.{name}  {counted(done.days, 'day')} and {counted(done.rows, 'row')} written,"
                f" {counted(done.held, 'row')} in all"
            )
    if failed:
        raise failed[0]


def _namespaces(settings: Settings, database: "Database", *, purge: bool) -> list[str]:
    """Returns the configured namespace, else those of the ledger, else the default one.

    A purge includes those of the ledger, because deleted data must leave every table.
    """
    from whoop_assets.sinks.iceberg import ledger
    from whoop_assets.sinks.iceberg.catalog import namespace_of

    with database.read() as connection:
        found = {namespace for namespace, _ in ledger.written_tables(connection)}
    if configured := settings.iceberg_namespace:
        found = found | {configured} if purge else {configured}
    return sorted(found or {namespace_of(settings)})
