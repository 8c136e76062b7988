"""Partitions: one per WHOOP day and one per ISO week, and the run tags that name them."""

from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg
from sqlalchemy import column, delete, table

from whoop_assets.defs.dagster_internals import SqlEventLogStorage

PARTITION = "dagster/partition"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"

_checks = table("asset_check_executions", column("run_id"))


def daily(start_date: date, timezone: str) -> dg.DailyPartitionsDefinition:
    """Return one partition per day up to and including today, because users want this morning's recovery."""
    return dg.DailyPartitionsDefinition(start_date=start_date.isoformat(), timezone=timezone, end_offset=1)


def weekly(start_date: date, timezone: str) -> dg.WeeklyPartitionsDefinition:
    """Return one partition per week, named by its Monday, from the first day's week to the current one."""
    return dg.WeeklyPartitionsDefinition(
        start_date=(start_date - timedelta(days=start_date.weekday())).isoformat(),
        timezone=timezone,
        day_offset=1,
        end_offset=1,
    )


def range_tags(first: date, last: date) -> dict[str, str]:
    """Return the run tags that make one run materialize a range of days."""
    return {RANGE_START: first.isoformat(), RANGE_END: last.isoformat()}


def range_of(run: dg.DagsterRun) -> tuple[str, str] | None:
    """Return the first and last partition of the run; None for a run without partitions."""
    key = run.tags.get(PARTITION)
    first, last = run.tags.get(RANGE_START, key), run.tags.get(RANGE_END, key)
    return None if first is None or last is None else (first, last)


def first_and_last(keys: Sequence[str]) -> tuple[date, date]:
    """Return the first and last day of partition keys."""
    return date.fromisoformat(min(keys)), date.fromisoformat(max(keys))


def reject_unknown_partitions(
    context: dg.AssetExecutionContext, partitions: dg.TimeWindowPartitionsDefinition
) -> None:
    """Cancel a run for partitions that do not exist.

    Dagster does not check the tags of a launch through GraphQL.

    The run ends as canceled, and its planned checks are deleted. Dagster otherwise shows them as failed or
    skipped instead of the results of the last run that executed them.

    Raises:
        DagsterExecutionInterruptedError: A partition does not exist.
    """
    first_key, last_key = partitions.get_first_partition_key(), partitions.get_last_partition_key()
    bounds = range_of(context.run)
    if bounds is None:
        problem = "it names no partition"
    elif not all(_exists(partitions, key) for key in bounds):
        problem = f"partition {' to '.join(dict.fromkeys(bounds))} does not exist"
    else:
        return
    sentence = f"The run is rejected because {problem}: choose partitions from {first_key} to {last_key}."
    context.log.error(sentence)
    storage = context.instance.event_log_storage
    if isinstance(storage, SqlEventLogStorage):
        with storage.index_connection() as connection:
            connection.execute(delete(_checks).where(_checks.c.run_id == context.run.run_id))
    context.instance.report_run_canceling(context.run, message=sentence)
    raise dg.DagsterExecutionInterruptedError(sentence)


def _exists(partitions: dg.TimeWindowPartitionsDefinition, key: str) -> bool:
    try:
        return partitions.has_partition_key(key)
    except ValueError:  # not a date
        return False
