"""The sensor of stale days: whatever changed a record, its summary follows."""

import hashlib
from collections.abc import Iterable
from datetime import date, timedelta

import dagster as dg

from whoop_assets.assets.daily_summary import daily_summary
from whoop_assets.assets.loading import LANE_TAG
from whoop_assets.partitions import DAILY, range_tags
from whoop_assets.resources import WhoopResource
from whoop_assets.sensors.checking import checks_of
from whoop_assets.sensors.in_flight import IN_FLIGHT, days_of, runs_for_events
from whoop_assets.warehouse import stale_days
from whoop_assets.warehouse.stale_days import StaleDay

MOST_RANGES, MOST_RUNS = 10, 100
TRY_AGAIN_AFTER = timedelta(hours=1)


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
    Days that a run under way will build are left to it, and so is all that has changed since a run for events was asked
    for, as it builds what its events touch, whatever the day; days without a partition key (tomorrow, or before
    WHOOP_START_DATE) stay stale until they have one.
    """
    for_events = runs_for_events(context.instance)
    before = min((record.create_timestamp for record in for_events), default=None)
    with whoop.database.read() as connection:
        behind = stale_days.stale(connection, before=before)
        now = whoop.database.now(connection)
    first_key, last_key = DAILY.get_first_partition_key(), DAILY.get_last_partition_key()
    busy = _being_built(context.instance)
    askable = [
        entry
        for entry in behind
        if (first_key or "9999") <= entry.day.isoformat() <= (last_key or "")
        and not any(first <= entry.day.isoformat() <= last for first, last in busy)
    ]
    if not askable:
        return dg.SkipReason(
            f"{len(behind)} stale days, none to ask for now: they are being built, or have no partition."
            if behind
            else "No stale days."
        )
    # The key names the work, and an hour: the same work that failed is tried again, but not every half minute.
    hour = int(now.timestamp() // TRY_AGAIN_AFTER.total_seconds())
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"{first}:{last}:{_digest(askable, first, last)}:{hour}",
                asset_selection=[daily_summary.key],
                asset_check_keys=checks_of(["daily_summary"]),
                tags=range_tags(first, last) | {LANE_TAG: "schedule"},
            )
            for first, last in ranges(entry.day for entry in askable)[:MOST_RANGES]
        ]
    )


def _being_built(instance: dg.DagsterInstance) -> list[tuple[str, str]]:
    """The days, first and last, whose summaries a run that is queued or under way will build."""
    spans = []
    for run in instance.get_runs(dg.RunsFilter(statuses=IN_FLIGHT), limit=MOST_RUNS):
        if run.asset_selection is not None and daily_summary.key not in run.asset_selection:
            continue
        days = days_of(run)
        if days is not None:
            spans.append(days)
    return spans


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
