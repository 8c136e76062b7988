"""The values of an export: text into what the API would have sent. Each raises ValueError with the reason."""

import re
from datetime import UTC, datetime, timedelta

from whoop_assets.app_export.parsing.headings import plain
from whoop_assets.whoop_day import EASTERNMOST, parse_offset

KILOJOULES_PER_KILOCALORIE = 4.184
"""The thermochemical calorie; WHOOP's API gives kilojoules where the app shows kilocalories."""

MINUTE = 60_000
"""Milliseconds."""

MAX_WHOLE = 2**31 - 1
"""The largest value of an INTEGER column."""

_TIME = re.compile(r"(\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2})(?:\.\d+)?", re.ASCII)
_ZONE = re.compile(
    r"(?:(?:UTC|GMT) ?)?(?:(Z)|([+-])(\d{1,2})(?::?(\d{2}))?)|UTC|GMT", re.ASCII | re.IGNORECASE
)
_NUMBER = re.compile(r"-?\d{1,12}(?:\.\d{1,12})?", re.ASCII)
_HARMLESS = re.compile(r"(?:[0-9:.,/+% -]|UTC|GMT|[ZT]){0,25}", re.ASCII)
"""The characters of numbers, times and zones: an error may repeat them."""

_FIRST_YEAR, _LAST_YEAR = 2012, 2199

# Recorded exports have `true` and `false` in every language; a spreadsheet translates them when it saves a
# file.
_YES = frozenset(
    map(plain, ("true", "yes", "1", "wahr", "ja", "verdadero", "sí", "vrai", "oui", "verdadeiro", "sim"))
)
_NO = frozenset(map(plain, ("false", "no", "0", "falsch", "nein", "falso", "faux", "non", "não")))


def zone(text: str) -> str:
    """`UTC-05:00`, `UTC+01:00` or `UTCZ` as the API writes it: `-05:00`, `+01:00`, `Z`.

    Also reads `GMT-5` and `UTC+0530`.
    """
    text = text.strip().replace("\N{MINUS SIGN}", "-")
    match = _ZONE.fullmatch(text)
    if match is None:
        raise ValueError(f"{_shown(text)} is not a zone of the form UTC+hh:mm or UTCZ")
    _, sign, hours, minutes = match.groups()
    offset = "Z" if sign is None else f"{sign}{hours:0>2}:{minutes or '00'}"
    size = parse_offset(offset)
    if abs(size) > EASTERNMOST or int(minutes or 0) > 59:
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


def number(text: str) -> float:
    """Returns a decimal number of any size. Implausible values are stored and reported by a check."""
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"{_shown(text)} is not a number")
    return float(text)


def whole(text: str) -> int:
    """A number that the API gives whole: `70.0` is 70."""
    value = round(number(text))
    if abs(value) > MAX_WHOLE:
        raise ValueError(f"{_shown(text)} is larger than a database column holds")
    return value


def minutes(text: str) -> int:
    """Minutes as milliseconds."""
    return round(number(text) * MINUTE)


def kilocalories(text: str) -> float:
    """Kilocalories, which the export calls `cal`, as kilojoules."""
    return number(text) * KILOJOULES_PER_KILOCALORIE


def fahrenheit(text: str) -> float:
    """Degrees Fahrenheit as degrees Celsius, to a hundredth."""
    return round((number(text) - 32) / 1.8, 2)


def flag(text: str) -> bool:
    """`true` or `false`, in whatever case, or the same in one of the languages that are read."""
    word = plain(text)
    if word not in _YES | _NO:
        raise ValueError(f"{_shown(text)} is neither true nor false")
    return word in _YES


def _shown(text: str) -> str:
    """Return the cell as an error message may repeat it: numbers and times, but no words.

    Words can be a note or an answer that is in the wrong column.
    """
    if _HARMLESS.fullmatch(text):
        return repr(text)
    return f"a {'word' if text.isalpha() else 'text'} of length {len(text)}"


def share_of(percent: float | None, span: timedelta) -> int | None:
    """A percentage of a span of time, in milliseconds."""
    return None if percent is None else round(percent / 100 * (span / timedelta(milliseconds=1)))
