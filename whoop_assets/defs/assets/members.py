"""Daily snapshots of profile and body measurements."""

from typing import Any

import dagster as dg

from whoop_assets.defs.assets.factory import WHOOP, asset
from whoop_assets.defs.assets.loading import load
from whoop_assets.defs.resources import WhoopResource


@asset(table="profiles", kinds={WHOOP}, pii="identity", with_freshness=True)
def profile(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """Each member's profile on that day.

    WHOOP keeps no history: only the partition of today reads it. A past day has the snapshot that was read on
    it, if any.
    """
    return load(context, whoop, "profile")


@asset(table="body_measurements", kinds={WHOOP})
def body_measurement(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """Each member's height, weight and maximum heart rate on that day.

    WHOOP keeps no history: only the partition of today reads it. A past day has the snapshot that was read on
    it, if any.
    """
    return load(context, whoop, "body_measurement")


SNAPSHOT_ASSETS = (profile, body_measurement)
"""The assets of all snapshots."""
