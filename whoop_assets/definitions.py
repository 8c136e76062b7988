"""Everything that Dagster sees, in one list."""

import dagster as dg

from whoop_assets.assets.daily_summary import daily_summary
from whoop_assets.assets.members import body_measurement, profile
from whoop_assets.assets.records import cycles, recoveries, sleeps, workouts
from whoop_assets.assets.report import report
from whoop_assets.assets.trends import trends
from whoop_assets.assets.weekly_summary import weekly_summary
from whoop_assets.automation import check, check_daily, keep_tokens, keep_tokens_alive, refresh
from whoop_assets.checks import events_loaded, loads_complete, members_connected, records_fit_together
from whoop_assets.resources import WhoopResource
from whoop_assets.sensors import due_readings, failed_runs, stale_summaries, stale_weeks, webhook_events

defs = dg.Definitions(
    assets=[
        profile,
        body_measurement,
        cycles,
        sleeps,
        recoveries,
        workouts,
        daily_summary,
        trends,
        weekly_summary,
        report,
    ],
    asset_checks=[members_connected, loads_complete, events_loaded, records_fit_together],
    jobs=[refresh, keep_tokens, check],
    schedules=[keep_tokens_alive, check_daily],
    sensors=[webhook_events, due_readings, stale_summaries, stale_weeks, failed_runs],
    resources={"whoop": WhoopResource()},
    # A process per step costs two seconds each; the steps of a run share the run's connection and budget.
    executor=dg.in_process_executor,
)
