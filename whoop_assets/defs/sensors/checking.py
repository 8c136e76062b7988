"""The checks of runs that sensors request.

A run without named checks executes all checks of its assets. Sensors request many runs, so these leave out
the checks of all data, which the schedule `check_daily` executes.
"""

from collections.abc import Iterable

import dagster as dg

from whoop_assets.defs.asset_namespace import AssetNamespace

_OF_A_RUN = {
    "daily_summary": ("events_loaded",),
    "trends": ("loads_complete",),
    "profile": ("members_connected", "timezone_covers_members"),
}


def checks_of(assets: Iterable[str], namespace: AssetNamespace) -> list[dg.AssetCheckKey]:
    """Return the checks of a run that materializes these assets, named without their prefix."""
    return [
        dg.AssetCheckKey(namespace.key(asset), name) for asset in assets for name in _OF_A_RUN.get(asset, ())
    ]
