"""All definitions of the project, for any deployment.

These are assets, checks, jobs, schedules, sensors and the resource.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import dagster as dg
from pydantic import Field, create_model

from whoop_assets.defs.asset_namespace import DEFAULT_OWNERS, DEFAULT_PREFIX, AssetNamespace
from whoop_assets.defs.assets.factory import AssetFactory, Partitions
from whoop_assets.defs.assets.iceberg import ICEBERG_ASSETS
from whoop_assets.defs.assets.journal import journal, journal_effects
from whoop_assets.defs.assets.notion_daily import notion_daily
from whoop_assets.defs.assets.report import report
from whoop_assets.defs.assets.streams import STREAM_ASSETS
from whoop_assets.defs.assets.summaries import daily_summary, trends, weekly_summary
from whoop_assets.defs.catalog import API_ASSET, api_asset, table_location
from whoop_assets.defs.checks.consistency import records_fit_together
from whoop_assets.defs.checks.runs import (
    events_loaded,
    loads_complete,
    members_connected,
    timezone_covers_members,
)
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.schedules import Automation
from whoop_assets.defs.sensors.factory import SensorFactory
from whoop_assets.defs.sensors.failures import failed_runs
from whoop_assets.defs.sensors.iceberg import iceberg_behind
from whoop_assets.defs.sensors.notion import stale_pages
from whoop_assets.defs.sensors.readings import due_readings
from whoop_assets.defs.sensors.summaries import stale_summaries, stale_weeks
from whoop_assets.defs.sensors.webhooks import webhook_events
from whoop_assets.settings import Settings
from whoop_assets.sinks.notion.target import is_configured as notion_is_configured

ASSETS = (
    *STREAM_ASSETS.values(),
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
    """A destination of the data: assets in separate groups, and the sensors that keep them up to date."""

    is_configured: Callable[[Settings], bool]
    """A sink that is not configured has no definitions."""
    assets: Sequence[AssetFactory]
    sensors: Sequence[SensorFactory]


SINKS: Sequence[Sink] = (
    Sink(notion_is_configured, [notion_daily], [stale_pages]),
    Sink(lambda settings: bool(settings.iceberg_catalog), list(ICEBERG_ASSETS.values()), [iceberg_behind]),
)


def whoop_definitions(
    key_prefix: str | Sequence[str] = DEFAULT_PREFIX,
    group_name: str | None = None,
    resource: WhoopResource | None = None,
    *,
    automatic: bool | None = None,
    webhook_wait_seconds: float = 0.0,
    owners: Sequence[str] = DEFAULT_OWNERS,
    freshness_hours: float | None = None,
) -> dg.Definitions:
    """Create the project's definitions, to be merged with a deployment's other definitions.

    Under a prefix other than `whoop`, the names of jobs, sensors, schedules, ops and the resource begin with
    the prefix (`health_whoop_refresh`). So a deployment can hold two sets of definitions, each with a prefix
    and its own database. The deployment chooses the executor.

    Args:
        key_prefix: Prefix of all asset keys.
        group_name: Group of the daily assets; by default the prefix. Other groups add a suffix such as
            `_weekly`.
        resource: Database and access to WHOOP. Empty fields fall back to the environment, and so do the
            sinks.
        automatic: Whether to include sensors and schedules. None: the setting WHOOP_AUTOMATIC decides.
        webhook_wait_seconds: How long a tick of the webhook sensor waits if no event is due. Dagster
            evaluates a sensor every 5 s, so a wait of 3.5 s finds an event 2 s earlier on average. Use it
            only if dagster.yaml has `sensors: {use_threads: true}`; otherwise each tick delays all other
            sensors of the deployment.
        owners: Owners of all assets, as `team:NAME` or an e-mail address.
        freshness_hours: Adds a freshness policy to `profile` and `cycles` that fails when they are older
            than this. None: no policy.

    Raises:
        ConfigurationError: Dagster does not accept the prefix or group; the first day, the time zone or a
            sink's setting is not usable; or a secret is plain text.
    """
    if resource is not None:
        resource.require_hidden_secrets()
    prefix = (key_prefix,) if isinstance(key_prefix, str) else tuple(key_prefix)
    whoop = _with_values_as_defaults(resource) if resource is not None else WhoopResource()
    settings = whoop.settings_at_loading()
    namespace = namespace_at(
        prefix,
        group_name,
        whoop,
        webhook_wait=timedelta(seconds=webhook_wait_seconds),
        owners=tuple(owners),
        freshness=None if freshness_hours is None else timedelta(hours=freshness_hours),
    )
    sinks = [sink for sink in SINKS if sink.is_configured(settings)]
    sink_assets = [asset for sink in sinks for asset in sink.assets]
    checks = [factory.build(namespace) for factory in CHECKS]
    automation = Automation(
        namespace,
        daily_keys(namespace),
        namespace.keys(factory.name for factory in (journal, journal_effects)),
        [key for check in checks for key in check.check_keys],
    )
    sensors = [
        factory.build(namespace)
        for factory in (*SENSORS, *(sensor for sink in sinks for sensor in sink.sensors))
    ]
    sensors.append(failed_runs(namespace, whoop))
    api = api_asset(namespace.key(API_ASSET), namespace.group_of(API_ASSET), owners, settings.api_url)
    runs_by_itself = settings.automatic if automatic is None else automatic
    return dg.Definitions(
        assets=[api, *(factory.build(namespace) for factory in (*ASSETS, *sink_assets))],
        asset_checks=checks,
        jobs=automation.jobs,
        schedules=automation.schedules if runs_by_itself else [],
        sensors=sensors if runs_by_itself else [],
        resources={namespace.resource_key: whoop},
    )


def namespace_at(
    prefix: tuple[str, ...], group_name: str | None, whoop: WhoopResource, **options: Any
) -> AssetNamespace:
    """Create the namespace under a prefix, with the calendar and the database of the resource.

    Args:
        prefix: Prefix of all asset keys.
        group_name: Group of the daily assets; by default the prefix.
        whoop: The resource.
        options: Further fields of `AssetNamespace`.
    """
    settings = whoop.settings_at_loading()
    storage_kind, table_qualifier = table_location(settings)
    return AssetNamespace(
        prefix,
        "_".join(prefix) if group_name is None else group_name,
        settings.start_date,
        settings.timezone,
        storage_kind=storage_kind,
        table_qualifier=table_qualifier,
        **options,
    )


def daily_keys(namespace: AssetNamespace) -> list[dg.AssetKey]:
    """Return the assets with a partition per day, without sinks.

    A run of a range of days materializes them.
    """
    return namespace.keys(factory.name for factory in ASSETS if factory.partitions is Partitions.DAY)


def _with_values_as_defaults(whoop: WhoopResource) -> WhoopResource:
    """Return the resource with its values as defaults of its class.

    Run config for a resource replaces all its values. Without these defaults, a run that is limited to some
    members would lose the database.
    """
    fields = type(whoop).model_fields
    values: dict[str, Any] = {
        name: (field.annotation, Field(default=value, description=field.description))
        for name, field in fields.items()
        if (value := getattr(whoop, name)) != field.default
    }
    if not values:
        return whoop
    subclass = create_model(type(whoop).__name__, __base__=type(whoop), __doc__=type(whoop).__doc__, **values)
    return cast(WhoopResource, subclass())
