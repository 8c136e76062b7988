"""Blueprints of assets: everything about an asset but its place, which the deployment's graph gives."""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from whoop_assets.defs.asset_namespace import Graph
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.schema import metadata

OWNERS = ["team:whoop"]
COLUMN_LINEAGE = "dagster/column_lineage"

Body = Callable[[dg.AssetExecutionContext, WhoopResource], dg.MaterializeResult[Any]]


class Kind(enum.Enum):
    """What an asset has a partition for."""

    DAYS = enum.auto()
    WEEKS = enum.auto()
    WHOLE = enum.auto()


@dataclass(frozen=True, eq=False)
class AssetBlueprint:
    """An asset without a place. `sources`: column -> the assets of ours, and their columns, that it is computed of.

    `group`: the word that its group's name ends in; none for what is read from WHOOP and summarised by day. What has other
    partitions is in another group, because a job has one kind of partition, and people select assets by group; so is a
    sink, so that whoever refreshes that group does not wait for it.

    `called` and `description` are for one of several assets that share a function, whose name and docstring are else the
    asset's. `config`: what can be set when it is materialized by hand, in `context.op_execution_context.op_config`.
    """

    body: Body
    kind: Kind
    group: str
    kinds: frozenset[str]
    deps: "Sequence[AssetBlueprint]" = ()
    mapping: dg.PartitionMapping | None = None
    table: str | None = None
    sources: Mapping[str, Sequence[tuple[str, str]]] | None = None
    called: str = ""
    description: str = ""
    config: Mapping[str, dg.Field] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.called or self.body.__name__

    def built(self, graph: Graph) -> dg.AssetsDefinition:
        """The asset in that graph; a range of its partitions is materialized in a single run."""

        def compute(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
            return self.body(context, graph.resource_in(context))

        compute.__doc__ = self.description or self.body.__doc__
        partitions = {Kind.DAYS: graph.days, Kind.WEEKS: graph.weeks, Kind.WHOLE: None}[self.kind]
        return dg.asset(
            name=self.name,
            key_prefix=list(graph.prefix),
            partitions_def=partitions,
            backfill_policy=None if partitions is None else dg.BackfillPolicy.single_run(),
            group_name=graph.group_of(self.group),
            owners=OWNERS,
            kinds=set(self.kinds),
            deps=[dg.AssetDep(graph.key(dep.name), partition_mapping=self.mapping) for dep in self.deps],
            metadata=self._metadata(graph),
            config_schema=dict(self.config) or None,
            required_resource_keys={graph.resource_key},
        )(compute)

    def _metadata(self, graph: Graph) -> dict[str, Any]:
        found = dict(self.metadata)
        if self.table is not None:
            found |= _table_metadata(self.table)
        if self.sources is not None:
            # On the definition: on a materialization every run of every day would carry these kilobytes.
            found[COLUMN_LINEAGE] = dg.TableColumnLineage(
                {
                    column: [dg.TableColumnDep(graph.key(asset), name) for asset, name in of]
                    for column, of in self.sources.items()
                }
            )
        return found


def daily_asset(
    *,
    kinds: set[str],
    group: str = "",
    deps: Sequence[AssetBlueprint] = (),
    table: str | None = None,
    sources: Mapping[str, Sequence[tuple[str, str]]] | None = None,
) -> Callable[[Body], AssetBlueprint]:
    """An asset with one partition a WHOOP day."""
    return lambda body: AssetBlueprint(
        body, Kind.DAYS, group, frozenset(kinds), deps, table=table, sources=sources
    )


def weekly_asset(
    *, table: str, kinds: set[str], deps: Sequence[AssetBlueprint] = (), mapping: dg.PartitionMapping
) -> Callable[[Body], AssetBlueprint]:
    """An asset with one partition an ISO week."""
    return lambda body: AssetBlueprint(body, Kind.WEEKS, "weekly", frozenset(kinds), deps, mapping, table)


def whole_asset(
    *,
    group: str,
    kinds: set[str],
    deps: Sequence[AssetBlueprint] = (),
    table: str | None = None,
    sources: Mapping[str, Sequence[tuple[str, str]]] | None = None,
) -> Callable[[Body], AssetBlueprint]:
    """An asset without partitions, in a group beside the daily assets'."""
    return lambda body: AssetBlueprint(
        body, Kind.WHOLE, group, frozenset(kinds), deps, table=table, sources=sources
    )


def _table_metadata(name: str) -> dict[str, Any]:
    """The asset's table and its columns, from the table itself."""
    table = metadata.tables[name]
    columns = [
        dg.TableColumn(
            column.name,
            type=str(column.type).lower(),
            description=column.comment,
            constraints=dg.TableColumnConstraints(nullable=bool(column.nullable), unique=False),
        )
        for column in table.columns
    ]
    return {
        "dagster/table_name": name,
        "dagster/column_schema": dg.TableSchema(columns),
    }
