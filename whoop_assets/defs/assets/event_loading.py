"""Loading of webhook events: a run for events loads these events instead of whole days."""

from datetime import date
from typing import Any

import dagster as dg

from whoop_assets.defs.assets import loading
from whoop_assets.defs.assets.loading import LANE_TAG
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.sync.events.event_load import LANE
from whoop_assets.sync.events.load_events import (
    ANNOUNCED_STREAMS,
    PartitionBounds,
    load_events,
)


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


def load(context: dg.AssetExecutionContext, whoop: WhoopResource, stream: str) -> dg.MaterializeResult[Any]:
    """Load the stream for the run's days, or the events of these days in a run for events."""
    if not is_for_events(context):
        return loading.load(context, whoop, stream)
    order = loading.order_of(context, whoop, stream, since=whoop.began)
    result = load_events(
        whoop.connection,
        order,
        streams=_announced(context),
        bounds=partition_bounds(context.assets_def.partitions_def),
    )
    return loading.report(context, whoop, order, result)


def _announced(context: dg.AssetExecutionContext) -> list[str]:
    """Return the streams of this run that have events; the run loads no others."""
    selected = context.run.asset_selection
    if selected is None:
        return list(ANNOUNCED_STREAMS)
    names = {key.path[-1] for key in selected}
    return [stream for stream in ANNOUNCED_STREAMS if stream in names]
