"""The sensor of the inbox: one run per day and burst of events."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg

from whoop_assets.db.database import Database
from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.assets.daily_summary import daily_summary
from whoop_assets.defs.assets.event_loading import keys
from whoop_assets.defs.assets.loading import lane_tags
from whoop_assets.defs.assets.records import cycles, recoveries, sleeps, workouts
from whoop_assets.defs.assets.trends import trends
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.factory import sensor
from whoop_assets.defs.sensors.in_flight import runs_for_events
from whoop_assets.sync.event_load import LANE
from whoop_assets.sync.load_events import AT_ONCE, Keys
from whoop_assets.webhooks import attempts, claims, event_days
from whoop_assets.webhooks.row_locks import Event

MOST_DAYS = 20
"""So many runs a tick asks for; the next tick asks for the rest."""

POLL_INTERVAL = timedelta(seconds=0.25)
"""Time between two reads of the inbox in a tick that waits."""

ATTEMPT_TAG = "whoop/attempt"
# A sleep carries its recovery along, in both directions; WHOOP announces the two within a second of each other.
TOUCHED = {"sleeps": [sleeps, recoveries], "recoveries": [sleeps, recoveries], "workouts": [workouts]}
TAGS = {
    **lane_tags(LANE),
    "dagster/priority": "10",
    # Who tries again is the event, with a delay that grows: a crashed run that Dagster repeated would find nothing due.
    "dagster/max_retries": "0",
}


@sensor(targets=[cycles, sleeps, recoveries, workouts, daily_summary, trends], seconds=1)
def webhook_events(
    context: dg.SensorEvaluationContext, whoop: WhoopResource, namespace: AssetNamespace
) -> dg.SensorResult | dg.SkipReason:
    """Ask for one run per day with due events: the streams they touch, the cycles, the daily summary and the trends.

    Level-triggered: it looks at which events are due, not at which have come, so nothing is lost with a run that was
    killed. While a run for a day is in flight, that day's new events wait for its end, or are taken along by it.
    """
    existing = keys(namespace.days)
    if existing is None:
        return dg.SkipReason(
            "There is no partition yet: the first day (WHOOP_START_DATE) lies in the future."
        )
    database, instance = whoop.database, context.instance
    _let_go_of_ended_runs(database, instance)
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
                for burst in free[:MOST_DAYS]
                if not _spent(database, instance, burst)
            ]
            if requests:
                return dg.SensorResult(run_requests=requests)
        if clock.now() >= until:
            break
        clock.sleep(POLL_INTERVAL.total_seconds())
    return dg.SkipReason(
        f"Events of {len(bursts)} days are due, and are waited for: a run for each is in flight."
        if bursts
        else "No event is due."
    )


@dataclass(frozen=True, slots=True)
class Burst:
    """All due events of a day, the longest waiting first."""

    day: date
    events: Sequence[Event]

    @property
    def run_key(self) -> str:
        """Names the work: the day, its newest event, and every event with the attempt that is due.

        An attempt is named by when it is due too, because one that was postponed has the number of the one before.
        """
        newest = max(self.events, key=lambda event: (event.received_at, event.trace_id))
        work = sorted((event.trace_id, event.attempts, str(event.next_attempt_at)) for event in self.events)
        digest = hashlib.sha256(repr(work).encode()).hexdigest()[:16]
        return f"{self.day}:{newest.trace_id[:40]}:{self.attempt}:{digest}"

    @property
    def attempt(self) -> int:
        """Number of the attempt that is due at the event that has been tried least."""
        return 1 + min(event.attempts for event in self.events)


def _due(database: Database, existing: Keys) -> list[Burst]:
    """The due events by day, every one with a day that has a partition; the day that waits longest first."""
    with database.read() as connection:
        events = attempts.due(connection, database.now(connection), limit=AT_ONCE)
    if any(event.day is None or not existing.first <= event.day <= existing.last for event in events):
        with database.write() as connection:
            now = database.now(connection)
            event_days.file_due(connection, now, existing.first, existing.last, limit=AT_ONCE)
            events = attempts.due(connection, now, limit=AT_ONCE)
    by_day: dict[date, list[Event]] = {}
    for event in events:
        if event.day is not None and event.stream in TOUCHED:
            by_day.setdefault(event.day, []).append(event)
    return [Burst(day, theirs) for day, theirs in by_day.items()]


def _request(burst: Burst, namespace: AssetNamespace) -> dg.RunRequest:
    touched = {asset.name for event in burst.events for asset in TOUCHED[event.stream or ""]}
    return dg.RunRequest(
        run_key=burst.run_key,
        partition_key=burst.day.isoformat(),
        asset_selection=namespace.keys([cycles.name, *sorted(touched), daily_summary.name, trends.name]),
        asset_check_keys=[dg.AssetCheckKey(namespace.key(trends.name), "loads_complete")],
        tags=TAGS | {ATTEMPT_TAG: str(burst.attempt)},
    )


def _let_go_of_ended_runs(database: Database, instance: dg.DagsterInstance) -> None:
    """What a run held that has ended without a word (it was killed) is tried again after a while."""
    with database.read() as connection:
        holders = claims.claimants(connection)
    ended = [run_id for run_id in sorted(holders) if _has_ended(instance, run_id)]
    for run_id in ended:
        with database.write() as connection:
            claims.let_go(connection, run_id, database.now(connection))


def _has_ended(instance: dg.DagsterInstance, run_id: str) -> bool:
    # Whoever is not a run here (a command, say) is not judged: its events are due again by themselves.
    run = instance.get_run_by_id(run_id)
    return run is not None and run.is_finished


def _spent(database: Database, instance: dg.DagsterInstance, burst: Burst) -> bool:
    """Whether a run has been asked for this very work before, and ended without beginning it: it was never started.

    Dagster would not make a run of that key again; so the attempt is counted as a failed one, and a later one is due.
    """
    runs = instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": burst.run_key}), limit=1)
    if not runs:
        return False
    with database.write() as connection:
        now: datetime = database.now(connection)
        names = [event.trace_id for event in burst.events]
        begun = attempts.begin_attempt(connection, names, now, runs[0].run_id)
        attempts.failed(connection, [event.trace_id for event in begun], claims.NO_WORD, now)
    return True
