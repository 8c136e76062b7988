"""A team's own deployment, with WHOOP's assets beside its own: their prefix, their group, their configuration."""

import dagster as dg

from another_team.sleep_report import sleep_report
from whoop_assets import WhoopResource, whoop_definitions

whoop = WhoopResource(
    database_url=dg.EnvVar("TEAM_DATABASE_URL"),
    client_id=dg.EnvVar("TEAM_WHOOP_CLIENT_ID"),
    client_secret=dg.EnvVar("TEAM_WHOOP_CLIENT_SECRET"),
    token_key=dg.EnvVar("TEAM_WHOOP_TOKEN_KEY"),
    start_date="2026-01-01",
    timezone="Europe/Berlin",
)
defs = dg.Definitions.merge(
    dg.Definitions(assets=[sleep_report], executor=dg.in_process_executor),
    whoop_definitions(key_prefix=["health", "whoop"], group_name="health", resource=whoop),
)
