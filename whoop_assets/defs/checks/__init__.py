"""Asset checks. They name members by their WHOOP user id; none blocks a load."""

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
