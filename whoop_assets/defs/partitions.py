"""The partitions: one a WHOOP day, from the first day to today in the chosen time zone; and one an ISO week."""

from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg


def daily(start_date: date, timezone: str) -> dg.DailyPartitionsDefinition:
    """A key a day, today's included: its cycle is open, and its recovery is what people get up for."""
    return dg.DailyPartitionsDefinition(start_date=start_date.isoformat(), timezone=timezone, end_offset=1)


def weekly(start_date: date, timezone: str) -> dg.WeeklyPartitionsDefinition:
    """A key a week, its Monday: from the week that the first day lies in to the one that is not over yet."""
    return dg.WeeklyPartitionsDefinition(
        start_date=(start_date - timedelta(days=start_date.weekday())).isoformat(),
        timezone=timezone,
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
