"""The team's own assets, which follow WHOOP's daily summary."""

import dagster as dg

from another_team.resources import whoop
from whoop_assets import WhoopResource

DAILY_SUMMARY = dg.AssetKey(["health", "whoop", "daily_summary"])

# `eager()` ignores all but the newest day. WHOOP corrects old days too.
FOLLOWS_EACH_DAY = dg.AutomationCondition.eager().without(dg.AutomationCondition.in_latest_time_window())
# `eager()` waits until every day has been materialized, also the days before the first one with data.
FOLLOWS_ANY_DAY = dg.AutomationCondition.eager().without(~dg.AutomationCondition.any_deps_missing())


@dg.asset(
    key_prefix="health",
    group_name="health_reports",
    deps=[DAILY_SUMMARY],
    partitions_def=whoop.days(),
    backfill_policy=dg.BackfillPolicy.single_run(),
    automation_condition=FOLLOWS_EACH_DAY,
)
def short_nights(context: dg.AssetExecutionContext, health_whoop: WhoopResource) -> dg.MaterializeResult:
    """Number of nights with less than seven hours of sleep, over the days of the run."""
    days = context.partition_keys
    nights = health_whoop.frame("daily_summary", min(days), max(days))["sleep_duration_minutes"].dropna()
    return dg.MaterializeResult(metadata={"nights": len(nights), "short": int((nights < 420).sum())})


@dg.asset(
    key_prefix="health",
    group_name="health_reports",
    deps=[DAILY_SUMMARY],
    automation_condition=FOLLOWS_ANY_DAY,
)
def sleep_report(health_whoop: WhoopResource) -> dg.MaterializeResult:
    """Number of nights and their mean length over all members."""
    nights = health_whoop.frame("daily_summary", "2026-01-01", health_whoop.today)
    minutes = nights["sleep_duration_minutes"].dropna()
    return dg.MaterializeResult(
        metadata={"nights": len(minutes), "mean_minutes": float(minutes.mean() if len(minutes) else 0)}
    )
