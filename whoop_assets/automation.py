"""Jobs and schedules: what runs by itself at fixed times."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import dagster as dg

from whoop_assets.assets.loading import LANE_TAG
from whoop_assets.partitions import DAILY, range_tags

RECENT_DAYS = 3
"""Late syncs and most re-scores happen within this many days; the rare later ones are for wider re-reading."""

everything = dg.AssetSelection.groups("whoop")

refresh = dg.define_asset_job(
    "refresh",
    selection=everything,
    description="Read the asked days of every member and rebuild their summaries.",
)


@dg.schedule(
    job=refresh,
    cron_schedule="15 * * * *",
    execution_timezone=DAILY.timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def refresh_recent_days(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Every hour: read the last days again, today included, in one run."""
    zone = ZoneInfo(DAILY.timezone)
    last = context.scheduled_execution_time.astimezone(zone).date()
    if not DAILY.has_partition_key(last.isoformat()):
        return dg.SkipReason(f"There is no partition {last} yet: WHOOP_START_DATE lies in the future.")
    first = max(last - timedelta(days=RECENT_DAYS - 1), DAILY.start.astimezone(zone).date())
    return dg.RunRequest(tags=range_tags(first, last) | {LANE_TAG: "schedule"})
