"""Sensor factories: everything about a sensor except the namespace of the assets that it requests."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dagster as dg

from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.assets.factory import AssetFactory
from whoop_assets.defs.resources import WhoopResource

TickResult = dg.SensorResult | dg.SkipReason
Body = Callable[[dg.SensorEvaluationContext, WhoopResource, AssetNamespace], TickResult]


@dataclass(frozen=True, eq=False)
class SensorFactory:
    """Creates a sensor that requests runs of its targets; `seconds` is the minimum time between two ticks."""

    body: Body
    targets: Sequence[AssetFactory]
    seconds: int

    @property
    def name(self) -> str:
        return self.body.__name__

    def build(self, namespace: AssetNamespace) -> dg.SensorDefinition:
        """Create the sensor in the namespace. It runs unless someone switches it off."""

        def tick(context: dg.SensorEvaluationContext) -> TickResult:
            return self.body(context, namespace.resource_in(context), namespace)

        return dg.sensor(
            name=namespace.name(self.name),
            description=inspect.cleandoc(self.body.__doc__ or ""),
            target=dg.AssetSelection.assets(*namespace.keys(asset.name for asset in self.targets)),
            minimum_interval_seconds=self.seconds,
            default_status=dg.DefaultSensorStatus.RUNNING,
            required_resource_keys={namespace.resource_key},
        )(tick)


def sensor(*, targets: Sequence[AssetFactory], seconds: int) -> Callable[[Body], SensorFactory]:
    """Turn a function into the factory of a sensor."""
    return lambda body: SensorFactory(body, targets, seconds)
