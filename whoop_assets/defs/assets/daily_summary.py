"""The asset of daily summaries, computed from the records in the database."""

from datetime import date
from typing import Any

import dagster as dg

from whoop_assets.defs.assets.charting import add_charts
from whoop_assets.defs.assets.event_loading import is_for_events, rebuild_summaries
from whoop_assets.defs.assets.factory import asset
from whoop_assets.defs.assets.loading import ROW_COUNT
from whoop_assets.defs.assets.streams import RECORD_ASSETS
from whoop_assets.defs.partitions import first_and_last
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.report import charts
from whoop_assets.summaries.columns import DAILY_SOURCES
from whoop_assets.summaries.rebuild import rebuild_days


@asset(
    table="daily_summary",
    kinds={"pandas"},
    deps=tuple(RECORD_ASSETS.values()),
    sources=DAILY_SOURCES,
)
def daily_summary(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """Strain, recovery, sleep and workouts of each WHOOP day, one row per member.

    A value that WHOOP did not score is NULL, never 0. The day's recovery is that of its main sleep, never of
    a nap.
    """
    first, last = first_and_last(context.partition_keys)
    members = [member.user_id for member in whoop.chosen_members()]
    if is_for_events(context):
        rows, changed = rebuild_summaries(context, whoop)
    else:
        rebuilt = rebuild_days(whoop.database, members, first, last)
        rows, changed = rebuilt.rows, rebuilt.changed
    for key in context.partition_keys:
        context.add_asset_metadata({ROW_COUNT: rows.get(date.fromisoformat(key), 0)}, partition_key=key)
    add_charts(context, whoop, charts.summary_charts, members)
    context.add_asset_metadata({"changed": changed}, partition_key=max(context.partition_keys))
    return dg.MaterializeResult()
