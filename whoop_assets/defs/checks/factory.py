"""Check factories: everything about a check except the namespace that its asset stands in."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.assets.factory import AssetFactory
from whoop_assets.defs.resources import WhoopResource

Body = Callable[[dg.AssetCheckExecutionContext, WhoopResource], Any]
"""Returns one result or yields several."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One check of one asset. Its step waits for the assets in `after` too."""

    name: str
    asset: AssetFactory
    description: str
    blocking: bool = False
    after: Sequence[AssetFactory] = ()


@dataclass(frozen=True, eq=False)
class CheckFactory:
    """Creates the checks of one function, which run in one step. A run can select any subset of them."""

    body: Body
    specs: Sequence[Spec]

    @property
    def name(self) -> str:
        return self.body.__name__

    def build(self, namespace: AssetNamespace) -> dg.AssetChecksDefinition:
        """Create the checks in the namespace."""

        def compute(context: dg.AssetCheckExecutionContext) -> Iterable[dg.AssetCheckResult]:
            results = self.body(context, namespace.resource_in(context))
            yield from (results,) if isinstance(results, dg.AssetCheckResult) else results

        compute.__doc__ = self.body.__doc__
        return dg.multi_asset_check(
            name=namespace.name(self.name),
            specs=[
                dg.AssetCheckSpec(
                    spec.name,
                    asset=namespace.key(spec.asset.name),
                    description=spec.description,
                    blocking=spec.blocking,
                    additional_deps=namespace.keys(asset.name for asset in spec.after),
                )
                for spec in self.specs
            ],
            can_subset=True,
            required_resource_keys={namespace.resource_key},
        )(compute)


def check(
    asset: AssetFactory, *, blocking: bool = False, after: Sequence[AssetFactory] = ()
) -> Callable[[Body], CheckFactory]:
    """Turn a function into the factory of one check, with the function's name and docstring."""
    return lambda body: CheckFactory(body, [Spec(body.__name__, asset, body.__doc__ or "", blocking, after)])


def checks(specs: Sequence[Spec]) -> Callable[[Body], CheckFactory]:
    """Turn a function into the factory of several checks."""
    return lambda body: CheckFactory(body, specs)
