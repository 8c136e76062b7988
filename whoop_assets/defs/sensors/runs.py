"""The runs of sensors: those that are queued or in progress, and the checks of those that they request."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

import dagster as dg

from whoop_assets.clock import SystemClock
from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.assets.loading import LANE_TAG
from whoop_assets.defs.event_log_redaction import UNFINISHED
from whoop_assets.sync.events.event_load import LANE

MAX_RUNS = 200
"""Upper bound on the runs that a tick reads from the instance."""
MAX_SILENCE = timedelta(hours=1)
"""Runs for events take seconds. A run without a change of status for this long has lost its process."""

_CHECKS = {
    "daily_summary": ("events_loaded",),
    "trends": ("loads_complete",),
    "profile": ("members_connected", "timezone_covers_members"),
}


def runs_in_flight(
    instance: dg.DagsterInstance,
    namespace: AssetNamespace,
    *,
    tags: Mapping[str, str] | None = None,
    max_silence: timedelta | None = None,
) -> list[dg.RunRecord]:
    """Return the runs of a namespace that are queued or in progress.

    Args:
        instance: The Dagster instance.
        namespace: Only runs that materialize or check its assets.
        tags: Only runs with these tags.
        max_silence: Only runs with a change of status within this time.
    """
    filters = dg.RunsFilter(
        statuses=UNFINISHED,
        tags=tags,
        # Dagster wrote the times, so its clock counts, not the database's.
        updated_after=None if max_silence is None else SystemClock().now() - max_silence,
    )
    records = instance.get_run_records(filters, limit=MAX_RUNS)
    return [record for record in records if namespace.has_part_in(record.dagster_run)]


def runs_for_events(instance: dg.DagsterInstance, namespace: AssetNamespace) -> list[dg.RunRecord]:
    """Return the runs in flight that load webhook events."""
    return runs_in_flight(instance, namespace, tags={LANE_TAG: LANE}, max_silence=MAX_SILENCE)


def checks_of(assets: Iterable[str], namespace: AssetNamespace) -> list[dg.AssetCheckKey]:
    """Return the checks of a run that materializes these assets, named without their prefix.

    A run without named checks executes all checks of its assets. Sensors request many runs, so these leave
    out the checks of all data, which the schedule `check_daily` executes.
    """
    return [
        dg.AssetCheckKey(namespace.key(asset), name) for asset in assets for name in _CHECKS.get(asset, ())
    ]
