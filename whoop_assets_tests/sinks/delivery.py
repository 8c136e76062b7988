"""A home whose data go to a catalog beside its database."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog import Catalog

from whoop_assets.settings import Settings
from whoop_assets.sinks.iceberg.catalog import open_catalog
from whoop_assets.sinks.iceberg.sync import Synced, sync
from whoop_assets.sinks.source import TABLES
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import RECORDS, Home, at_home, frozen_world

STREAMS = ("profile", "body_measurement", *RECORDS)
FIRST = TODAY - timedelta(days=12)


@dataclass
class Delivering:
    """A home, its settings with a catalog in them, and the catalog."""

    home: Home
    settings: Settings

    def catalog(self) -> Catalog:
        """The catalog, opened anew."""
        return open_catalog(self.settings)

    def load(self, first: date = FIRST, last: date = TODAY) -> None:
        """Read everything of these days again."""
        for done in self.home.load(first, last, STREAMS):
            assert done.failures == []

    def sync(self, *names: str, **options: Any) -> dict[str, Synced]:
        """Bring these tables up to date, or all."""
        catalog = self.catalog()
        return {
            name: sync(self.home.database, catalog, "whoop", TABLES[name], **options)
            for name in names or TABLES
        }


@pytest.fixture
def delivering(
    new_database_url: Callable[..., str], tmp_path: Path
) -> Callable[..., AbstractContextManager[Delivering]]:
    """`with delivering("postgresql", members=2) as d:`; nothing is loaded yet."""

    @contextmanager
    def make(kind: str = "sqlite", **world: Any) -> Iterator[Delivering]:
        with at_home(new_database_url(kind), frozen_world(**{"days": 20, **world})) as home:
            settings = home.connection.settings.replace(
                iceberg_catalog="local", data_folder=tmp_path / "data"
            )
            yield Delivering(home, settings)

    return make
