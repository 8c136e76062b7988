"""Alembic's entry: runs on the connection that `whoop_assets.warehouse.schema` hands over."""

from alembic import context

from whoop_assets.warehouse.schema import VERSION_TABLE
from whoop_assets.warehouse.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transaction_per_migration=False,
    render_as_batch=True,
)
context.run_migrations()
