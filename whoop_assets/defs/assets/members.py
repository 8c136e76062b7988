"""Who the members are: daily snapshots of profile and body measurements."""

from typing import Any

import dagster as dg

from whoop_assets.defs.assets.factory import WHOOP, asset
from whoop_assets.defs.assets.loading import load
from whoop_assets.defs.resources import WhoopResource


@asset(table="profiles", kinds={WHOOP}, pii="identity", with_freshness=True)
def profile(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """Each member's profile as WHOOP gave it on that day.

    WHOOP keeps no history, so only today's partition asks; a past day holds what was observed on it, perhaps nothing.
    """
    return load(context, whoop, "profile")


@asset(table="body_measurements", kinds={WHOOP})
def body_measurement(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """Each member's height, weight and maximum heart rate as WHOOP gave them on that day.

    WHOOP keeps no history, so only today's partition asks; a past day holds what was observed on it, perhaps nothing.
    """
    return load(context, whoop, "body_measurement")
