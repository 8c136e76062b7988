"""Sensors. Ticks use only SQL and end in bounded time."""

from whoop_assets.defs.sensors.failures import failed_runs
from whoop_assets.defs.sensors.notion import stale_pages
from whoop_assets.defs.sensors.readings import due_readings
from whoop_assets.defs.sensors.summaries import stale_summaries, stale_weeks
from whoop_assets.defs.sensors.webhooks import webhook_events

__all__ = ["due_readings", "failed_runs", "stale_pages", "stale_summaries", "stale_weeks", "webhook_events"]
