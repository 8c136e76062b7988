"""The sensor that requests runs for due readings, every minute. A tick uses only SQL."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg

from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.assets.loading import SINCE_TAG, lane_tags
from whoop_assets.defs.assets.streams import STREAM_ASSETS
from whoop_assets.defs.assets.summaries import daily_summary, trends
from whoop_assets.defs.partitions import range_of, range_tags
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.factory import sensor
from whoop_assets.defs.sensors.runs import checks_of, runs_in_flight
from whoop_assets.planner import FetchTask, Plan
from whoop_assets.planner.current_plan import Group, grouped, plan_now
from whoop_assets.whoop_api.streams import SNAPSHOT_STREAMS

REASON_TAG = "whoop/reason"
MAX_MEMBERS_PER_RUN = 100
"""Maximum number of members in a run. A killed run then loses less work, and other runs get a slot sooner."""

MAX_RUNS_PER_TICK, MAX_RUNS_IN_FLIGHT = 10, 20
TRY_AGAIN_AFTER = timedelta(hours=1)
"""Re-request work that is still due this long after its run."""

SUMMARIES = ("daily_summary", "trends")


@dataclass(frozen=True, slots=True)
class InFlight:
    """The days, members and streams that a run in flight reads. No members or streams: all."""

    members: frozenset[int]
    streams: frozenset[str]
    first: str
    last: str
    planned: bool

    def does(self, reading: FetchTask) -> bool:
        """Return whether the run reads everything that the reading needs."""
        return (
            (not self.members or reading.user_id in self.members)
            and (not self.streams or set(reading.streams) <= self.streams)
            and self.first <= reading.first.isoformat()
            and reading.last.isoformat() <= self.last
        )


@sensor(
    targets=[*STREAM_ASSETS.values(), daily_summary, trends],
    seconds=60,
)
def due_readings(
    context: dg.SensorEvaluationContext, whoop: WhoopResource, namespace: AssetNamespace
) -> dg.SensorResult | dg.SkipReason:
    """Request the readings that are due: gaps, mornings, unread history, and re-reading for corrections.

    Members that need the same streams of the same days share a run. Readings that a run in flight covers are
    left out. A day without a partition waits until the partition exists. `whoop-assets plan` shows the same
    plan.
    """
    plan = plan_now(whoop.database, whoop.settings())
    flights = in_flight(context.instance, namespace)
    runs = runs_of((reading for reading in plan.due if _has_keys(reading, namespace)), flights)
    if not runs:
        return dg.SkipReason(_nothing(plan))
    return dg.SensorResult(run_requests=[request(group, plan.now, namespace) for group in runs])


def runs_of(due: Iterable[FetchTask], flights: Iterable[InFlight]) -> list[Group]:
    """Return the runs to request: due readings that no run in flight covers, up to the limits."""
    flights = tuple(flights)
    room = min(MAX_RUNS_PER_TICK, MAX_RUNS_IN_FLIGHT - sum(flight.planned for flight in flights))
    wanted = [reading for reading in due if not any(one.does(reading) for one in flights)]
    return [part for group in grouped(wanted) for part in _parts(group)][: max(0, room)]


def request(group: Group, now: datetime, namespace: AssetNamespace) -> dg.RunRequest:
    """Return the run request of a group."""
    one = group.any
    assets = [*one.streams, *(SUMMARIES if set(one.streams) - set(SNAPSHOT_STREAMS) else ())]
    return dg.RunRequest(
        run_key=run_key(group, now),
        run_config=namespace.members_config(group.members),
        asset_selection=namespace.keys(assets),
        asset_check_keys=checks_of(assets, namespace),
        tags=range_tags(one.first, one.last)
        | lane_tags(one.lane)
        | {REASON_TAG: one.reason.value, SINCE_TAG: one.since.isoformat()},
    )


def run_key(group: Group, now: datetime) -> str:
    """Return the run key of a group: its work and the time at which it became due.

    So the same work is requested at most once per hour. Work that is due at the moment of the tick stays due
    at the next tick, so its key contains no time.
    """
    hour = int(now.timestamp() // TRY_AGAIN_AFTER.total_seconds())
    work = [(r.user_id, r.streams, r.first, r.last, r.due if r.due < now else None) for r in group.tasks]
    return f"{group.any.reason.value}:{hashlib.sha256(repr(work).encode()).hexdigest()[:24]}:{hour}"


def in_flight(instance: dg.DagsterInstance, namespace: AssetNamespace) -> list[InFlight]:
    """Return what the namespace's runs in flight read."""
    found = []
    for record in runs_in_flight(instance, namespace):
        run = record.dagster_run
        days = range_of(run)
        if days is None:
            continue
        selected = frozenset(namespace.ours_among(run.asset_selection or ()))
        found.append(
            InFlight(_members(run.run_config, namespace), selected, *days, planned=REASON_TAG in run.tags)
        )
    return found


def _members(run_config: object, namespace: AssetNamespace) -> frozenset[int]:
    config = run_config
    for name in ("resources", namespace.resource_key, "config", "members"):
        config = config.get(name) if isinstance(config, dict) else None
    return frozenset(config) if isinstance(config, list) else frozenset()


def _has_keys(reading: FetchTask, namespace: AssetNamespace) -> bool:
    return all(namespace.days.has_partition_key(day.isoformat()) for day in (reading.first, reading.last))


def _parts(group: Group) -> Iterable[Group]:
    readings = group.tasks
    return [
        Group(readings[start : start + MAX_MEMBERS_PER_RUN])
        for start in range(0, len(readings), MAX_MEMBERS_PER_RUN)
    ]


def _nothing(plan: Plan) -> str:
    waiting = f"Due readings in progress: {len(plan.due)}, waiting for the request budget: {len(plan.held)}"
    upcoming = (
        f"the next is due at {plan.next_at:%Y-%m-%d %H:%M} UTC" if plan.next_at else "no reading is planned"
    )
    return f"{waiting if plan.due or plan.held else 'Nothing is due'}; {upcoming}."
