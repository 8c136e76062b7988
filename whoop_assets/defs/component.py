"""The asset graph for any deployment: this project's own, and another team's beside its own assets.

    from whoop_assets import WhoopResource, whoop_definitions
    whoop = WhoopResource(database_url=dg.EnvVar("HEALTH_DATABASE_URL"))
    defs = whoop_definitions(key_prefix=["health", "whoop"], group_name="health", resource=whoop)

Here stands the explicit list of everything that Dagster sees. Importing this reads no environment.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import dagster as dg
from pydantic import Field, create_model

from whoop_assets.defs.asset_namespace import OURS, Graph
from whoop_assets.defs.assets.blueprints import AssetBlueprint, Kind
from whoop_assets.defs.assets.daily_summary import daily_summary
from whoop_assets.defs.assets.iceberg import ICEBERG_ASSETS
from whoop_assets.defs.assets.journal import journal, journal_effects
from whoop_assets.defs.assets.members import body_measurement, profile
from whoop_assets.defs.assets.notion_daily import notion_daily
from whoop_assets.defs.assets.records import cycles, recoveries, sleeps, workouts
from whoop_assets.defs.assets.report import report
from whoop_assets.defs.assets.trends import trends
from whoop_assets.defs.assets.weekly_summary import weekly_summary
from whoop_assets.defs.checks import (
    events_loaded,
    loads_complete,
    members_connected,
    records_fit_together,
    timezone_covers_members,
)
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.schedules import Automation
from whoop_assets.defs.sensors import (
    due_readings,
    failed_runs,
    stale_pages,
    stale_summaries,
    stale_weeks,
    webhook_events,
)
from whoop_assets.defs.sensors.blueprints import SensorBlueprint
from whoop_assets.defs.sensors.iceberg import iceberg_behind
from whoop_assets.settings import Settings
from whoop_assets.sinks.notion.target import is_configured as notion_is_configured

ASSETS = (
    profile,
    body_measurement,
    cycles,
    sleeps,
    recoveries,
    workouts,
    daily_summary,
    trends,
    weekly_summary,
    report,
    journal,
    journal_effects,
)
CHECKS = (members_connected, timezone_covers_members, loads_complete, events_loaded, records_fit_together)
SENSORS = (webhook_events, due_readings, stale_summaries, stale_weeks)


@dataclass(frozen=True)
class Sink:
    """Somewhere the data go on to: assets in groups of their own, and the sensors that keep them up to date."""

    configured: Callable[[Settings], bool]
    """Whether it is; what is not stands in no graph."""

    assets: Sequence[AssetBlueprint]
    sensors: Sequence[SensorBlueprint]


SINKS: Sequence[Sink] = (
    Sink(notion_is_configured, [notion_daily], [stale_pages]),
    Sink(lambda settings: bool(settings.iceberg_catalog), list(ICEBERG_ASSETS.values()), [iceberg_behind]),
)


def whoop_definitions(
    key_prefix: str | Sequence[str] = OURS,
    group_name: str | None = None,
    resource: WhoopResource | None = None,
    *,
    automatic: bool = True,
    webhook_wait_seconds: float = 0.0,
) -> dg.Definitions:
    """Assets, checks, jobs, and what makes them run by themselves, to be merged with a deployment's other definitions.

    `key_prefix`: what the keys of all assets begin with. Jobs, sensors, schedules, ops and the key of the resource
    take their names from it (`health_whoop_refresh`); only with the default are they short. So two graphs, each with a
    prefix and a database of its own, can stand in one deployment; `Definitions.merge` refuses two of one prefix.
    `group_name`: the group of the daily assets, else the prefix; the week, the report and the journal have it with
    `_weekly`, `_report` and `_journal` behind, a sink with its name. `resource`: where the data are and how WHOOP is
    reached, and perhaps which Notion data source; what it leaves open, and which other sinks there are, says the
    environment. `automatic=False` leaves out sensors and schedules: nothing runs but what somebody starts.
    `webhook_wait_seconds`: how long a tick of the webhook sensor waits if no event is due. Dagster's daemon evaluates a
    sensor every 5 s, so a wait of 3.5 s finds an event 2 s earlier on average. Set it only where dagster.yaml has
    `sensors: {use_threads: true}`: without threads the tick delays all other sensors of the deployment.

    No executor is set, as that is the deployment's to choose. Raises ConfigurationError for a prefix or a group that
    Dagster does not take, for a first day or time zone that cannot be used, and for a secret in plain text.
    """
    if resource is not None:
        resource.require_hidden_secrets()
    prefix = (key_prefix,) if isinstance(key_prefix, str) else tuple(key_prefix)
    whoop = _lasting(resource) if resource is not None else WhoopResource()
    graph = graph_at(prefix, group_name, whoop, timedelta(seconds=webhook_wait_seconds))
    sinks = _sinks(whoop)
    assets = [one.built(graph) for one in (*ASSETS, *(asset for sink in sinks for asset in sink.assets))]
    checks = [blueprint.built(graph) for blueprint in CHECKS]
    diary = graph.keys(one.name for one in (journal, journal_effects))
    automation = Automation(
        graph, daily_keys(graph), diary, [key for one in checks for key in one.check_keys]
    )
    sensors = [one.built(graph) for one in (*SENSORS, *(sensor for sink in sinks for sensor in sink.sensors))]
    sensors.append(failed_runs(graph, whoop))
    return dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=automation.jobs,
        schedules=automation.schedules if automatic else [],
        sensors=sensors if automatic else [],
        resources={graph.resource_key: whoop},
    )


def graph_at(
    prefix: tuple[str, ...],
    group_name: str | None,
    whoop: WhoopResource,
    webhook_wait: timedelta = timedelta(0),
) -> Graph:
    """The graph under that prefix, with the days that the resource names."""
    start_date, timezone = whoop.calendar()
    group = "_".join(prefix) if group_name is None else group_name
    return Graph(prefix, group, start_date, timezone, webhook_wait)


def daily_keys(graph: Graph) -> list[dg.AssetKey]:
    """The assets that have a partition a day: what a run of a range of days holds.

    Not the sinks: what they do with the days follows by itself, and neither `refresh` nor a backfill waits for them.
    """
    return graph.keys(one.name for one in ASSETS if one.kind is Kind.DAYS)


def _lasting(whoop: WhoopResource) -> WhoopResource:
    """The resource whose values are its class's defaults too: to Dagster a run's config for a resource is all that there
    is, and a run that is narrowed to some members would else forget the database.
    """
    fields = type(whoop).model_fields
    given = {
        name: (field.annotation, Field(default=value, description=field.description))
        for name, field in fields.items()
        if (value := getattr(whoop, name)) != field.default
    }
    if not given:
        return whoop
    defaults: dict[str, Any] = given
    lasting = create_model(
        type(whoop).__name__, __base__=type(whoop), __doc__=type(whoop).__doc__, **defaults
    )
    return cast(WhoopResource, lasting())


def _sinks(whoop: WhoopResource) -> list[Sink]:
    settings = whoop.settings_at_loading()
    return [sink for sink in SINKS if sink.configured(settings)]
