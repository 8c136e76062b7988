"""Events of a run for a range of partitions, as Dagster stores them."""

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluation,
    AssetCheckEvaluationPlanned,
)
from dagster._core.definitions.partitions.subset import DefaultPartitionsSubset
from dagster._core.events import (
    AssetMaterializationPlannedData,
    AssetObservationData,
    DagsterEvent,
    StepMaterializationData,
)

ASSETS = [dg.AssetKey(["whoop", name]) for name in ("cycles", "sleeps", "trends")]
CHECKS = [dg.AssetCheckKey(key, "complete") for key in ASSETS[:2]]
KEYS = [f"2026-11-{day:02}" for day in range(1, 6)]


def materialized(key: dg.AssetKey, partition: str | None, tags: dict[str, str] | None = None) -> DagsterEvent:
    materialization = dg.AssetMaterialization(key, partition=partition, tags=tags, metadata={"rows": 2})
    data = StepMaterializationData(materialization)
    return DagsterEvent("ASSET_MATERIALIZATION", "job", step_key="step", event_specific_data=data)


def observed(key: dg.AssetKey, partition: str | None, tags: dict[str, str] | None = None) -> DagsterEvent:
    data = AssetObservationData(dg.AssetObservation(key, partition=partition, tags=tags))
    return DagsterEvent("ASSET_OBSERVATION", "job", step_key="step", event_specific_data=data)


def planned(key: dg.AssetKey, partition: str | None) -> DagsterEvent:
    data = AssetMaterializationPlannedData(key, partition=partition)
    return DagsterEvent("ASSET_MATERIALIZATION_PLANNED", "job", step_key="step", event_specific_data=data)


def check_planned(check: dg.AssetCheckKey, partitions: Sequence[str]) -> DagsterEvent:
    subset = DefaultPartitionsSubset(set(partitions)) if partitions else None
    data = AssetCheckEvaluationPlanned(
        asset_key=check.asset_key, check_name=check.name, partitions_subset=subset
    )
    return DagsterEvent("ASSET_CHECK_EVALUATION_PLANNED", "job", step_key="step", event_specific_data=data)


def checked(check: dg.AssetCheckKey, passed: bool) -> DagsterEvent:
    data = AssetCheckEvaluation(
        asset_key=check.asset_key, check_name=check.name, passed=passed, metadata={}, blocking=False
    )
    return DagsterEvent("ASSET_CHECK_EVALUATION", "job", step_key="step", event_specific_data=data)
