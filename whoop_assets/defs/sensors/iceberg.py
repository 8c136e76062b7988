"""The sensor that requests stale Iceberg tables, and retries failed ones."""

import hashlib
from collections.abc import Mapping
from datetime import date

import dagster as dg

from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.assets.iceberg import ICEBERG_ASSETS
from whoop_assets.defs.assets.loading import SINK_TAG, sink_tags
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.factory import sensor
from whoop_assets.defs.sensors.runs import MAX_RUNS, MAX_SILENCE, runs_in_flight
from whoop_assets.defs.sensors.summaries import TRY_AGAIN_AFTER
from whoop_assets.defs.sensors.webhooks import ATTEMPT_TAG
from whoop_assets.sinks.iceberg import ledger
from whoop_assets.sinks.iceberg.catalog import namespace_of
from whoop_assets.sinks.source import TABLES, Checksum

SINK = "iceberg"


# An open cycle changes with every reading, and every commit creates files: run less often.
@sensor(targets=list(ICEBERG_ASSETS.values()), seconds=300)
def iceberg_behind(
    context: dg.SensorEvaluationContext, whoop: WhoopResource, namespace: AssetNamespace
) -> dg.SensorResult | dg.SkipReason:
    """Request the Iceberg tables that are stale, in one run with its own slot.

    The sensor compares stored rows with committed rows. It requests failed work again within the hour, and at
    once if something else has changed.
    """
    if _being_written(context.instance, namespace):
        return dg.SkipReason("A run is writing Iceberg tables.")
    behind: dict[str, Mapping[date, Checksum]] = {}
    tables_in = namespace_of(whoop.settings(), namespace.prefix)
    with whoop.database.read() as connection:
        for name, table in TABLES.items():
            if days := ledger.behind(connection, tables_in, table):
                behind[name] = days
        now = whoop.database.now(connection)
    if not behind:
        return dg.SkipReason("No Iceberg table is behind.")
    hour = int(now.timestamp() // TRY_AGAIN_AFTER.total_seconds())
    work = repr(
        [(name, sorted((day, mark.mark) for day, mark in days.items())) for name, days in behind.items()]
    )
    request = dg.RunRequest(
        run_key=f"{hashlib.sha256(work.encode()).hexdigest()[:16]}:{hour}",
        asset_selection=namespace.keys(ICEBERG_ASSETS[name].name for name in behind),
        asset_check_keys=[],
        # Alert about the first failure only, not at every attempt while the catalog is down.
        tags=sink_tags(SINK) | {ATTEMPT_TAG: str(_failures(context.instance, namespace) + 1)},
    )
    return dg.SensorResult(run_requests=[request])


def _being_written(instance: dg.DagsterInstance, namespace: AssetNamespace) -> bool:
    return bool(runs_in_flight(instance, namespace, tags={SINK_TAG: SINK}, max_silence=MAX_SILENCE))


def _failures(instance: dg.DagsterInstance, namespace: AssetNamespace) -> int:
    """How many runs of the sink have failed since one succeeded."""
    ended = dg.RunsFilter(
        statuses=[dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE], tags={SINK_TAG: SINK}
    )
    runs = instance.get_runs(ended, limit=MAX_RUNS)
    newest = next((run for run in runs if namespace.has_part_in(run)), None)
    return 0 if newest is None or newest.is_success else int(newest.tags.get(ATTEMPT_TAG, "1"))
