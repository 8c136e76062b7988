"""Instants as whole milliseconds since 1970, and their text form in WHOOP's API.

Every timestamp of the API is RFC 3339 UTC with milliseconds and `Z`; offsets are `+hh:mm`, `-hh:mm` or `Z`.
"""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""The last instant that the clock supports."""
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


def to_text(instant: int) -> str:
    """Return the time as 2026-11-20T06:12:09.314Z."""
    return (EPOCH + timedelta(milliseconds=instant)).isoformat(timespec="milliseconds")[:23] + "Z"


def to_datetime(instant: int) -> datetime:
    return EPOCH + timedelta(milliseconds=instant)


def from_datetime(moment: datetime) -> int:
    """Milliseconds of an aware datetime."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def from_text(text: str) -> int:
    """Return the milliseconds since 1970 of an RFC 3339 date-time.

    Raises ValueError for other texts (a date alone, no offset).
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError(f"{text!r} is not an RFC 3339 date-time such as 2022-04-24T11:25:44.774Z")
    return from_datetime(datetime.fromisoformat(text.upper()))


def offset_at(zone: ZoneInfo, instant: int) -> int:
    """The zone's offset from UTC at an instant, in milliseconds."""
    offset = to_datetime(instant).astimezone(zone).utcoffset()
    assert offset is not None
    return offset // timedelta(milliseconds=1)


def offset_text(offset: int) -> str:
    """`-05:00`, `+05:30`, and `Z` for none."""
    if offset == 0:
        return "Z"
    minutes = abs(offset) // MINUTE
    return f"{'+' if offset > 0 else '-'}{minutes // 60:02d}:{minutes % 60:02d}"


def local_date(zone: ZoneInfo, instant: int) -> date:
    return to_datetime(instant).astimezone(zone).date()


def at_local(zone: ZoneInfo, day: date, minutes: float) -> int:
    """The instant at which the wall clock shows `minutes` after the midnight that begins `day`."""
    wall = from_datetime(datetime(day.year, day.month, day.day, tzinfo=UTC)) + int(minutes * MINUTE)
    guess = wall - offset_at(zone, wall)
    return wall - offset_at(zone, guess)
