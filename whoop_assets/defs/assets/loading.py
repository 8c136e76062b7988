"""Shared code of the assets that read WHOOP.

It builds the load request from the run, loads the run's days or its webhook events, and reports metadata.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from whoop_assets.defs.partitions import first_and_last
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.errors import RECONNECT
from whoop_assets.records.record_lookup import row_counts
from whoop_assets.request_budget import usage
from whoop_assets.sync.events.event_load import LANE
from whoop_assets.sync.events.load_events import PartitionBounds, load_events
from whoop_assets.sync.load_members import LoadRequest, LoadResult, load_members
from whoop_assets.whoop_api.streams import ANNOUNCED_STREAMS, STREAMS

LANE_TAG = "whoop/lane"
SINCE_TAG = "whoop/since"
"""Set by the planner's runs, and by `backfill` when it resumes.

Data that were read completely since this time are not read again.
"""

SINK_TAG = "whoop/sink"
"""Name of the sink that the run writes. Each sink has its own run slot, so that no sink waits for another."""

MAX_RUNTIME_TAG = "dagster/max_runtime"
MAX_RUN_DURATIONS = {
    "webhook": timedelta(minutes=30),
    "schedule": timedelta(hours=2),
    "backfill": timedelta(hours=6),
}
"""Maximum duration of a run per lane, after which Dagster's run monitoring ends it. Normal runs are much
shorter.

If the host of a run is lost, Dagster retries the run after this time.
"""

MAX_SINK_RUN_DURATION = timedelta(hours=1)
"""Maximum duration of a sink's run, so that a service that does not respond does not block the sink."""

MAX_RESUME_AGE = timedelta(days=3)
"""A retry resumes a failed run only within this time. Older readings are outdated."""

MAX_CLOCK_SKEW = timedelta(seconds=60)
"""Maximum difference between the clocks of Dagster's host and the database. Beyond it, a retry reads a piece
twice."""

_ROW_COUNT = "dagster/partition_row_count"
_WINDOWS = {60: "minute", 86_400: "day"}


def lane_tags(lane: str) -> dict[str, str]:
    """Return the run tags for a lane and its maximum duration."""
    return {LANE_TAG: lane, MAX_RUNTIME_TAG: str(int(MAX_RUN_DURATIONS[lane].total_seconds()))}


def sink_tags(sink: str) -> dict[str, str]:
    """Return the run tags for a sink and its maximum duration."""
    return {SINK_TAG: sink, MAX_RUNTIME_TAG: str(int(MAX_SINK_RUN_DURATION.total_seconds()))}


def load(context: dg.AssetExecutionContext, whoop: WhoopResource, stream: str) -> dg.MaterializeResult[Any]:
    """Load the stream once for the run's whole range, and report rows per day.

    A run for webhook events loads the events of its days instead. Snapshots have no events.
    """
    request = _request(context, whoop, stream)
    if is_for_events(context) and stream in STREAMS:
        bounds = partition_bounds(context.assets_def.partitions_def)
        result = load_events(whoop.connection, request, streams=_announced(context), bounds=bounds)
    else:
        result = load_members(whoop.connection, request)
    return _report(context, whoop, request, result)


def is_for_events(context: dg.AssetExecutionContext) -> bool:
    """Return whether this run was requested for webhook events."""
    return context.run.tags.get(LANE_TAG) == LANE


def partition_bounds(days: dg.PartitionsDefinition[Any] | None) -> PartitionBounds | None:
    """Return the first and last day that have a partition now; None if the first day is in the future."""
    if not isinstance(days, dg.TimeWindowPartitionsDefinition):
        raise TypeError("not days")  # every stream has a partition a day
    first, last = days.get_first_partition_key(), days.get_last_partition_key()
    return (
        None
        if first is None or last is None
        else PartitionBounds(date.fromisoformat(first), date.fromisoformat(last))
    )


def _announced(context: dg.AssetExecutionContext) -> list[str]:
    """Return the streams of this run that have events; the run loads no others."""
    selected = context.run.asset_selection
    if selected is None:
        return list(ANNOUNCED_STREAMS)
    names = {key.path[-1] for key in selected}
    return [stream for stream in ANNOUNCED_STREAMS if stream in names]


