"""A team's deployment: WHOOP's assets under the team's prefix, beside the team's own assets."""

import dagster as dg

from another_team.downstream import short_nights, sleep_report
from another_team.resources import whoop
from whoop_assets import whoop_definitions

defs = dg.Definitions.merge(
    dg.Definitions(assets=[short_nights, sleep_report], executor=dg.in_process_executor),
    whoop_definitions(key_prefix=["health", "whoop"], group_name="health", resource=whoop),
)
