"""Assets of Iceberg tables."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from whoop_assets.defs.assets.factory import AssetFactory, Partitions
from whoop_assets.defs.assets.streams import STREAM_ASSETS
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.errors import WhoopError
from whoop_assets.sinks.iceberg.catalog import namespace_of, open_catalog
from whoop_assets.sinks.iceberg.sync import Synced, make_all, sync
from whoop_assets.sinks.source import TABLES, ExportTable

_REWRITE = dg.Field(
    bool,
    default_value=False,
    description="Writes every day, also unchanged ones. Use it for a table that was changed by hand.",
)


def _asset(table: ExportTable) -> AssetFactory:
    def write(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
        settings = whoop.settings()
        # Two namespaces in one deployment, each with a database, must not write the same tables.
        namespace = namespace_of(settings, context.asset_key.path[:-1])
        rewrite = context.op_execution_context.op_config["rewrite"]
        try:
            catalog = open_catalog(settings)
            done = sync(whoop.database, catalog, namespace, table, rewrite=rewrite)
            if done.first:
                make_all(catalog, namespace)
        except WhoopError as error:
            raise dg.Failure(str(error), allow_retries=False) from None
        for note in done.notes:
            context.log.warning(note)
        return dg.MaterializeResult(metadata=_figures(done, namespace))

    columns = [
        dg.TableColumn(
            column.name,
            type=column.kind,
            description=column.comment,
            constraints=dg.TableColumnConstraints(nullable=not column.required, unique=False),
        )
        for column in table.all_columns
    ]
    return AssetFactory(
        write,
        frozenset({"iceberg"}),
        Partitions.NONE,
        "iceberg",
        (STREAM_ASSETS[table.stream],),
        asset_name=f"iceberg_{table.name}",
        description=f"The Iceberg table {table.name}, by WHOOP day. {table.comment}\n\n"
        "A materialization writes the changed days only.",
        config={"rewrite": _REWRITE},
        metadata={"dagster/column_schema": dg.TableSchema(columns)},
    )


def _figures(done: Synced, namespace: str) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "dagster/table_name": f"{namespace}.{done.table}",
        "dagster/row_count": done.held,
        "days": done.days,
        "rows": done.rows,
        "commits": done.commits,
        "commits_repeated": done.repeated,
        "snapshots_expired": done.expired,
    }
    if done.added:
        figures["columns_added"] = ", ".join(done.added)
    if done.notes:
        figures["notes"] = dg.MetadataValue.md("\n".join(f"- {note}" for note in done.notes))
    return figures


ICEBERG_ASSETS: Mapping[str, AssetFactory] = {name: _asset(table) for name, table in TABLES.items()}
"""Table -> its asset."""
