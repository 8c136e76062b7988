"""The sensor of the Notion sink: whatever changed a daily summary, its page follows. A tick does SQL only."""

from collections.abc import Collection, Iterable, Iterator

import dagster as dg

from whoop_assets.date_ranges import ONE_DAY, spans_of
from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.assets.loading import LONGEST_SINK_RUN, sink_tags
from whoop_assets.defs.assets.notion_daily import NOTION, notion_daily
from whoop_assets.defs.partitions import range_tags
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.factory import sensor
from whoop_assets.defs.sensors.in_flight import runs_in_flight
from whoop_assets.defs.sensors.summaries import MOST_RANGES, TRY_AGAIN_AFTER, askable, digest
from whoop_assets.defs.sensors.webhooks import ATTEMPT_TAG
from whoop_assets.records.ledgers import Behind
from whoop_assets.sinks.notion import pages as notion_pages
from whoop_assets.sinks.notion import sources
from whoop_assets.sinks.notion.sync import SETTLED_AFTER
from whoop_assets.sinks.notion.target import target

MOST_PAGES = 1000
"""A run of more member-days is split: six minutes at Notion's pace."""


@sensor(targets=[notion_daily], seconds=60)
def stale_pages(
    context: dg.SensorEvaluationContext, whoop: WhoopResource, namespace: AssetNamespace
) -> dg.SensorResult | dg.SkipReason:
    """Ask for the Notion pages of days whose summaries are others than those that were written.

    Level-triggered, as for the summaries, and one run at a time. While Notion is down it is asked for again after pauses
    that grow to an hour; nothing else waits for it. Pages that Notion refused come after all others.
    """
    to = target(whoop.settings())
    if _under_way(context.instance, namespace):
        return dg.SkipReason("A run that writes pages is under way.")
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
            f"{len(behind)} days are behind that have no partition." if behind else "No stale pages."
        )
    hour = int(now.timestamp() // TRY_AGAIN_AFTER.total_seconds())
    some = next_lot(wanted, hour)
    requests = []
    for first, last in spans_of(entry.day for entry in some)[::-1]:
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


def next_lot(wanted: Collection[Behind], hour: int) -> list[Behind]:
    """The days that are asked for next, the newest first: with MOST_PAGES pages at most but for the last day, in at most
    MOST_RANGES spans.

    Days of which Notion has refused every page that is behind wait until there are no others, and are then taken by
    turns, another lot each hour: what it goes on refusing never keeps a day from its page.
    """
    newest = sorted(wanted, key=lambda entry: entry.day, reverse=True)
    fresh = [entry for entry in newest if entry.refused < entry.members]
    if fresh:
        return next(_lots(fresh))
    lots = list(_lots(newest))
    return lots[hour % len(lots)] if lots else []


def _lots(days: Iterable[Behind]) -> Iterator[list[Behind]]:
    """Days, the newest first, in as few lots as may be."""
    lot: list[Behind] = []
    pages = spans = 0
    for entry in days:
        far = bool(lot) and lot[-1].day - entry.day > ONE_DAY
        if lot and (pages >= MOST_PAGES or spans + far > MOST_RANGES):
            yield lot
            lot, pages, spans = [], 0, 0
        spans += not lot or far
        lot.append(entry)
        pages += entry.members
    if lot:
        yield lot


def _under_way(instance: dg.DagsterInstance, namespace: AssetNamespace) -> bool:
    """Whether a run that writes pages is queued or under way, also one that somebody started."""
    # Two runs that write the same pages do no harm, so a run without a process need not block for longer.
    key = namespace.key(notion_daily.name)
    records = runs_in_flight(instance, namespace, max_silence=LONGEST_SINK_RUN)
    return any(key in (record.dagster_run.asset_selection or ()) for record in records)
