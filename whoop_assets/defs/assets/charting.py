"""Charts in the metadata of a materialization, only on the newest day of a run.

Dagster copies the metadata of a result to every day of the range, and never deletes events. So charts are
stored only while the database has at most `WHOOP_CHARTED_MEMBERS` members, and not by runs for webhook
events.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import dagster as dg

from whoop_assets.defs.assets.event_loading import is_for_events
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.report.calendar_days import ReportDay
from whoop_assets.report.files import charted_days
from whoop_assets.report.image import markdown
from whoop_assets.report.svg import Chart

CHARTED_DAYS = 60


def add_charts(
    context: dg.AssetExecutionContext,
    whoop: WhoopResource,
    draw: Callable[[Sequence[ReportDay]], list[Chart]],
    members: Sequence[int],
) -> None:
    """Add the members' charts of the days up to the run's newest day.

    Adds none if the database has more than `WHOOP_CHARTED_MEMBERS` members, also when the run names fewer.
    """
    if is_for_events(context) or whoop.member_count() > whoop.settings().charted_members:
        return
    newest = max(context.partition_keys)
    last = date.fromisoformat(newest)
    shown: list[str] = []
    for user_id in sorted(members):
        days = charted_days(whoop.database, user_id, last - timedelta(days=CHARTED_DAYS - 1), last)
        if days:
            shown.append(markdown(draw(days), f"Member {user_id}"))
    if not shown:
        return
    context.add_asset_metadata({"charts": dg.MetadataValue.md("\n\n".join(shown))}, partition_key=newest)
