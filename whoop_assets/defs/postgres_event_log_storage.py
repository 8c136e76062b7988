"""An event log storage for PostgreSQL that stores planned materializations in batches too.

dagster-postgres 0.29 stores batches of materializations and observations, but planned materializations one by
one: for a year of eight assets 2,920 of them, before the run begins. See `event_log_storage`.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from dagster_postgres import PostgresEventLogStorage
from dagster_postgres.utils import get_token_provider_from_config, pg_url_from_config

from whoop_assets.defs.event_log_storage import BatchedEventLogStorage

if TYPE_CHECKING:
    import dagster as dg
    from sqlalchemy import Connection


class BatchedPostgresEventLogStorage(BatchedEventLogStorage, PostgresEventLogStorage):
    """Dagster's event log storage for PostgreSQL, with batches of planned events too.

    If the rest of a batch fails after its events were committed, Dagster stores the events a second time, as
    with dagster-postgres.
    """

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> Self:
        """Make the storage from its block in dagster.yaml."""
        return cls(
            postgres_url=pg_url_from_config(config_value),
            should_autocreate_tables=config_value.get("should_autocreate_tables", True),
            inst_data=inst_data,
            token_provider=get_token_provider_from_config(config_value),
        )

    def insert_events(self, connection: "Connection", events: "Sequence[dg.EventLogEntry]") -> list[int]:
        """Insert the events, commit, and return their ids.

        As in dagster-postgres, the events are committed before the rest of the batch. Dagster's cache of
        partitions reads only ids above the last one that it has seen, so an id must not stay invisible while
        a later one is committed.
        """
        with self.run_connection() as committing:
            return super().insert_events(committing, events)
