"""Numbers, days and durations as people read them. What is missing is a dash, never "nan" or "None"."""

import math
from datetime import date

NONE = "–"
MINUS = "−"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def number(value: float | None, digits: int = 0, unit: str = "") -> str:
    """The value with so many decimals and its unit, after a space that no line breaks."""
    if value is None or not math.isfinite(value):
        return NONE
    text = f"{value:.{digits}f}".replace("-", MINUS)
    if text.startswith(MINUS) and not text.strip(f"{MINUS}0."):
        text = text.removeprefix(MINUS)
    return f"{text}\u00a0{unit}" if unit else text


def between(low: float, high: float, digits: int = 0, unit: str = "") -> str:
    """58 to 71 ms; one number where both are the same."""
    ends = number(low, digits), number(high, digits, unit)
    return ends[1] if ends[0] == number(high, digits) else f"{ends[0]} to {ends[1]}"


def signed(value: float | None, digits: int = 0, unit: str = "") -> str:
    """As `number`, with a plus where it is more than nothing."""
    text = number(value, digits, unit)
    return f"+{text}" if value is not None and value > 0 and text.strip("0.\u00a0" + unit) else text


def hours(minutes: float | None) -> str:
    """Minutes as h:mm."""
    if minutes is None or not math.isfinite(minutes):
        return NONE
    whole = round(abs(minutes))
    return f"{MINUS if minutes < 0 and whole else ''}{whole // 60}:{whole % 60:02d}"


def duration(minutes: float | None) -> str:
    """Minutes in words: 7 h 32 min."""
    if minutes is None or not math.isfinite(minutes):
        return NONE
    whole = round(abs(minutes))
    text = f"{whole // 60}\u00a0h {whole % 60}\u00a0min" if whole >= 60 else f"{whole}\u00a0min"
    return f"{MINUS if minutes < 0 and whole else ''}{text}"


def short(day: date) -> str:
    """21 Nov."""
    return f"{day.day}\u00a0{_MONTHS[day.month - 1]}"


def month(day: date) -> str:
    """Nov; January with its year."""
    return f"{_MONTHS[day.month - 1]}\u00a0{day.year % 100:02d}" if day.month == 1 else _MONTHS[day.month - 1]


def medium(day: date) -> str:
    """Sat 21 Nov."""
    return f"{_WEEKDAYS[day.weekday()]} {short(day)}"


def long(day: date) -> str:
    """Sat 21 Nov 2026."""
    return f"{medium(day)} {day.year}"


def span(first: date, last: date) -> str:
    """One day, or two and what is between: 12 to 14 Oct 2026."""
    if first == last:
        return f"{short(first)} {first.year}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {short(last)} {last.year}"
    if first.year == last.year:
        return f"{short(first)} to {short(last)} {last.year}"
    return f"{short(first)} {first.year} to {short(last)} {last.year}"


def counted(count: int, one: str, many: str = "") -> str:
    """1 day, 2 days."""
    return f"{count} {one if count == 1 else many or one + 's'}"
