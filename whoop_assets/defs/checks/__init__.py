"""Checks: what is wrong with the data or with reading them, naming members by their WHOOP user id. None blocks a load."""

from whoop_assets.defs.checks.consistency import records_fit_together
from whoop_assets.defs.checks.runs import (
    events_loaded,
    loads_complete,
    members_connected,
    timezone_covers_members,
)

__all__ = [
    "events_loaded",
    "loads_complete",
    "members_connected",
    "records_fit_together",
    "timezone_covers_members",
]
