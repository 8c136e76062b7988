"""Runs that are queued or under way, as a sensor asks for them: a bounded look at the instance."""

from datetime import timedelta

import dagster as dg

from whoop_assets.clock import SystemClock
from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.assets.loading import LANE_TAG
from whoop_assets.defs.partitions import RANGE_END, RANGE_START
from whoop_assets.sync.event_load import LANE

IN_FLIGHT = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
MOST_RUNS = 200
BELIEVED_FOR = timedelta(hours=1)
"""A run for events takes seconds. One that has not changed its status for so long is not there any more."""


def runs_for_events(instance: dg.DagsterInstance, namespace: AssetNamespace) -> list[dg.RunRecord]:
    """The runs in flight that events have asked for in this graph."""
    # Dagster's clock, not the warehouse's: it is compared with what Dagster has written.
    filters = dg.RunsFilter(
        statuses=IN_FLIGHT, tags={LANE_TAG: LANE}, updated_after=SystemClock().now() - BELIEVED_FOR
    )
    found = instance.get_run_records(filters, limit=MOST_RUNS)
    return [record for record in found if namespace.has_part_in(record.dagster_run)]


def days_of(run: dg.DagsterRun) -> tuple[str, str] | None:
    """First and last partition of the run; None for one without partitions."""
    one_day = run.tags.get("dagster/partition")
    first, last = run.tags.get(RANGE_START, one_day), run.tags.get(RANGE_END, one_day)
    return None if first is None or last is None else (first, last)
