"""Fixture: a database with simulated members and a local Iceberg catalog."""

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
from whoop_assets.whoop_api.streams import ALL_STREAMS
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import Home, at_home, frozen_world

FIRST = TODAY - timedelta(days=12)


@dataclass
class IcebergHome:
    """A database with simulated members, and settings with a local catalog."""

    home: Home
    settings: Settings

    def catalog(self) -> Catalog:
        """Open the catalog."""
        return open_catalog(self.settings)

    def load(self, first: date = FIRST, last: date = TODAY) -> None:
        """Load all streams of the days first to last."""
        for result in self.home.load(first, last, tuple(ALL_STREAMS)):
            assert result.failures == []

    def sync(self, *names: str, **options: Any) -> dict[str, Synced]:
        """Write the stale days of the named tables, or of all tables."""
        catalog = self.catalog()
        return {
            name: sync(self.home.database, catalog, "whoop", TABLES[name], **options)
            for name in names or TABLES
        }


def newest_record(iceberg: IcebergHome, stream: str, place: int = -1) -> dict[str, Any]:
    """Return a closed record of the simulator, by default the newest."""
    records = [record for record in iceberg.home.truth()[stream] if record.get("end", "has no end")]
    return sorted(records, key=lambda record: str(record.get("start") or record["created_at"]))[place]


OpenHome = Callable[..., AbstractContextManager[IcebergHome]]


@pytest.fixture
def open_iceberg_home(new_database_url: Callable[..., str], tmp_path: Path) -> OpenHome:
    """Open homes without loaded data: `with open_iceberg_home("postgresql", members=2) as iceberg:`."""

    @contextmanager
    def make(kind: str = "sqlite", **world: Any) -> Iterator[IcebergHome]:
        with at_home(new_database_url(kind), frozen_world(**{"days": 20, **world})) as home:
            settings = home.connection.settings.replace(
                iceberg_catalog="local", data_folder=tmp_path / "data"
            )
            yield IcebergHome(home, settings)

    return make
