"""The catalog: a file beside the database, or any that pyiceberg's own configuration names."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from whoop_assets.db.database import normalise_url
from whoop_assets.errors import ConfigurationError, SinkUnavailable, WhoopError
from whoop_assets.settings import Settings
from whoop_assets.sinks.arrow import missing

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

LOCAL = "local"
"""What WHOOP_ICEBERG_CATALOG says for the catalog beside the database."""


def local_folder(settings: Settings) -> Path:
    """Where that catalog and its tables are: `iceberg/` beside the SQLite file, else in the data folder."""
    url = normalise_url(settings.database_url)
    beside = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    folder = Path(url.database or "").parent if beside else settings.data_folder
    return folder.absolute() / "iceberg"


def namespace_of(settings: Settings, prefix: Sequence[str] = ("whoop",)) -> str:
    """The namespace of the tables of the graph under that prefix: its own, unless one is set for all."""
    return settings.iceberg_namespace or "_".join(prefix)


def open_catalog(settings: Settings) -> "Catalog":
    """The configured catalog. Raises ConfigurationError when there is none, and SinkUnavailable."""
    name = settings.iceberg_catalog
    if not name:
        raise ConfigurationError(
            f"Iceberg is off: set WHOOP_ICEBERG_CATALOG to {LOCAL}, or to the name of a catalog in pyiceberg's"
            " configuration."
        )
    try:
        import pyiceberg  # noqa: F401
    except ImportError:
        raise missing("pyiceberg", "iceberg") from None
    properties = dict(settings.iceberg_properties)
    if name == LOCAL:
        folder = local_folder(settings)
        # The tables are about people: a new folder is its owner's alone.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        properties |= {
            "type": "sql",
            "uri": f"sqlite:///{folder / 'catalog.db'}?timeout=60",
            "warehouse": f"file://{folder / 'warehouse'}",
        }
    with reaching(name):
        return _loaded(name, properties)


def _loaded(name: str, properties: Mapping[str, str]) -> "Catalog":
    from pyiceberg.catalog import load_catalog

    for _ in range(2):
        try:
            return load_catalog(name, **properties)
        except Exception as error:
            # Of those who open a new SQL catalog at the same moment one makes its two tables; the others come here.
            if "already exists" not in str(error):
                raise
    return load_catalog(name, **properties)


@contextmanager
def reaching(catalog: str) -> Iterator[None]:
    """What goes wrong in here is the catalog's or its storage's, in one sentence without what may hold a password.

    Errors of programming are nobody's storage's, and come through as they are.
    """
    try:
        yield
    except (WhoopError, TypeError, KeyError, AttributeError, AssertionError):
        raise
    except Exception as error:  # noqa: BLE001 - catalogs and storages are of many libraries
        raise SinkUnavailable(
            f"The Iceberg catalog {catalog} or its storage failed ({type(error).__name__}): check pyiceberg's"
            " configuration of it, and that both can be reached and written to; what is behind is written when they can."
        ) from None
