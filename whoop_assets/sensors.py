"""Sensors: what runs because something changed. A tick does SQL only."""

import hashlib
from collections.abc import Iterable
from datetime import date, timedelta

import dagster as dg

from whoop_assets.assets.daily_summary import daily_summary
from whoop_assets.assets.loading import LANE_TAG
from whoop_assets.partitions import DAILY, range_tags
from whoop_assets.resources import WhoopResource
from whoop_assets.warehouse import stale_days
from whoop_assets.warehouse.stale_days import StaleDay

STALE_TAG = "whoop/stale_days"
MOST_RANGES = 10
TRY_AGAIN_AFTER = timedelta(hours=1)

_IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dg.sensor(
    target=dg.AssetSelection.assets(daily_summary),
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def stale_summaries(
    context: dg.SensorEvaluationContext, whoop: WhoopResource
) -> dg.SensorResult | dg.SkipReason:
    """Ask for the summaries of days whose records changed since they were built, whatever changed them.

    Level-triggered: it looks at what is stale, not at what happened, so nothing is lost with a run that was killed.
    While one of its runs is under way it waits; days without a partition key yet (tomorrow, or before
    WHOOP_START_DATE) stay stale until they have one.
    """
    with whoop.database.read() as connection:
        behind = stale_days.stale(connection)
        now = whoop.database.now(connection)
    askable = [entry for entry in behind if DAILY.has_partition_key(entry.day.isoformat())]
    if not askable:
        return dg.SkipReason(
            f"No stale day has a partition ({len(behind)} stale)." if behind else "No stale days."
        )
    busy = context.instance.get_runs(dg.RunsFilter(tags={STALE_TAG: "yes"}, statuses=_IN_FLIGHT), limit=1)
    if busy:
        return dg.SkipReason("A run for stale days is under way.")
    # The key names the work, and an hour: the same work that failed is tried again, but not every half minute.
    hour = int(now.timestamp() // TRY_AGAIN_AFTER.total_seconds())
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"{first}:{last}:{_digest(askable, first, last)}:{hour}",
                tags=range_tags(first, last) | {STALE_TAG: "yes", LANE_TAG: "schedule"},
            )
            for first, last in ranges(entry.day for entry in askable)[:MOST_RANGES]
        ]
    )


def ranges(days: Iterable[date]) -> list[tuple[date, date]]:
    """The days as runs of consecutive days, newest first."""
    found: list[tuple[date, date]] = []
    for day in sorted(set(days)):
        if found and day - found[-1][1] <= timedelta(days=1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found[::-1]


def _digest(entries: Iterable[StaleDay], first: date, last: date) -> str:
    work = sorted((entry.user_id, entry.generation) for entry in entries if first <= entry.day <= last)
    return hashlib.sha256(repr(work).encode()).hexdigest()[:16]
