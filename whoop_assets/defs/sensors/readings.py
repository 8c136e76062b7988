"""The sensor that acts on the plan: every minute it asks for runs of what is due. A tick does SQL only."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg

from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.assets.daily_summary import daily_summary
from whoop_assets.defs.assets.loading import SINCE_TAG, lane_tags
from whoop_assets.defs.assets.members import body_measurement, profile
from whoop_assets.defs.assets.records import cycles, recoveries, sleeps, workouts
from whoop_assets.defs.assets.trends import trends
from whoop_assets.defs.partitions import range_of, range_tags
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.checking import checks_of
from whoop_assets.defs.sensors.factory import sensor
from whoop_assets.defs.sensors.in_flight import runs_in_flight
from whoop_assets.planner import Plan, Reading
from whoop_assets.planner.current_plan import Group, grouped, plan_now

REASON_TAG = "whoop/reason"
MEMBERS_AT_ONCE = 100
"""A run of more members is split: one that is killed leaves less to do again, and others get their turn."""

MOST_A_TICK, MOST_IN_FLIGHT = 10, 20
TRY_AGAIN_AFTER = timedelta(hours=1)
"""A run that came to nothing, though it did not say so, is asked for again then."""

SUMMARIES = ("daily_summary", "trends")
SNAPSHOTS = ("profile", "body_measurement")


@dataclass(frozen=True, slots=True)
class InFlight:
    """What a run that is queued or under way reads; no members or streams: all."""

    members: frozenset[int]
    streams: frozenset[str]
    first: str
    last: str
    planned: bool

    def does(self, reading: Reading) -> bool:
        """Whether the reading is among it."""
        return (
            (not self.members or reading.user_id in self.members)
            and (not self.streams or set(reading.streams) <= self.streams)
            and self.first <= reading.first.isoformat()
            and reading.last.isoformat() <= self.last
        )


@sensor(
    targets=[profile, body_measurement, cycles, sleeps, recoveries, workouts, daily_summary, trends],
    seconds=60,
)
def due_readings(
    context: dg.SensorEvaluationContext, whoop: WhoopResource, namespace: AssetNamespace
) -> dg.SensorResult | dg.SkipReason:
    """Ask for what the planner says is due: gaps, mornings, unread history, re-reading for corrections.

    Members who need the same streams of the same days share a run. What a run under way reads already is left to it; a
    day without a partition waits until it has one. `whoop-assets plan` shows the same plan.
    """
    plan = plan_now(whoop.database, whoop.settings())
    flights = in_flight(context.instance, namespace)
    runs = runs_of((reading for reading in plan.due if _has_keys(reading, namespace)), flights)
    if not runs:
        return dg.SkipReason(_nothing(plan))
    return dg.SensorResult(run_requests=[request(group, plan.now, namespace) for group in runs])


def runs_of(due: Iterable[Reading], flights: Iterable[InFlight]) -> list[Group]:
    """The runs that a tick asks for: what is due and no run under way does, as far as there is room for more runs."""
    flights = tuple(flights)
    room = min(MOST_A_TICK, MOST_IN_FLIGHT - sum(flight.planned for flight in flights))
    wanted = [reading for reading in due if not any(one.does(reading) for one in flights)]
    return [part for group in grouped(wanted) for part in _parts(group)][: max(0, room)]


def request(group: Group, now: datetime, namespace: AssetNamespace) -> dg.RunRequest:
    """The run of a group."""
    one = group.any
    assets = [*one.streams, *(SUMMARIES if set(one.streams) - set(SNAPSHOTS) else ())]
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
    """What names the run of a group: the work, and since when it is due, so that the same is not asked for twice in an
    hour; what is due at this very moment is so at the next one too, and has no time of its own.
    """
    hour = int(now.timestamp() // TRY_AGAIN_AFTER.total_seconds())
    work = [(r.user_id, r.streams, r.first, r.last, r.due if r.due < now else None) for r in group.readings]
    return f"{group.any.reason.value}:{hashlib.sha256(repr(work).encode()).hexdigest()[:24]}:{hour}"


def in_flight(instance: dg.DagsterInstance, namespace: AssetNamespace) -> list[InFlight]:
    """What the runs read that are queued or under way in this graph."""
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


def _has_keys(reading: Reading, namespace: AssetNamespace) -> bool:
    return all(namespace.days.has_partition_key(day.isoformat()) for day in (reading.first, reading.last))


def _parts(group: Group) -> Iterable[Group]:
    readings = group.readings
    return [
        Group(readings[start : start + MEMBERS_AT_ONCE]) for start in range(0, len(readings), MEMBERS_AT_ONCE)
    ]


def _nothing(plan: Plan) -> str:
    waiting = f"{len(plan.due)} readings are due and under way, {len(plan.held)} wait for the request budget"
    upcoming = f"the next is due at {plan.next_at:%Y-%m-%d %H:%M} UTC" if plan.next_at else "none is to come"
    return f"{waiting if plan.due or plan.held else 'Nothing is due'}; {upcoming}."
