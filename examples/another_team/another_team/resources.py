"""The team's database and its app at WHOOP."""

import dagster as dg

from whoop_assets import WhoopResource

whoop = WhoopResource(
    database_url=dg.EnvVar("TEAM_DATABASE_URL"),
    client_id=dg.EnvVar("TEAM_WHOOP_CLIENT_ID"),
    client_secret=dg.EnvVar("TEAM_WHOOP_CLIENT_SECRET"),
    token_key=dg.EnvVar("TEAM_WHOOP_TOKEN_KEY"),
    start_date="2026-01-01",
    timezone="Europe/Berlin",
)
