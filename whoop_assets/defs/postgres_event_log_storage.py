"""An event log storage for PostgreSQL that writes planned materializations in batches too.

dagster-postgres 0.29 writes batches of materializations and observations, but planned materializations one by one: for a
year of eight assets 2,920 of them, before the run begins. See `event_log_storage`.
"""

from collections.abc import Mapping
from typing import Any, Self

from dagster_postgres import PostgresEventLogStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config

from whoop_assets.defs.event_log_storage import BatchedEventLogStorage


class BatchedPostgresEventLogStorage(BatchedEventLogStorage, PostgresEventLogStorage):
    """Dagster's event log storage for PostgreSQL, with real batches of all asset events."""

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> Self:
        """Make the storage from its block in dagster.yaml."""
        return cls(
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
            token_provider=get_token_provider_from_config(config_value),
        )
