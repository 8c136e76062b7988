"""Generates a member's trips from the home zone, alternately east and west."""

import random
from bisect import bisect_right
from datetime import timedelta
from zoneinfo import ZoneInfo

from whoop_simulator.timestamps import DAY, HOUR, at_local, local_date, offset_at

EASTWARD = (1, 3, 5.5, 7, 9, 12)
WESTWARD = (-1, -3, -5, -6, -8, -10)
"""Approximate time difference of the destinations, in hours."""

DESTINATIONS = (
    "Pacific/Honolulu",
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Sao_Paulo",
    "Atlantic/Azores",
    "Europe/Lisbon",
    "Europe/Madrid",
    "Europe/Athens",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Bangkok",
    "Asia/Tokyo",
    "Australia/Brisbane",
    "Pacific/Auckland",
)


class Itinerary:
    """The time zone of a member at any instant after the start. Trips are generated on demand."""

    def __init__(self, seed: int, place: int, home: str, start: int) -> None:
        self._rng = random.Random(f"{seed}/{place}/travel")
        self._home = ZoneInfo(home)
        self._eastward = self._rng.random() < 0.5
        self._since = [start - 30 * DAY]
        self._zones = [self._home]
        self._drawn_to = start + self._rng.randrange(14, 30) * DAY

    def zone_at(self, instant: int) -> ZoneInfo:
        while self._drawn_to <= instant + 2 * DAY:
            self._draw_trip()
        return self._zones[max(0, bisect_right(self._since, instant) - 1)]

    def offset_at(self, instant: int) -> int:
        return offset_at(self.zone_at(instant), instant)

    def _draw_trip(self) -> None:
        rng = self._rng
        # Departures are in the waking hours of the home zone.
        leave = at_local(self._home, local_date(self._home, self._drawn_to), rng.randrange(10 * 60, 18 * 60))
        back = leave + rng.randrange(3, 15) * DAY + rng.randrange(0, 5) * HOUR
        self._since += [leave, back]
        self._zones += [self._destination(leave), self._home]
        self._eastward = not self._eastward
        self._drawn_to = back + int(timedelta(days=rng.randrange(25, 70)) / timedelta(milliseconds=1))

    def _destination(self, instant: int) -> ZoneInfo:
        home_offset = offset_at(self._home, instant)
        wanted = home_offset + self._rng.choice(EASTWARD if self._eastward else WESTWARD) * HOUR
        zones = [
            zone
            for zone in map(ZoneInfo, DESTINATIONS)
            if (offset_at(zone, instant) > home_offset) == self._eastward
            and offset_at(zone, instant) != home_offset
        ] or [self._home]
        return min(zones, key=lambda zone: abs(offset_at(zone, instant) - wanted))
