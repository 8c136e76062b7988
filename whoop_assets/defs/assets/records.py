"""Assets of records: cycles, sleeps, recoveries and workouts."""

from typing import Any

import dagster as dg

from whoop_assets.defs.assets.event_loading import load
from whoop_assets.defs.assets.factory import WHOOP, asset
from whoop_assets.defs.resources import WhoopResource


@asset(table="cycles", kinds={WHOOP}, with_freshness=True)
def cycles(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """Physiological cycles, from one sleep onset to the next, with strain, energy and heart rate.

    The calendar of all other records: a cycle's day is the local date of its start plus twelve hours.
    """
    return load(context, whoop, "cycles")


@asset(table="sleeps", kinds={WHOOP}, deps=[cycles])
def sleeps(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """Sleeps and naps with stages and sleep need, assigned to the day of their cycle."""
    return load(context, whoop, "sleeps")


@asset(table="recoveries", kinds={WHOOP}, deps=[cycles])
def recoveries(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """Recoveries: score, HRV, resting heart rate, SpO2 and skin temperature.

    A recovery belongs to the day of its cycle.
    """
    return load(context, whoop, "recoveries")


@asset(table="workouts", kinds={WHOOP}, deps=[cycles])
def workouts(context: dg.AssetExecutionContext, whoop: WhoopResource) -> dg.MaterializeResult[Any]:
    """Workouts and other activities with strain and zones.

    A workout belongs to the day of the cycle in which it starts.
    """
    return load(context, whoop, "workouts")


RECORD_ASSETS = (cycles, sleeps, recoveries, workouts)
"""The assets of all streams of records, in loading order."""
