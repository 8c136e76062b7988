"""The Iceberg catalog: a file next to the database, or one from pyiceberg's configuration."""

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
"""Value of WHOOP_ICEBERG_CATALOG for the catalog next to the database."""


def local_folder(settings: Settings) -> Path:
    """Returns the folder of the local catalog: `iceberg/` next to the SQLite file or in the data folder."""
    url = normalise_url(settings.database_url)
    beside = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    folder = Path(url.database or "").parent if beside else settings.data_folder
    return folder.absolute() / "iceberg"


def namespace_of(settings: Settings, prefix: Sequence[str] = ("whoop",)) -> str:
    """Returns the configured namespace, else the asset key prefix."""
    return settings.iceberg_namespace or "_".join(prefix)


def open_catalog(settings: Settings) -> "Catalog":
    """Returns the configured catalog. Raises ConfigurationError if there is none, or SinkUnavailable."""
    name = settings.iceberg_catalog
    if not name:
        raise ConfigurationError(
            f"Iceberg is off: set WHOOP_ICEBERG_CATALOG to {LOCAL}, or to the name of a catalog in"
            " pyiceberg's configuration."
        )
    try:
        import pyiceberg  # noqa: F401
    except ImportError:
        raise missing("pyiceberg", "iceberg") from None
    properties = dict(settings.iceberg_properties)
    if name == LOCAL:
        folder = local_folder(settings)
        # Health data: only the owner may read a new folder.
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
            # Another process created the tables of a new SQL catalog at the same time.
            if "already exists" not in str(error):
                raise
    return load_catalog(name, **properties)


@contextmanager
def reaching(catalog: str) -> Iterator[None]:
    """Turn errors of the catalog or its storage into SinkUnavailable.

    The message of such an error may contain a password, so it is left out.

    Programming errors pass through.
    """
    try:
        yield
    except (WhoopError, TypeError, KeyError, AttributeError, AssertionError):
        raise
    except Exception as error:  # noqa: BLE001 - catalogs and storages use many libraries
        raise SinkUnavailable(
            f"The Iceberg catalog {catalog} or its storage failed ({type(error).__name__}): check pyiceberg's"
            " configuration, and that both are reachable and writable. Stale days are written afterwards."
        ) from None
