"""Asset factories: everything about an asset except the namespace that it stands in."""

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.catalog import (
    API_ASSET,
    STORAGE_KIND_TAG,
    TABLE_NAME,
    code_reference,
    table_metadata,
)
from whoop_assets.defs.partitions import reject_unknown_partitions
from whoop_assets.defs.resources import WhoopResource

COLUMN_LINEAGE = "dagster/column_lineage"
WHOOP = "whoop"
"""The kind of an asset that reads the WHOOP API."""
PII_TAG = "pii"
"""Value `identity`: name and e-mail address. Value `health`: health data of a member."""

Body = Callable[[dg.AssetExecutionContext, WhoopResource], dg.MaterializeResult[Any]]


class Partitions(enum.Enum):
    """The kinds of partitions."""

    DAY = enum.auto()
    WEEK = enum.auto()
    NONE = enum.auto()


@dataclass(frozen=True, eq=False)
class AssetFactory:
    """Creates an asset in a namespace.

    Args:
        body: Materializes the asset. Its name and docstring are the asset's, unless others are given.
        kinds: Dagster's kinds.
        partitions: What the asset has one partition for.
        group: Suffix of the group; empty for the group of the daily assets. A job has one kind of partition
            and people select assets by group, so assets with other partitions are in other groups. Sinks are
            in other groups too, so that a run of the daily assets does not wait for them.
        deps: Assets that this one depends on.
        mapping: Maps the partitions of the dependencies to this asset's.
        table: The table that the asset writes.
        sources: Column -> the assets and their columns that it is computed from.
        asset_name: Name of one of several assets that share a function.
        description: Description of one of several assets that share a function.
        config: Run config, in `context.op_execution_context.op_config`.
        metadata: Further metadata.
        pii: Value of the tag `pii`.
        with_freshness: Whether the namespace's freshness policy applies.
    """

    body: Body
    kinds: frozenset[str]
    partitions: Partitions = Partitions.DAY
    group: str = ""
    deps: "Sequence[AssetFactory]" = ()
    mapping: dg.PartitionMapping | None = None
    table: str | None = None
    sources: Mapping[str, Sequence[tuple[str, str]]] | None = None
    asset_name: str = ""
    description: str = ""
    config: Mapping[str, dg.Field] = field(default_factory=dict)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    pii: str = "health"
    with_freshness: bool = False

    @property
    def name(self) -> str:
        return self.asset_name or self.body.__name__

    def build(self, namespace: AssetNamespace) -> dg.AssetsDefinition:
        """Create the asset. A run materializes a range of its partitions at once."""
        partitions: dg.TimeWindowPartitionsDefinition | None = {
            Partitions.DAY: namespace.days,
            Partitions.WEEK: namespace.weeks,
            Partitions.NONE: None,
        }[self.partitions]

        def compute(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
            if partitions is not None:
                reject_unknown_partitions(context, partitions)
            return self.body(context, namespace.resource_in(context))

        compute.__doc__ = self.description or self.body.__doc__
        deps = [dg.AssetDep(namespace.key(dep.name), partition_mapping=self.mapping) for dep in self.deps]
        if WHOOP in self.kinds:
            deps.append(dg.AssetDep(namespace.key(API_ASSET)))
        tags = {PII_TAG: self.pii}
        if self.table is not None and namespace.storage_kind:
            tags[STORAGE_KIND_TAG] = namespace.storage_kind
        freshness = namespace.freshness if self.with_freshness else None
        return dg.asset(
            name=self.name,
            key_prefix=list(namespace.prefix),
            partitions_def=partitions,
            backfill_policy=None if partitions is None else dg.BackfillPolicy.single_run(),
            group_name=namespace.group_of(self.group),
            owners=list(namespace.owners),
            kinds=set(self.kinds),
            tags=tags,
            deps=deps,
            metadata=self._metadata(namespace),
            config_schema=dict(self.config) or None,
            required_resource_keys={namespace.resource_key},
            freshness_policy=None
            if freshness is None
            else dg.FreshnessPolicy.time_window(fail_window=freshness),
        )(compute)

    def _metadata(self, namespace: AssetNamespace) -> dict[str, Any]:
        metadata = {**self.metadata, **code_reference(self.body)}
        if self.table is not None:
            metadata |= table_metadata(self.table)
            metadata[TABLE_NAME] = ".".join(filter(None, (namespace.table_qualifier, self.table)))
        if self.sources is not None:
            # Metadata of the definition: each materialization of each day would repeat these kilobytes.
            metadata[COLUMN_LINEAGE] = dg.TableColumnLineage(
                {
                    column: [dg.TableColumnDep(namespace.key(asset), name) for asset, name in columns]
                    for column, columns in self.sources.items()
                }
            )
        return metadata


def asset(*, kinds: set[str], **options: Any) -> Callable[[Body], AssetFactory]:
    """Turn a function into the factory of an asset; the options are the fields of `AssetFactory`."""
    return lambda body: AssetFactory(body, frozenset(kinds), **options)