def _request(context: dg.AssetExecutionContext, whoop: WhoopResource, stream: str) -> LoadRequest:
    """Return the load request of the run: stream, days, lane and members."""
    first, last = first_and_last(context.partition_keys)
    return LoadRequest(
        stream=stream,
        first=first,
        last=last,
        today=date.fromisoformat(whoop.today),
        until=whoop.began,
        since=_since(context, whoop),
        lane=context.run.tags.get(LANE_TAG, "backfill"),
        members=tuple(whoop.members),
        run_id=context.run.run_id,
    )


def _report(
    context: dg.AssetExecutionContext, whoop: WhoopResource, request: LoadRequest, result: LoadResult
) -> dg.MaterializeResult[Any]:
    """Log warnings and failures, and add rows per day and figures as metadata."""
    stream, first, last = request.stream, request.first, request.last
    for warning in result.warnings:
        context.log.warning(warning)
    for failure in result.failures:
        context.log.error(f"Member {failure.user_id}, {failure.stream}: {failure.cause}")
    with whoop.database.read() as connection:
        users = [member.user_id for member in whoop.chosen_members()]
        counts = row_counts(connection, users, stream, first, last)
    return materialized(context, counts, _figures(result) | _budget(whoop, request.lane))


def materialized(
    context: dg.AssetExecutionContext, rows: Mapping[date, int], figures: Mapping[str, Any]
) -> dg.MaterializeResult[Any]:
    """Report the rows of each partition, and the figures of the run on the newest one.

    Dagster would copy the metadata of a result to every partition.
    """
    for key in context.partition_keys:
        context.add_asset_metadata({_ROW_COUNT: rows.get(date.fromisoformat(key), 0)}, partition_key=key)
    context.add_asset_metadata(figures, partition_key=max(context.partition_keys))
    return dg.MaterializeResult()


def _since(context: dg.AssetExecutionContext, whoop: WhoopResource) -> datetime:
    """Return the time since which completely read data are not read again.

    A retry resumes its first attempt.
    """
    tag = context.run.tags.get(SINCE_TAG)
    if tag is not None:
        return datetime.fromisoformat(tag)
    parent, root = context.run.parent_run_id, context.run.root_run_id
    if parent is not None and root is not None:
        before = context.instance.get_run_by_id(parent)
        record = context.instance.get_run_record_by_id(root)
        if (
            before is not None
            and not before.is_success
            and record is not None
            and record.start_time is not None
        ):
            since = datetime.fromtimestamp(record.start_time, UTC) - MAX_CLOCK_SKEW
            return since if whoop.began - since < MAX_RESUME_AGE else whoop.began
    return whoop.began


def _budget(whoop: WhoopResource, lane: str) -> dict[str, Any]:
    """Return the use of each budget window and the time of the lane's next slot."""
    with whoop.database.read() as connection:
        now, budget = whoop.database.now(connection), whoop.connection.budget
        windows = usage.windows(connection, budget, now)
        next_slot = budget.next_slot(connection, lane, now)
    figures: dict[str, Any] = {
        f"budget_{_WINDOWS.get(window.seconds, f'{window.seconds}_seconds')}": f"{window.used} of"
        f" {window.limit}"
        for window in windows
    }
    if next_slot > now:
        figures["budget_next_slot"] = dg.MetadataValue.timestamp(next_slot)
    return figures


def _figures(result: LoadResult) -> dict[str, Any]:
    figures: dict[str, Any] = {
        name: int(result.total(name))
        for name in (
            "requests",
            "retries",
            "limited",
            "created",
            "changed",
            "confirmed",
            "superseded",
            "deleted",
            "quarantined",
        )
    }
    figures["waited_seconds"] = round(result.total("waited_seconds"), 3)
    if result.failures:
        figures["members_failed"] = ", ".join(str(failure.user_id) for failure in result.failures)
    if result.to_reconnect:
        figures["members_to_reconnect"] = f"{', '.join(map(str, result.to_reconnect))}: run `{RECONNECT}`"
    if result.warnings:
        figures["warnings"] = dg.MetadataValue.md("\n".join(f"- {warning}" for warning in result.warnings))
    return figures
