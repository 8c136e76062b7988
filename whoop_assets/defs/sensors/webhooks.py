"""The sensor that requests runs for webhook events: one run per day with due events."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg

from whoop_assets.db.database import Database
from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.assets.loading import lane_tags, partition_bounds
from whoop_assets.defs.assets.streams import RECORD_ASSETS, cycles
from whoop_assets.defs.assets.summaries import daily_summary, trends
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.factory import sensor
from whoop_assets.defs.sensors.runs import runs_for_events
from whoop_assets.report.formatting import counted
from whoop_assets.sync.events.event_load import LANE
from whoop_assets.sync.events.load_events import PartitionBounds
from whoop_assets.webhooks import attempts
from whoop_assets.webhooks.inbox import Event
from whoop_assets.whoop_api.streams import ANNOUNCED_STREAMS, RECOVERIES, SLEEPS

MAX_DAYS = 20
"""Maximum number of runs that a tick requests. The next tick requests the rest."""

POLL_INTERVAL = timedelta(seconds=0.25)
"""Time between two reads of the inbox in a tick that waits."""

ATTEMPT_TAG = "whoop/attempt"
NIGHT = frozenset({SLEEPS.name, RECOVERIES.name})
"""A sleep and its recovery are loaded together: WHOOP announces both within a second."""

TAGS = {
    **lane_tags(LANE),
    "dagster/priority": "10",
    # The inbox retries events with a growing delay. A run that Dagster retries would find no due event.
    "dagster/max_retries": "0",
}


@sensor(targets=[*RECORD_ASSETS.values(), daily_summary, trends], seconds=1)
def webhook_events(
    context: dg.SensorEvaluationContext, whoop: WhoopResource, namespace: AssetNamespace
) -> dg.SensorResult | dg.SkipReason:
    """Request one run per day with due events.

    The run loads cycles and the streams of the events, then builds the daily summary and the trends.

    The sensor looks at which events are due, so a killed run loses nothing. While a run for a day is in
    flight, new events of that day wait for its end unless the run loads them.
    """
    existing = partition_bounds(namespace.days)
    if existing is None:
        return dg.SkipReason(
            "There is no partition yet: the first day (WHOOP_START_DATE) lies in the future."
        )
    database, instance = whoop.database, context.instance
    _release_events_of_ended_runs(database, instance)
    clock = database.clock
    until = clock.now() + namespace.webhook_wait
    while True:
        bursts = _due(database, existing)
        if bursts:
            busy = {
                record.dagster_run.tags.get("dagster/partition")
                for record in runs_for_events(instance, namespace)
            }
            free = [burst for burst in bursts if burst.day.isoformat() not in busy]
            requests = [
                _request(burst, namespace)
                for burst in free[:MAX_DAYS]
                if not _spent(database, instance, burst)
            ]
            if requests:
                return dg.SensorResult(run_requests=requests)
        if clock.now() >= until:
            break
        clock.sleep(POLL_INTERVAL.total_seconds())
    return dg.SkipReason(
        f"Events of {counted(len(bursts), 'day')} are due, and a run for each day is in flight."
        if bursts
        else "No event is due."
    )


@dataclass(frozen=True, slots=True)
class Burst:
    """All due events of a day, ordered by waiting time."""

    day: date
    events: Sequence[Event]

    @property
    def run_key(self) -> str:
        """Identifies the work: the day, the newest event, and each event with its attempt.

        The time of the attempt is part of it, because a postponed attempt keeps its number.
        """
        newest = max(self.events, key=lambda event: (event.received_at, event.trace_id))
        work = sorted((event.trace_id, event.attempts, str(event.next_attempt_at)) for event in self.events)
        digest = hashlib.sha256(repr(work).encode()).hexdigest()[:16]
        return f"{self.day}:{newest.trace_id[:40]}:{self.attempt}:{digest}"

    @property
    def attempt(self) -> int:
        """Number of the next attempt of the event with the fewest attempts."""
        return 1 + min(event.attempts for event in self.events)


def _due(database: Database, existing: PartitionBounds) -> list[Burst]:
    """Return the due events by day, all with a partition; the day that waits longest first."""
    with database.read() as connection:
        events = attempts.due(connection, database.now(connection))
    if any(event.day is None or not existing.first <= event.day <= existing.last for event in events):
        with database.write() as connection:
            now = database.now(connection)
            attempts.assign_days(connection, now, existing.first, existing.last)
            events = attempts.due(connection, now)
    by_day: dict[date, list[Event]] = {}
    for event in events:
        if event.day is not None and event.stream in ANNOUNCED_STREAMS:
            by_day.setdefault(event.day, []).append(event)
    return [Burst(day, theirs) for day, theirs in by_day.items()]


def _request(burst: Burst, namespace: AssetNamespace) -> dg.RunRequest:
    touched = {event.stream for event in burst.events if event.stream is not None}
    touched |= NIGHT if touched & NIGHT else set()
    return dg.RunRequest(
        run_key=burst.run_key,
        partition_key=burst.day.isoformat(),
        asset_selection=namespace.keys([cycles.name, *sorted(touched), daily_summary.name, trends.name]),
        asset_check_keys=[dg.AssetCheckKey(namespace.key(trends.name), "loads_complete")],
        tags=TAGS | {ATTEMPT_TAG: str(burst.attempt)},
    )


def _release_events_of_ended_runs(database: Database, instance: dg.DagsterInstance) -> None:
    """Release the events of runs that ended without releasing them, for example because they were killed."""
    with database.read() as connection:
        holders = attempts.claimants(connection)
    ended = [run_id for run_id in sorted(holders) if _has_ended(instance, run_id)]
    for run_id in ended:
        with database.write() as connection:
            attempts.release(connection, run_id, database.now(connection))


def _has_ended(instance: dg.DagsterInstance, run_id: str) -> bool:
    # A claim of a command is no run. Its events become due again after a time.
    run = instance.get_run_by_id(run_id)
    return run is not None and run.is_finished


def _spent(database: Database, instance: dg.DagsterInstance, burst: Burst) -> bool:
    """Return whether a run for this work ended without starting it.

    Dagster does not create a second run with the same key. So the attempt counts as failed, and a later one
    becomes due.
    """
    runs = instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": burst.run_key}), limit=1)
    if not runs:
        return False
    with database.write() as connection:
        now: datetime = database.now(connection)
        names = [event.trace_id for event in burst.events]
        begun = attempts.begin_attempt(connection, names, now, runs[0].run_id)
        attempts.failed(connection, [event.trace_id for event in begun], attempts.RUN_DIED, now)
    return True
