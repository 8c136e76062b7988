"""`db`: the warehouse's schema."""

import click

from whoop_assets.settings import Settings


@click.group()
def db() -> None:
    """The database that holds the records."""


@db.command()
def upgrade() -> None:
    """Bring the database's schema to this version."""
    from whoop_assets.warehouse import schema
    from whoop_assets.warehouse.database import Database

    database = Database(Settings.from_environment().database_url)
    try:
        before, after = schema.upgrade(database)
    finally:
        database.close()
    said = "was there already" if before == after else f"was {before or 'empty'} before"
    click.echo(f"{database.shown}: schema {after} ({said}).")
