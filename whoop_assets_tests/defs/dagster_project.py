"""A Dagster instance and a database that is connected to a simulator, as a deployment has them."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import dagster as dg

from whoop_assets.cli.backfill.range_run import daily_assets
from whoop_assets.clock import SystemClock
from whoop_assets.definitions import NAMESPACE, defs
from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.partitions import range_tags
from whoop_assets.defs.sensors.factory import SensorFactory
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.home import Home

_WITHOUT_FULL_CHECKS = dg.Definitions(
    assets=defs.assets,
    asset_checks=[check for check in defs.asset_checks or () if len(list(check.check_specs)) == 1],
    resources=defs.resources,
    executor=defs.executor,
)


def job_of_assets(*, checked: bool = False) -> dg.JobDefinition:
    """Returns the job of all assets; with `checked` it includes the checks of all stored data.

    Those checks take longer than a short run, and runs of sensors leave them out.
    """
    return (defs if checked else _WITHOUT_FULL_CHECKS).resolve_implicit_global_asset_job_def()


def requested_days(request: dg.RunRequest) -> tuple[date, date]:
    """Returns the first and last day of a run request for a range of partitions."""
    first, last = (request.tags[f"dagster/asset_partition_range_{side}"] for side in ("start", "end"))
    return date.fromisoformat(first), date.fromisoformat(last)


def asset_names(request: dg.RunRequest) -> list[str]:
    """Returns the requested assets without their prefix."""
    return [key.path[-1] for key in request.asset_selection or ()]


@dataclass
class DagsterProject:
    """Connected members and a Dagster instance."""

    home: Home
    instance: dg.DagsterInstance

    @property
    def today(self) -> date:
        return TODAY

    def now(self) -> datetime:
        """Returns the time of `SystemClock`, which Dagster's runs use."""
        return SystemClock().now()

    def catch_up(self) -> None:
        """Sets the clock of `home` to the time of Dagster's runs."""
        self.home.clock.advance(self.now() - self.home.clock.now())

    def run(
        self,
        first: date,
        last: date,
        *assets: str,
        tags: dict[str, str] | None = None,
        members: list[int] | None = None,
        checked: bool = False,
    ) -> dg.ExecuteInProcessResult:
        """Materializes a range of days, as a backfill does.

        Args:
            first: First day.
            last: Last day, inclusive.
            assets: Names of assets; all daily assets if none is given.
            tags: Further tags of the run.
            members: Ids of the members to load; all members if None.
            checked: Whether to execute the checks of all stored data, which take longer than a short run.
        """
        job = job_of_assets(checked=checked)
        config = {"resources": {"whoop": {"config": {"members": members or []}}}}
        return job.execute_in_process(
            instance=self.instance,
            tags=range_tags(first, last) | (tags or {}),
            asset_selection=[dg.AssetKey(["whoop", name]) for name in assets] or daily_assets(),
            run_config=config,
            raise_on_error=False,
        )

    def tick(
        self,
        sensor: SensorFactory,
        *,
        definitions: dg.Definitions = defs,
        namespace: AssetNamespace = NAMESPACE,
    ) -> Any:
        """Evaluates a sensor; returns its `SensorExecutionData`."""
        with dg.build_sensor_context(
            self.instance, definitions=definitions, resources=dict(definitions.resources or {})
        ) as context:
            return sensor.build(namespace).evaluate_tick(context)

    def schedule_tick(self, name: str) -> Any:
        """Evaluates a schedule; returns its `ScheduleExecutionData`."""
        (schedule,) = (schedule for schedule in defs.schedules or () if schedule.name == name)
        with dg.build_schedule_context(self.instance, resources=dict(defs.resources or {})) as context:
            return schedule.evaluate_tick(context)  # type: ignore[union-attr]

    def execute(
        self,
        request: dg.RunRequest,
        *assets: str,
        definitions: dg.Definitions = _WITHOUT_FULL_CHECKS,
        run_config: dict[str, Any] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Executes a run request, as Dagster's daemon does; `assets` replaces the requested assets."""
        run_key = {"dagster/run_key": request.run_key} if request.run_key else {}
        return definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=self.instance,
            tags=dict(request.tags) | run_key,
            asset_selection=[NAMESPACE.key(name) for name in assets] or list(request.asset_selection or ()),
            run_config=run_config or dict(request.run_config),
            raise_on_error=False,
        )

    def add_run(
        self, request: dg.RunRequest, status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED
    ) -> dg.DagsterRun:
        """Adds a run of the request to the instance without executing it."""
        return self.instance.create_run_for_job(
            job_of_assets(),
            status=status,
            run_config=dict(request.run_config),
            tags=dict(request.tags) | ({"dagster/run_key": request.run_key} if request.run_key else {}),
            asset_selection=frozenset(request.asset_selection or ()),
        )

    def metadata(self, asset: str, day: date) -> dict[str, Any]:
        """Returns the metadata of the day's newest materialization."""
        records = self.instance.fetch_materializations(
            dg.AssetRecordsFilter(dg.AssetKey(["whoop", asset]), asset_partitions=[day.isoformat()]), limit=1
        ).records
        materialization = records[0].asset_materialization
        assert materialization is not None
        return {name: value.value for name, value in materialization.metadata.items()}
