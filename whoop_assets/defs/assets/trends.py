"""The asset of trends, computed from the daily summaries."""

from datetime import date
from typing import Any

import dagster as dg

from whoop_assets.defs.assets import event_loading
from whoop_assets.defs.assets.charting import add_charts
from whoop_assets.defs.assets.daily_summary import daily_summary
from whoop_assets.defs.assets.factory import asset
from whoop_assets.defs.assets.loading import ROW_COUNT
from whoop_assets.defs.partitions import first_and_last
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.report import charts
from whoop_assets.summaries.dependents import rebuild_trends
from whoop_assets.summaries.tables import trends as table
from whoop_assets.summaries.trends_store import row_counts


# The windows cover many days, but the asset depends on the same day only: the ledger `stale_trends` marks the
# later days. A mapping by window would turn the run of a range into two runs.
@asset(table="trends", kinds={"pandas"}, deps=[daily_summary])
def trends(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """Each day compared with the days before it.

    Usual ranges, HRV status, training load, sleep timing and signs of illness.

    A changed summary changes later days that its windows reach; the run builds these too. A day never depends
    on later days. The column `missing` gives the reason of a NULL.
    """
    first, last = first_and_last(context.partition_keys)
    members = [member.user_id for member in whoop.chosen_members()]
    if event_loading.is_for_events(context):
        changed = event_loading.rebuild_trends(context, whoop)
    else:
        changed = rebuild_trends(whoop.database, members, first, last)
    with whoop.database.read() as connection:
        rows = row_counts(connection, table.c.day, members, first, last)
    for key in context.partition_keys:
        context.add_asset_metadata({ROW_COUNT: rows.get(date.fromisoformat(key), 0)}, partition_key=key)
    add_charts(context, whoop, charts.trend_charts, members)
    context.add_asset_metadata({"changed": changed}, partition_key=max(context.partition_keys))
    return dg.MaterializeResult()
