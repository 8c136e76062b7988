"""Alembic's entry: runs on the connection that `whoop_assets.schema` hands over."""

from alembic import context

from whoop_assets.db.columns import metadata
from whoop_assets.derived_versions import schema_metadata
from whoop_assets.schema import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=[metadata, schema_metadata],
    version_table=VERSION_TABLE,
    transaction_per_migration=False,
    render_as_batch=True,
)
context.run_migrations()
