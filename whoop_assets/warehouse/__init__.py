"""Everything that is kept in SQL, on SQLite and on PostgreSQL: no HTTP in here, and no Dagster."""

from whoop_assets.warehouse import tables_api as _tables_api  # noqa: F401  (completes the metadata)
from whoop_assets.warehouse import tables_export as _tables_export  # noqa: F401  (completes the metadata)
from whoop_assets.warehouse import tables_v1 as _tables_v1  # noqa: F401  (completes the metadata)
