"""The asset of weekly summaries."""

from datetime import date
from typing import Any

import dagster as dg

from whoop_assets.defs.assets.daily_summary import daily_summary
from whoop_assets.defs.assets.factory import Partitions, asset
from whoop_assets.defs.assets.loading import ROW_COUNT
from whoop_assets.defs.partitions import first_and_last
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.summaries.dependents import rebuild_weeks
from whoop_assets.summaries.tables import weekly_summary as table
from whoop_assets.summaries.trends_store import row_counts

# The first week may begin before WHOOP_START_DATE, and the last is not over.
_ITS_DAYS = dg.TimeWindowPartitionMapping(allow_nonexistent_upstream_partitions=True)


@asset(
    partitions=Partitions.WEEK,
    group="weekly",
    table="weekly_summary",
    kinds={"pandas"},
    deps=[daily_summary],
    mapping=_ITS_DAYS,
)
def weekly_summary(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """Means, medians, extremes and sums of each ISO week, one row per member.

    The key of a week is its Monday.

    Strain, energy and training load include only finished days. A mean needs four days, and a column has
    their number. A week with an unfinished day has `is_partial`.
    """
    first, last = first_and_last(context.partition_keys)
    members = [member.user_id for member in whoop.chosen_members()]
    changed = rebuild_weeks(whoop.database, members, first, last)
    with whoop.database.read() as connection:
        rows = row_counts(connection, table.c.week_start, members, first, last)
    for key in context.partition_keys:
        context.add_asset_metadata({ROW_COUNT: rows.get(date.fromisoformat(key), 0)}, partition_key=key)
    context.add_asset_metadata({"changed": changed}, partition_key=max(context.partition_keys))
    return dg.MaterializeResult()
