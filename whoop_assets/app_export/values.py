"""The values of an export: text into what the API would have sent. Each raises ValueError with the reason."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from whoop_assets.whoop_day import EASTERNMOST, parse_offset

KILOJOULES_PER_KILOCALORIE = 4.184
"""The thermochemical calorie; WHOOP's API gives kilojoules where the app shows kilocalories."""

MINUTE = 60_000
"""Milliseconds."""

_TIME = re.compile(r"(\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2})(?:\.\d+)?", re.ASCII)
_ZONE = re.compile(r"UTC(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,12}(?:\.\d{1,12})?", re.ASCII)
_HARMLESS = re.compile(r"(?:[0-9:.,+% -]|UTC|[ZT]){0,25}", re.ASCII)
"""What numbers, times and zones consist of: an error may repeat it."""

_FIRST_YEAR, _LAST_YEAR = 2012, 2199

WORDS = {"strength trainer": "weightlifting_msk"}
"""Activities that the API's slug calls something else: sport 123 is `weightlifting_msk`."""


def zone(text: str) -> str:
    """`UTC-05:00`, `UTC+01:00` or `UTCZ` as the API writes it: `-05:00`, `+01:00`, `Z`."""
    match = _ZONE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{_shown(text)} is not a zone of the form UTC+hh:mm or UTCZ")
    offset = match.group(1) or "Z"
    size = parse_offset(offset)
    if abs(size) > EASTERNMOST or int(offset[-2:] if offset != "Z" else 0) > 59:
        raise ValueError(f"{_shown(text)} is no zone on Earth")
    return offset if size else "Z"


def instant(text: str, offset: str) -> datetime:
    """The instant, in UTC, at which a clock of that offset shows `YYYY-MM-DD HH:MM:SS`; whole seconds."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{_shown(text)} is not a time of the form YYYY-MM-DD HH:MM:SS")
    numbers = [int(part) for part in match.groups()]
    if not _FIRST_YEAR <= numbers[0] <= _LAST_YEAR:
        raise ValueError(f"{_shown(text)} lies outside of the years in which WHOOP can have measured")
    try:
        local = datetime(*numbers[:6], tzinfo=UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        raise ValueError(f"{_shown(text)} is no time that exists") from None
    return local - parse_offset(offset)


def number(low: float, high: float) -> Callable[[str], float]:
    """A reader of decimal numbers within these bounds, both included."""

    def read(text: str) -> float:
        if _NUMBER.fullmatch(text) is None:
            raise ValueError(f"{_shown(text)} is not a number")
        value = float(text)
        if not low <= value <= high:
            raise ValueError(f"{text} is not between {low:g} and {high:g}")
        return value

    return read


def whole(low: float, high: float) -> Callable[[str], int]:
    """A reader of numbers that the API gives whole: `70.0` is 70."""
    read = number(low, high)
    return lambda text: round(read(text))


def minutes(text: str) -> int:
    """Minutes as milliseconds."""
    return round(number(0, 100_000)(text) * MINUTE)


def kilocalories(text: str) -> float:
    """Kilocalories, which the export calls `cal`, as kilojoules."""
    return number(0, 100_000)(text) * KILOJOULES_PER_KILOCALORIE


def flag(text: str) -> bool:
    """`true` or `false`, in whatever case."""
    known = {"true": True, "false": False}
    if text.lower() not in known:
        raise ValueError(f"{_shown(text)} is neither true nor false")
    return known[text.lower()]


def slug(activity: str) -> str:
    """The API's way to write a sport: `Hiking/Rucking` is `hiking-rucking`."""
    lower = activity.lower()
    return WORDS.get(lower) or re.sub(r"[^a-z0-9]+", "-", lower).strip("-") or lower


def _shown(text: str) -> str:
    """A cell as an error repeats it: words may be a note or an answer that slipped into another column, and are not."""
    if _HARMLESS.fullmatch(text):
        return repr(text)
    return f"a {'word' if text.isalpha() else 'text'} of {len(text)} characters"


def share_of(percent: float | None, span: timedelta) -> int | None:
    """A percentage of a span of time, in milliseconds."""
    return None if percent is None else round(percent / 100 * (span / timedelta(milliseconds=1)))
