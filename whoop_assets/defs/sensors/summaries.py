"""The sensors that request stale summaries, trends and weeks."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

import dagster as dg

from whoop_assets.date_ranges import to_date_ranges
from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.assets.loading import lane_tags
from whoop_assets.defs.assets.summaries import daily_summary, trends, weekly_summary
from whoop_assets.defs.partitions import range_of, range_tags
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.factory import sensor
from whoop_assets.defs.sensors.runs import checks_of, runs_for_events, runs_in_flight
from whoop_assets.records.stale_days import STALE_DAYS, STALE_TRENDS, STALE_WEEKS, StaleCount
from whoop_assets.report.formatting import counted

MAX_RANGES = 10
TRY_AGAIN_AFTER = timedelta(hours=1)


@sensor(targets=[daily_summary, trends], seconds=30)
def stale_summaries(
    context: dg.SensorEvaluationContext, whoop: WhoopResource, namespace: AssetNamespace
) -> dg.SensorResult | dg.SkipReason:
    """Request the summaries of days with changed records, and the trends of days with changed summaries.

    The sensor reads the ledgers of stale days, so a killed run loses nothing. Days that a run in flight
    builds are left out. So are changes after the creation of a run for events, because that run builds all
    days that its events change. Days without a partition, such as tomorrow, stay stale until the partition
    exists.
    """
    for_events = runs_for_events(context.instance, namespace)
    before = min((record.create_timestamp for record in for_events), default=None)
    with whoop.database.read() as connection:
        behind = STALE_DAYS.days(connection, before=before)
        trends_behind = STALE_TRENDS.days(connection, before=before)
        now = whoop.database.now(connection)
    of_summaries = askable(
        behind, namespace.days, _being_built(context.instance, namespace, daily_summary.name)
    )
    wanted = to_date_ranges(entry.day for entry in of_summaries)[::-1]
    # A run for summaries builds the trends of its days too.
    busy = _being_built(context.instance, namespace, trends.name)
    busy += [(first.isoformat(), last.isoformat()) for first, last in wanted]
    of_trends = askable(trends_behind, namespace.days, busy)
    both, alone = [daily_summary.name, trends.name], [trends.name]
    requests = [
        *_requests("", namespace, both, of_summaries, wanted, now),
        *_requests(
            "trends:",
            namespace,
            alone,
            of_trends,
            to_date_ranges(entry.day for entry in of_trends)[::-1],
            now,
        ),
    ]
    if not requests:
        return _nothing([*behind, *trends_behind], namespace.days, "day")
    return dg.SensorResult(run_requests=requests[:MAX_RANGES])


# An open cycle changes with every reading, and with it the week: no run for each of them.
@sensor(targets=[weekly_summary], seconds=300)
def stale_weeks(
    context: dg.SensorEvaluationContext, whoop: WhoopResource, namespace: AssetNamespace
) -> dg.SensorResult | dg.SkipReason:
    """Request the weekly summaries of weeks with changed days."""
    with whoop.database.read() as connection:
        behind = STALE_WEEKS.days(connection)
        now = whoop.database.now(connection)
    of_weeks = askable(
        behind, namespace.weeks, _being_built(context.instance, namespace, weekly_summary.name)
    )
    if not of_weeks:
        return _nothing(behind, namespace.weeks, "week")
    wanted = to_date_ranges((entry.day for entry in of_weeks), max_gap=timedelta(weeks=1))[::-1]
    return dg.SensorResult(
        run_requests=_requests("", namespace, [weekly_summary.name], of_weeks, wanted, now)[:MAX_RANGES]
    )


def _nothing(
    behind: Sequence[StaleCount], partitions: dg.TimeWindowPartitionsDefinition, unit: str
) -> dg.SkipReason:
    """Say why there is no request; `unit` is the singular of what is stale."""
    in_flight = len(askable(behind, partitions, ()))
    sentences = []
    if in_flight:
        sentences.append(f"A run in flight builds {counted(in_flight, f'stale {unit}')}.")
    if in_flight < len(behind):
        sentences.append(f"No partition exists for {counted(len(behind) - in_flight, f'stale {unit}')}.")
    return dg.SkipReason(" ".join(sentences) or f"No stale {unit}s.")


def askable(
    behind: Iterable[StaleCount],
    partitions: dg.TimeWindowPartitionsDefinition,
    busy: Sequence[tuple[str, str]],
) -> list[StaleCount]:
    """Return the entries that have a partition and that no run in flight builds."""
    first_key, last_key = partitions.get_first_partition_key(), partitions.get_last_partition_key()
    return [
        entry
        for entry in behind
        if (first_key or "9999") <= entry.day.isoformat() <= (last_key or "")
        and not any(first <= entry.day.isoformat() <= last for first, last in busy)
    ]


def _requests(
    prefix: str,
    namespace: AssetNamespace,
    assets: Sequence[str],
    work: Sequence[StaleCount],
    wanted: Sequence[tuple[date, date]],
    now: datetime,
) -> list[dg.RunRequest]:
    """Return one run per range.

    Its key contains the work and the hour, so failed work is requested again after an hour.
    """
    hour = int(now.timestamp() // TRY_AGAIN_AFTER.total_seconds())
    return [
        dg.RunRequest(
            run_key=f"{prefix}{first}:{last}:{digest(work, first, last)}:{hour}",
            asset_selection=namespace.keys(assets),
            asset_check_keys=checks_of(assets, namespace),
            tags=range_tags(first, last) | lane_tags("schedule"),
        )
        for first, last in wanted[:MAX_RANGES]
    ]


def _being_built(
    instance: dg.DagsterInstance, namespace: AssetNamespace, asset: str
) -> list[tuple[str, str]]:
    """Return the ranges of the asset's partitions that runs in flight will build."""
    runs = [record.dagster_run for record in runs_in_flight(instance, namespace)]
    building = [
        run for run in runs if run.asset_selection is None or namespace.key(asset) in run.asset_selection
    ]
    return [bounds for run in building if (bounds := range_of(run)) is not None]


def digest(entries: Iterable[StaleCount], first: date, last: date) -> str:
    """Return a hash that identifies the work on a range of days."""
    work = sorted((entry.day, entry.members, entry.state) for entry in entries if first <= entry.day <= last)
    return hashlib.sha256(repr(work).encode()).hexdigest()[:16]
