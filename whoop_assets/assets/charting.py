"""Charts in the metadata of a materialization, where Dagster's UI shows them: on the newest day of a run alone.

Metadata of a result is copied to every day of its range, and lies in the event log for ever: so it is the newest day's,
of few members, and not that of the many runs that webhooks ask for.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import dagster as dg

from whoop_assets.assets.event_loading import is_for_events
from whoop_assets.ingest.reports import charted_days
from whoop_assets.pictures.history import Day
from whoop_assets.pictures.image import markdown
from whoop_assets.pictures.svg import Chart
from whoop_assets.resources import WhoopResource

MOST_MEMBERS = 3
CHARTED_DAYS = 60


def add_charts(
    context: dg.AssetExecutionContext,
    whoop: WhoopResource,
    draw: Callable[[Sequence[Day]], list[Chart]],
    members: Sequence[int],
) -> None:
    """Add the charts of the days up to the run's newest one, of the first few of these members who have any."""
    if is_for_events(context):
        return
    newest = max(context.partition_keys)
    last = date.fromisoformat(newest)
    shown: list[str] = []
    for user_id in sorted(members):
        days = charted_days(whoop.database, user_id, last - timedelta(days=CHARTED_DAYS - 1), last)
        if days:
            shown.append(markdown(draw(days), f"Member {user_id}"))
        if len(shown) == MOST_MEMBERS:
            break
    if not shown:
        return
    if len(members) > MOST_MEMBERS:
        shown.append(f"{MOST_MEMBERS} of {len(members)} members: narrow the run to others to see theirs.")
    context.add_asset_metadata({"charts": dg.MetadataValue.md("\n\n".join(shown))}, partition_key=newest)
