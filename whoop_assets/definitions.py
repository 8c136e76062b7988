"""Definitions of this project's own deployment, with the executor that it runs on."""

import dagster as dg

from whoop_assets.defs.asset_namespace import DEFAULT_PREFIX
from whoop_assets.defs.definitions import namespace_at, whoop_definitions
from whoop_assets.defs.resources import WhoopResource

WEBHOOK_WAIT_SECONDS = 3.5
"""Most of the 5 s between two ticks. This project's dagster.yaml evaluates sensors in threads, so it delays
no other."""

_resource = WhoopResource()
NAMESPACE = namespace_at(DEFAULT_PREFIX, None, _resource)

defs = dg.Definitions.merge(
    whoop_definitions(resource=_resource, webhook_wait_seconds=WEBHOOK_WAIT_SECONDS),
    # A process per step costs two seconds each. The steps of a run share its session and its request budget.
    dg.Definitions(executor=dg.in_process_executor),
)
