"""Everything that Dagster sees, in one list."""

import dagster as dg

from whoop_assets.assets.daily_summary import daily_summary
from whoop_assets.assets.members import body_measurement, profile
from whoop_assets.assets.records import cycles, recoveries, sleeps, workouts
from whoop_assets.automation import keep_tokens, keep_tokens_alive, refresh
from whoop_assets.checks import loads_complete, members_connected
from whoop_assets.planned_runs import due_readings
from whoop_assets.resources import WhoopResource
from whoop_assets.sensors import stale_summaries

defs = dg.Definitions(
    assets=[profile, body_measurement, cycles, sleeps, recoveries, workouts, daily_summary],
    asset_checks=[members_connected, loads_complete],
    jobs=[refresh, keep_tokens],
    schedules=[keep_tokens_alive],
    sensors=[due_readings, stale_summaries],
    resources={"whoop": WhoopResource()},
    # A process per step costs two seconds each; the steps of a run share the run's connection and budget.
    executor=dg.in_process_executor,
)
