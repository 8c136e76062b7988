"""What the assets that read WHOOP have in common: an order from the run, the load, and its metadata."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

from whoop_assets.defs.partitions import first_and_last
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.errors import RECONNECT
from whoop_assets.request_budget import usage
from whoop_assets.sync.load_members import Order, Round, load_everybody
from whoop_assets.sync.membership import row_counts

LANE_TAG = "whoop/lane"
SINCE_TAG = "whoop/since"
"""Set by `backfill` when it takes up an unfinished one: what was read completely since then is not read again."""

SINK_TAG = "whoop/sink"
"""On a run of a sink: which. The runs of each have a slot of their own, so that none waits for another, nor takes theirs."""

MAX_RUNTIME_TAG = "dagster/max_runtime"
LONGEST_RUNS = {
    "webhook": timedelta(minutes=30),
    "schedule": timedelta(hours=2),
    "backfill": timedelta(hours=6),
}
"""Lane -> how long a run may take before Dagster's run monitoring ends it; each is many times what such runs take.

Where nobody can tell whether a run's process is still there (its host is lost), this is when it is tried again.
"""

LONGEST_SINK_RUN = timedelta(hours=1)
"""A service that neither answers nor refuses does not hold its sink's slot for ever."""

TAKE_UP_WITHIN = timedelta(days=3)
"""What failed is taken up only while it is fresh: older readings are what a run is to replace."""

CLOCK_SKEW = timedelta(seconds=60)
"""How far the clocks of Dagster's host and of the database may be apart before a retry reads a piece twice."""

ROW_COUNT = "dagster/partition_row_count"
_WINDOWS = {60: "minute", 86_400: "day"}


def lane_tags(lane: str) -> dict[str, str]:
    """The run tags that put a run into a lane, and say how long it may take there, in seconds."""
    return {LANE_TAG: lane, MAX_RUNTIME_TAG: str(int(LONGEST_RUNS[lane].total_seconds()))}


def sink_tags(sink: str) -> dict[str, str]:
    """The run tags that give a run the slot of its sink, and say how long it may have it, in seconds."""
    return {SINK_TAG: sink, MAX_RUNTIME_TAG: str(int(LONGEST_SINK_RUN.total_seconds()))}


def load(context: dg.AssetExecutionContext, whoop: WhoopResource, stream: str) -> dg.MaterializeResult[Any]:
    """Load the stream for the run's days, once for the whole range, and say what came of it per day."""
    order = order_of(context, whoop, stream, since=_since(context, whoop))
    return report(context, whoop, order, load_everybody(whoop.connection, order))


def order_of(
    context: dg.AssetExecutionContext, whoop: WhoopResource, stream: str, *, since: datetime
) -> Order:
    """What the run asks for: its days, lane and members."""
    first, last = first_and_last(context.partition_keys)
    return Order(
        stream=stream,
        first=first,
        last=last,
        today=date.fromisoformat(whoop.today),
        until=whoop.began,
        since=since,
        lane=context.run.tags.get(LANE_TAG, "backfill"),
        members=tuple(whoop.members),
        run_id=context.run.run_id,
    )


def report(
    context: dg.AssetExecutionContext, whoop: WhoopResource, order: Order, result: Round
) -> dg.MaterializeResult[Any]:
    """Say what came of the order: warnings and failures in the log, rows per day and figures as metadata."""
    stream, first, last = order.stream, order.first, order.last
    for warning in result.warnings:
        context.log.warning(warning)
    for failure in result.failures:
        context.log.error(f"Member {failure.user_id}, {failure.stream}: {failure.cause}")
    with whoop.database.read() as connection:
        users = [member.user_id for member in whoop.chosen_members()]
        counts = row_counts(connection, users, stream, first, last)
    for key in context.partition_keys:
        context.add_asset_metadata({ROW_COUNT: counts.get(date.fromisoformat(key), 0)}, partition_key=key)
    # Figures of the whole run stand at its newest day alone: Dagster copies a result's own metadata to every day.
    figures = _figures(result) | _budget(whoop, order.lane)
    context.add_asset_metadata(figures, partition_key=max(context.partition_keys))
    return dg.MaterializeResult()


def _since(context: dg.AssetExecutionContext, whoop: WhoopResource) -> datetime:
    """From when on what was read counts as read: a run that is tried again goes on where the first try stopped."""
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
            since = datetime.fromtimestamp(record.start_time, UTC) - CLOCK_SKEW
            return since if whoop.began - since < TAKE_UP_WITHIN else whoop.began
    return whoop.began


def _budget(whoop: WhoopResource, lane: str) -> dict[str, Any]:
    """The request budget as the load leaves it: what of each window is used, and when the lane can send again."""
    with whoop.database.read() as connection:
        now, budget = whoop.database.now(connection), whoop.connection.budget
        windows = usage.windows(connection, budget, now)
        next_slot = budget.next_slot(connection, lane, now)
    figures: dict[str, Any] = {
        f"budget_{_WINDOWS.get(window.seconds, f'{window.seconds}_seconds')}": f"{window.used} of {window.limit}"
        for window in windows
    }
    if next_slot > now:
        figures["budget_next_slot"] = dg.MetadataValue.timestamp(next_slot)
    return figures


def _figures(result: Round) -> dict[str, Any]:
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
