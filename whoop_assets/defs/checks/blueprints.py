"""Blueprints of checks: everything about a check but the place of its asset, which the deployment's graph gives."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import dagster as dg

from whoop_assets.defs.asset_namespace import Graph
from whoop_assets.defs.assets.blueprints import AssetBlueprint
from whoop_assets.defs.resources import WhoopResource

Body = Callable[[dg.AssetCheckExecutionContext, WhoopResource], dg.AssetCheckResult]
BodyOfMany = Callable[[dg.AssetCheckExecutionContext, WhoopResource], Iterable[dg.AssetCheckResult]]


@dataclass(frozen=True, eq=False)
class CheckBlueprint:
    """One check of one asset; `after`: the other assets that it waits for."""

    body: Body
    asset: AssetBlueprint
    blocking: bool = False
    after: Sequence[AssetBlueprint] = ()

    @property
    def name(self) -> str:
        return self.body.__name__

    def built(self, graph: Graph) -> dg.AssetChecksDefinition:
        """The check in that graph."""

        def compute(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
            return self.body(context, graph.resource_in(context))

        compute.__doc__ = self.body.__doc__
        return dg.asset_check(
            name=self.name,
            asset=graph.key(self.asset.name),
            blocking=self.blocking,
            additional_deps=graph.keys(asset.name for asset in self.after),
            required_resource_keys={graph.resource_key},
        )(compute)


@dataclass(frozen=True, slots=True)
class Spec:
    """One of many checks that one function makes."""

    name: str
    asset: AssetBlueprint
    description: str


@dataclass(frozen=True, eq=False)
class ChecksBlueprint:
    """Checks of several assets in one step, any subset of which can be asked for."""

    body: BodyOfMany
    specs: Sequence[Spec]

    @property
    def name(self) -> str:
        return self.body.__name__

    def built(self, graph: Graph) -> dg.AssetChecksDefinition:
        """The checks in that graph."""

        def compute(context: dg.AssetCheckExecutionContext) -> Iterable[dg.AssetCheckResult]:
            yield from self.body(context, graph.resource_in(context))

        compute.__doc__ = self.body.__doc__
        specs = [
            dg.AssetCheckSpec(spec.name, asset=graph.key(spec.asset.name), description=spec.description)
            for spec in self.specs
        ]
        return dg.multi_asset_check(
            name=graph.name(self.name),
            specs=specs,
            can_subset=True,
            required_resource_keys={graph.resource_key},
        )(compute)


def check(
    asset: AssetBlueprint, *, blocking: bool = False, after: Sequence[AssetBlueprint] = ()
) -> Callable[[Body], CheckBlueprint]:
    """A check of that asset."""
    return lambda body: CheckBlueprint(body, asset, blocking, after)


def checks(specs: Sequence[Spec]) -> Callable[[BodyOfMany], ChecksBlueprint]:
    """Many checks in one step."""
    return lambda body: ChecksBlueprint(body, specs)
