"""The assets that are computed from the database: daily summaries, trends and weekly summaries.

A run for webhook events builds what its events made stale, on its days and on others. Any other run builds
its days. Charts are in the metadata of a materialization, only on the newest day of a run.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from whoop_assets.defs.assets.factory import Partitions, asset
from whoop_assets.defs.assets.loading import is_for_events, materialized
from whoop_assets.defs.assets.streams import RECORD_ASSETS
from whoop_assets.defs.partitions import first_and_last
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.report import charts
from whoop_assets.report.calendar_days import ReportDay
from whoop_assets.report.files import charted_days
from whoop_assets.report.image import markdown
from whoop_assets.report.svg import Chart
from whoop_assets.summaries import tables
from whoop_assets.summaries.rebuild import rebuild_days, rebuild_trends, rebuild_weeks
from whoop_assets.summaries.store import row_counts
from whoop_assets.summaries.tables import DAILY_SOURCES
from whoop_assets.sync.events.load_events import rebuild_days_of_run, rebuild_trends_of_run

CHARTED_DAYS = 60


@asset(
    table="daily_summary",
    kinds={"python"},
    deps=tuple(RECORD_ASSETS.values()),
    sources=DAILY_SOURCES,
)
def daily_summary(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """Strain, recovery, sleep and workouts of each WHOOP day, one row per member.

    A value that WHOOP did not score is NULL, never 0. The day's recovery is that of its main sleep, never of
    a nap.
    """
    members, first, last = _work(context, whoop)
    if is_for_events(context):
        by, since = context.run.run_id, whoop.began
        changed = rebuild_days_of_run(whoop.database, members, first, last, by=by, since=since)
    else:
        changed = rebuild_days(whoop.database, members, first, last)
    rows = row_counts(whoop.database, tables.daily_summary.c.day, members, first, last)
    return _report(context, rows, changed, _draw(context, whoop, members, charts.summary_charts))


# The windows cover many days, but the asset depends on the same day only: the ledger `stale_trends` marks the
# later days. A mapping by window would turn the run of a range into two runs.
@asset(table="trends", kinds={"pandas"}, deps=[daily_summary])
def trends(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """Each day compared with the days before it.

    Usual ranges, HRV status, training load, sleep timing and signs of illness.

    A changed summary changes later days that its windows reach; the run builds these too. A day never depends
    on later days. The column `missing` gives the reason of a NULL.
    """
    members, first, last = _work(context, whoop)
    if is_for_events(context):
        by, since = context.run.run_id, whoop.began
        changed = rebuild_trends_of_run(whoop.database, members, first, last, by=by, since=since)
    else:
        changed = rebuild_trends(whoop.database, members, first, last)
    rows = row_counts(whoop.database, tables.trends.c.day, members, first, last)
    return _report(context, rows, changed, _draw(context, whoop, members, charts.trend_charts))


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
    members, first, last = _work(context, whoop)
    changed = rebuild_weeks(whoop.database, members, first, last)
    rows = row_counts(whoop.database, tables.weekly_summary.c.week_start, members, first, last)
    return _report(context, rows, changed)


def _work(context: dg.AssetExecutionContext, whoop: WhoopResource) -> tuple[list[int], date, date]:
    """Return the members, the first and the last partition of the run."""
    return [member.user_id for member in whoop.chosen_members()], *first_and_last(context.partition_keys)


def _report(
    context: dg.AssetExecutionContext, rows: Mapping[date, int], changed: int, drawn: str = ""
) -> dg.MaterializeResult[Any]:
    """Report the rows of each partition, the number of changed rows and the charts."""
    charts = {"charts": dg.MetadataValue.md(drawn)} if drawn else {}
    return materialized(context, rows, {"changed": changed} | charts)


def _draw(
    context: dg.AssetExecutionContext,
    whoop: WhoopResource,
    members: Sequence[int],
    charts_of: Callable[[Sequence[ReportDay]], list[Chart]],
) -> str:
    """Return the members' charts of the days up to the run's newest day, as Markdown.

    Dagster never deletes events, so charts are stored only while the database has at most
    `WHOOP_CHARTED_MEMBERS` members, also when the run names fewer, and not by runs for webhook events.
    """
    if is_for_events(context) or whoop.member_count() > whoop.settings().charted_members:
        return ""
    last = date.fromisoformat(max(context.partition_keys))
    shown: list[str] = []
    for user_id in sorted(members):
        days = charted_days(whoop.database, user_id, last - timedelta(days=CHARTED_DAYS - 1), last)
        if days:
            shown.append(markdown(charts_of(days), f"Member {user_id}"))
    return "\n\n".join(shown)
