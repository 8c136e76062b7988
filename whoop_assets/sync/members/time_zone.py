"""Finds members who live east of WHOOP_TIMEZONE, and the value to set.

A partition begins at midnight in WHOOP_TIMEZONE. For members further east, the day begins before its
partition exists, so nothing can read that day until hours later.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from whoop_assets.db.database import Database
from whoop_assets.members import store as member_store
from whoop_assets.records.day_assignment import format_offset
from whoop_assets.records.record_lookup import Observed, newest_offsets, observed_offsets
from whoop_assets.settings import Settings

MAX_CYCLES = 400
"""Number of cycles to compare with the offsets of zones. A year shows daylight saving time."""

ZONES = (
    *("Pacific/Kiritimati", "Pacific/Auckland", "Pacific/Tongatapu", "Pacific/Chatham", "Pacific/Fiji"),
    *("Australia/Sydney", "Pacific/Noumea", "Australia/Brisbane", "Australia/Adelaide", "Australia/Darwin"),
    *(
        "Asia/Tokyo",
        "Asia/Shanghai",
        "Asia/Bangkok",
        "Asia/Yangon",
        "Asia/Dhaka",
        "Asia/Kathmandu",
        "Asia/Kolkata",
    ),
    *(
        "Asia/Karachi",
        "Asia/Kabul",
        "Asia/Dubai",
        "Asia/Tehran",
        "Europe/Istanbul",
        "Europe/Athens",
        "Africa/Cairo",
    ),
    *("Africa/Johannesburg", "Europe/Berlin", "Africa/Lagos", "Europe/London", "UTC", "Atlantic/Azores"),
    *("America/Sao_Paulo", "America/St_Johns", "America/Halifax", "America/New_York", "America/Bogota"),
    *("America/Chicago", "America/Mexico_City", "America/Denver", "America/Phoenix", "America/Los_Angeles"),
    *("America/Anchorage", "Pacific/Honolulu", "Pacific/Pago_Pago"),
)
"""One zone per pattern of offsets, so that a suggestion names a place.

Of equal zones the more populous is first.
"""


@dataclass(frozen=True, slots=True)
class EasternMember:
    """The member who lives furthest east of the setting.

    Attributes:
        offset: The member's offset from UTC.
        late: How long after the member's midnight a partition begins.
        zone: The value to set.
    """

    user_id: int
    offset: timedelta
    late: timedelta
    setting: str
    zone: str

    @property
    def sentence(self) -> str:
        """The problem, its reason and the way out."""
        hours = f"{self.late.total_seconds() / 3600:g} h"
        return (
            f"Member {self.user_id} lives at UTC{format_offset(self.offset)}, east of WHOOP_TIMEZONE"
            f" ({self.setting}): each day can be read only {hours} after the member's midnight. Set"
            f" WHOOP_TIMEZONE={self.zone} and start Dagster again."
        )


def easternmost(database: Database, settings: Settings) -> EasternMember | None:
    """Return the connected member furthest east of WHOOP_TIMEZONE; None if there is no such member.

    SQL only.
    """
    with database.read() as connection:
        now = database.now(connection)
        connected = [member.user_id for member in member_store.listed(connection, member_store.CONNECTED)]
        newest = newest_offsets(connection, connected)
        if not newest:
            return None
        user_id = max(sorted(newest), key=newest.__getitem__)
        history = observed_offsets(connection, user_id, limit=MAX_CYCLES)
    return east_of(user_id, history, settings.timezone, now)


def east_of(user_id: int, history: Collection[Observed], setting: str, now: datetime) -> EasternMember | None:
    """Return the member if the newest offset lies east of the setting, else None."""
    if not history:
        return None
    _, offset = max(history)
    late = offset - (ZoneInfo(setting).utcoffset(now) or timedelta(0))
    if late <= timedelta(0):
        return None
    return EasternMember(user_id, offset, late, setting, zone_of(history, now))


def zone_of(history: Collection[Observed], now: datetime) -> str:
    """Return the zone that has the newest offset now and matches most of the others.

    If no zone has that offset, return the next whole hour to the east.
    """
    _, offset = max(history)
    candidates = [ZoneInfo(name) for name in ZONES]
    here = [zone for zone in candidates if now.astimezone(zone).utcoffset() == offset]
    if not here:
        hours = math.ceil(offset / timedelta(hours=1))
        return f"Etc/GMT{-hours:+d}" if hours else "UTC"  # POSIX counts west as positive
    return max(here, key=lambda zone: sum(at.astimezone(zone).utcoffset() == had for at, had in history)).key
