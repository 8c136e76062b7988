"""Everything that Dagster sees of this project's own deployment: the graph (`reuse` has the list) and its executor."""

import dagster as dg

from whoop_assets.defs.asset_namespace import OURS
from whoop_assets.defs.component import graph_at, whoop_definitions
from whoop_assets.defs.resources import WhoopResource

WEBHOOK_WAIT_SECONDS = 3.5
"""Most of the 5 s between two ticks. The dagster.yaml of this project evaluates sensors in threads, so none is delayed."""

_resource = WhoopResource()
ours = graph_at(OURS, None, _resource)

defs = dg.Definitions.merge(
    whoop_definitions(resource=_resource, webhook_wait_seconds=WEBHOOK_WAIT_SECONDS),
    # A process per step costs two seconds each; the steps of a run share the run's connection and budget.
    dg.Definitions(executor=dg.in_process_executor),
)
