"""The sensor that requests stale Notion pages. A tick uses only SQL."""

from collections.abc import Collection, Iterable, Iterator

import dagster as dg

from whoop_assets.date_ranges import ONE_DAY, to_date_ranges
from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.assets.loading import MAX_SINK_RUN_DURATION, sink_tags
from whoop_assets.defs.assets.notion_daily import NOTION, notion_daily
from whoop_assets.defs.partitions import range_tags
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.factory import sensor
from whoop_assets.defs.sensors.runs import runs_in_flight
from whoop_assets.defs.sensors.summaries import MAX_RANGES, TRY_AGAIN_AFTER, askable, digest
from whoop_assets.defs.sensors.webhooks import ATTEMPT_TAG
from whoop_assets.records.stale_days import StaleCount
from whoop_assets.sinks.notion import pages as notion_pages
from whoop_assets.sinks.notion import sources
from whoop_assets.sinks.notion.sync import SETTLED_AFTER
from whoop_assets.sinks.notion.target import target

MAX_PAGES = 1000
"""Maximum number of pages in a run: six minutes at Notion's rate limit."""


@sensor(targets=[notion_daily], seconds=60)
def stale_pages(
    context: dg.SensorEvaluationContext, whoop: WhoopResource, namespace: AssetNamespace
) -> dg.SensorResult | dg.SkipReason:
    """Request the Notion pages of days whose summary has changed since the page was written.

    The sensor compares ledgers, and only one run is in flight. While Notion is down, it requests a run after
    pauses that grow to an hour. Pages that Notion has rejected come last.
    """
    to = target(whoop.settings())
    if _under_way(context.instance, namespace):
        return dg.SkipReason("A run that writes pages is in flight.")
    with whoop.database.read() as connection:
        now = whoop.database.now(connection)
        obstacle = sources.obstacle(connection, to.source)
        if obstacle.try_after is not None and now < obstacle.try_after:
            return dg.SkipReason(
                f"The last attempt failed; the next is made after {obstacle.try_after:%Y-%m-%d %H:%M:%S} UTC."
                f" {obstacle.failure}"
            )
        behind = notion_pages.days_behind(
            connection, to.source, to.mapping.fingerprint, settled=now - SETTLED_AFTER
        )
    wanted = askable(behind, namespace.days, [])
    if not wanted:
        return dg.SkipReason(
            f"Stale days without a partition: {len(behind)}." if behind else "No stale pages."
        )
    hour = int(now.timestamp() // TRY_AGAIN_AFTER.total_seconds())
    some = next_batch(wanted, hour)
    requests = []
    for first, last in to_date_ranges(entry.day for entry in some)[::-1]:
        # Its failure is news only once: not of pages that Notion has refused before, nor while it is down.
        known = all(entry.refused for entry in some if first <= entry.day <= last)
        tags = {ATTEMPT_TAG: str(obstacle.failures + 1 + known), "dagster/max_retries": "0"}
        requests.append(
            dg.RunRequest(
                run_key=f"{first}:{last}:{digest(some, first, last)}:{obstacle.failures}:{hour}",
                asset_selection=[namespace.key(notion_daily.name)],
                tags=range_tags(first, last) | sink_tags(NOTION) | tags,
            )
        )
    return dg.SensorResult(run_requests=requests)


def next_batch(wanted: Collection[StaleCount], hour: int) -> list[StaleCount]:
    """Return the days to request next, the newest first, within MAX_PAGES pages and MAX_RANGES ranges.

    The last day can exceed MAX_PAGES. Days with only rejected pages wait until no other day is left. They are
    then requested in turns, another batch each hour, so that they never block other days.
    """
    newest = sorted(wanted, key=lambda entry: entry.day, reverse=True)
    fresh = [entry for entry in newest if entry.refused < entry.members]
    if fresh:
        return next(_batches(fresh))
    lots = list(_batches(newest))
    return lots[hour % len(lots)] if lots else []


def _batches(days: Iterable[StaleCount]) -> Iterator[list[StaleCount]]:
    """Split the days, the newest first, into as few batches as possible."""
    lot: list[StaleCount] = []
    pages = spans = 0
    for entry in days:
        far = bool(lot) and lot[-1].day - entry.day > ONE_DAY
        if lot and (pages >= MAX_PAGES or spans + far > MAX_RANGES):
            yield lot
            lot, pages, spans = [], 0, 0
        spans += not lot or far
        lot.append(entry)
        pages += entry.members
    if lot:
        yield lot


def _under_way(instance: dg.DagsterInstance, namespace: AssetNamespace) -> bool:
    """Return whether a run that writes pages is in flight."""
    # Two runs that write the same pages do no harm, so a run without a process need not block for longer.
    key = namespace.key(notion_daily.name)
    records = runs_in_flight(instance, namespace, max_silence=MAX_SINK_RUN_DURATION)
    return any(key in (record.dagster_run.asset_selection or ()) for record in records)
