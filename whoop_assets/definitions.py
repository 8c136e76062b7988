"""Everything that Dagster sees, in one list."""

import dagster as dg

from whoop_assets.assets.daily_summary import daily_summary
from whoop_assets.assets.members import body_measurement, profile
from whoop_assets.assets.records import cycles, recoveries, sleeps, workouts
from whoop_assets.automation import refresh
from whoop_assets.checks import loads_complete
from whoop_assets.planned_runs import due_readings
from whoop_assets.resources import WhoopResource
from whoop_assets.sensors import stale_summaries

defs = dg.Definitions(
    assets=[profile, body_measurement, cycles, sleeps, recoveries, workouts, daily_summary],
    asset_checks=[loads_complete],
    jobs=[refresh],
    sensors=[due_readings, stale_summaries],
    resources={"whoop": WhoopResource()},
    # A process per step costs two seconds each; the steps of a run share the run's connection and budget.
    executor=dg.in_process_executor,
)
