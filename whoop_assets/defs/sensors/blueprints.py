"""Blueprints of sensors: everything about a sensor but the place of what it asks for, which the deployment's graph gives."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import dagster as dg

from whoop_assets.defs.asset_namespace import Graph
from whoop_assets.defs.assets.blueprints import AssetBlueprint
from whoop_assets.defs.resources import WhoopResource

Answer = dg.SensorResult | dg.SkipReason
Body = Callable[[dg.SensorEvaluationContext, WhoopResource, Graph], Answer]


@dataclass(frozen=True, eq=False)
class SensorBlueprint:
    """A sensor without a place, its targets, and the least seconds between two of its ticks."""

    body: Body
    targets: Sequence[AssetBlueprint]
    seconds: int

    @property
    def name(self) -> str:
        return self.body.__name__

    def built(self, graph: Graph) -> dg.SensorDefinition:
        """The sensor in that graph, running unless it is switched off."""

        def tick(context: dg.SensorEvaluationContext) -> Answer:
            return self.body(context, graph.resource_in(context), graph)

        return dg.sensor(
            name=graph.name(self.name),
            description=inspect.cleandoc(self.body.__doc__ or ""),
            target=dg.AssetSelection.assets(*graph.keys(asset.name for asset in self.targets)),
            minimum_interval_seconds=self.seconds,
            default_status=dg.DefaultSensorStatus.RUNNING,
            required_resource_keys={graph.resource_key},
        )(tick)


def sensor(*, targets: Sequence[AssetBlueprint], seconds: int) -> Callable[[Body], SensorBlueprint]:
    """A sensor that asks for some of these assets, at most every so many seconds."""
    return lambda body: SensorBlueprint(body, targets, seconds)
