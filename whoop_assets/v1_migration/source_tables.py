"""Reading a table of another database, which is left as it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Select, create_engine, literal_column, select, table
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from whoop_assets.db.database import normalise_url
from whoop_assets.errors import ConfigurationError, DatabaseError

AT_ONCE = 500


def shown(url: str, name: str) -> str:
    """What the table is called in messages: no user, no password, no folder. Raises ConfigurationError."""
    address = _address(url)
    where = Path(address.database or "").name if address.get_backend_name() == "sqlite" else address.database
    return f"{where}:{name}"


def rows(url: str, name: str) -> Iterator[dict[str, Any]]:
    """The table's rows, by column name; `name` may have a schema in front of a point.

    Raises ConfigurationError for what is no URL, or a file that is not there, DatabaseError when the table cannot be read.
    """
    address = _address(url)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        raise ConfigurationError(
            f"There is no SQLite file {Path(address.database or '').name}: name another."
        )
    schema, _, bare = name.rpartition(".")
    engine = create_engine(address, hide_parameters=True)
    try:
        with engine.connect() as connection:
            query: Select[Any] = select(literal_column("*")).select_from(table(bare, schema=schema or None))
            result = connection.execution_options(yield_per=AT_ONCE).execute(query)
            yield from (dict(row) for row in result.mappings())
    except DBAPIError as error:
        raise DatabaseError(
            f"The table {shown(url, name)} cannot be read ({type(error.orig).__name__}): check the URL, the name and who may"
            " read it."
        ) from None
    finally:
        engine.dispose()


def _address(url: str) -> URL:
    try:
        return normalise_url(url)
    except ConfigurationError:
        # Its own sentence speaks of the setting.
        raise ConfigurationError(
            "The source is not a database URL that can be read: write sqlite:///path/to/file.db or"
            " postgresql://user:password@host/database."
        ) from None
