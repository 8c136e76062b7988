"""Everything that is kept in SQL, on SQLite and on PostgreSQL: no HTTP in here, and no Dagster."""

# Tables stand in several modules and share one metadata: whoever looks at that must find all of them.
from whoop_assets.warehouse import tables_api as _tables_api  # noqa: F401
from whoop_assets.warehouse import tables_export as _tables_export  # noqa: F401
from whoop_assets.warehouse import tables_iceberg as _tables_iceberg  # noqa: F401
from whoop_assets.warehouse import tables_notion as _tables_notion  # noqa: F401
from whoop_assets.warehouse import tables_v1 as _tables_v1  # noqa: F401
