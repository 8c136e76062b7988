"""Opens the settings, the database and the session of a command, and closes them at its end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from whoop_assets.cli.demo import folder
from whoop_assets.errors import ConfigurationError
from whoop_assets.settings import Settings

if TYPE_CHECKING:
    from whoop_assets.db.database import Database
    from whoop_assets.sync.session import WhoopSession


@contextmanager
def warehouse(settings: Settings, *, durable: bool = False, create: bool = False) -> "Iterator[Database]":
    """Open the database and check its schema; `durable` and `create` as for `open_database`."""
    from whoop_assets.schema import open_database

    try:
        database = open_database(settings, durable=durable, create=create)
    except ConfigurationError as error:
        if folder.saved(folder.folder_of(settings.data_folder)) is None:
            raise
        raise ConfigurationError(
            f"{error} To use the demo's data, run `whoop-assets --demo` with this command."
        ) from None
    try:
        yield database
    finally:
        database.close()


@contextmanager
def connection(
    settings: Settings, *, durable: bool = False, create: bool = False
) -> "Iterator[WhoopSession]":
    """Open the database and a session with WHOOP. Raises ConfigurationError without the app's credentials."""
    from whoop_assets.sync.session import WhoopSession

    settings.require_client()
    command = click.get_current_context(silent=True)
    used_by = "whoop-assets" if command is None else f"whoop-assets {command.info_name}"
    with (
        warehouse(settings, durable=durable, create=create) as database,
        WhoopSession(settings, database, used_by) as opened,
    ):
        yield opened
