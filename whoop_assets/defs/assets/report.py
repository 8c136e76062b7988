"""The asset of HTML reports."""

from datetime import date
from typing import Any

import dagster as dg

from whoop_assets.defs.assets.factory import Partitions, asset
from whoop_assets.defs.assets.journal import journal_effects
from whoop_assets.defs.assets.summaries import daily_summary, trends, weekly_summary
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.report.files import write_report
from whoop_assets.report.formatting import counted


@asset(
    partitions=Partitions.NONE,
    group="report",
    kinds={"html"},
    deps=[daily_summary, trends, weekly_summary, journal_effects],
)
def report(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """One self-contained HTML page per member about the last year: `reports/USER_ID.html` in the data folder.

    It has charts, weeks, days, effects of the journal, and reasons of gaps. It contains health data, so only
    the owner can read the file. `whoop-assets report --open` writes and opens the same page.
    """
    folder = whoop.settings().data_folder / "reports"
    today = date.fromisoformat(whoop.today)
    written = [
        write_report(whoop.database, member.user_id, folder, today) for member in whoop.chosen_members()
    ]
    for one in written:
        context.log.info(f"Member {one.user_id}: {counted(one.days, 'day')}, {one.size} bytes.")
    return dg.MaterializeResult(
        metadata={
            "members": len(written),
            "bytes": sum(one.size for one in written),
            "folder": dg.MetadataValue.path(str(folder)),
        }
    )
