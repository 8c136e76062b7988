"""The partitions: one a WHOOP day, from WHOOP_START_DATE to today in WHOOP_TIMEZONE; and one an ISO week."""

from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg

from whoop_assets.settings import Settings

_settings = Settings.from_environment()

# end_offset=1: today is a day too; its cycle is open, and its recovery is what people get up for.
DAILY = dg.DailyPartitionsDefinition(
    start_date=_settings.start_date.isoformat(), timezone=_settings.timezone, end_offset=1
)

# Keys are Mondays. The week that WHOOP_START_DATE lies in has a key too, and so has the one that is not over yet.
WEEKLY = dg.WeeklyPartitionsDefinition(
    start_date=(_settings.start_date - timedelta(days=_settings.start_date.weekday())).isoformat(),
    timezone=_settings.timezone,
    day_offset=1,
    end_offset=1,
)

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def range_tags(first: date, last: date) -> dict[str, str]:
    """The run tags that make a run materialize a range of days at once."""
    return {RANGE_START: first.isoformat(), RANGE_END: last.isoformat()}


def first_and_last(keys: Sequence[str]) -> tuple[date, date]:
    """The days that a run's keys span, both included."""
    return date.fromisoformat(min(keys)), date.fromisoformat(max(keys))
