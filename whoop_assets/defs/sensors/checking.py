"""Which checks go with the runs that sensors ask for: those of the run itself, not those that look at all that is stored.

A run that names no checks has all of its assets', and a sensor's runs are many: the schedule `check_daily` has the others.
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
    """The checks of a run that materializes these assets, named without their prefix."""
    return [
        dg.AssetCheckKey(namespace.key(asset), name) for asset in assets for name in _OF_A_RUN.get(asset, ())
    ]
