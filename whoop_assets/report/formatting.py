"""Numbers, dates and durations as text for readers. A missing value is a dash, never "nan" or "None"."""

import math
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any

DASH = "–"
MINUS = "−"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def number(value: float | None, digits: int = 0, unit: str = "") -> str:
    """Return the value with this many decimals, then a non-breaking space and the unit."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{value:.{digits}f}".replace("-", MINUS)
    if text.startswith(MINUS) and not text.strip(f"{MINUS}0."):
        text = text.removeprefix(MINUS)
    return with_unit(text, unit)


def with_unit(text: str, unit: str) -> str:
    """Return the text, a non-breaking space and the unit; the text alone without a unit."""
    return f"{text}\u00a0{unit}" if unit else text


def points(value: float) -> str:
    """Return "1 point" or "14 points", the unit of a difference of two percentages."""
    text = number(value)
    return with_unit(text, "point" if text == "1" else "points")


def number_range(low: float, high: float, digits: int = 0, unit: str = "") -> str:
    """Return "58 to 71 ms", or one number if both ends are the same."""
    first, last = number(low, digits), number(high, digits)
    return with_unit(last if first == last else f"{first} to {last}", unit)


def hours(minutes: float | None) -> str:
    """Return minutes as h:mm."""
    if minutes is None or not math.isfinite(minutes):
        return DASH
    whole = round(abs(minutes))
    return f"{MINUS if minutes < 0 and whole else ''}{whole // 60}:{whole % 60:02d}"


def duration(minutes: float | None) -> str:
    """Return minutes in words: "7 h 32 min", "7 h" or "32 min"."""
    if minutes is None or not math.isfinite(minutes):
        return DASH
    whole = round(abs(minutes))
    parts = [f"{whole // 60}\u00a0h"] if whole >= 60 else []
    if whole % 60 or not parts:
        parts.append(f"{whole % 60}\u00a0min")
    text = " ".join(parts)
    return f"{MINUS if minutes < 0 and whole else ''}{text}"


def short_date(day: date) -> str:
    """Return "21 Nov"."""
    return f"{day.day}\u00a0{_MONTHS[day.month - 1]}"


def month_label(day: date) -> str:
    """Return "Nov"; January has its year: "Jan 26"."""
    return f"{_MONTHS[day.month - 1]}\u00a0{day.year % 100:02d}" if day.month == 1 else _MONTHS[day.month - 1]


def weekday_date(day: date) -> str:
    """Return "Sat 21 Nov"."""
    return f"{_WEEKDAYS[day.weekday()]} {short_date(day)}"


def long_date(day: date) -> str:
    """Return "Sat 21 Nov 2026"."""
    return f"{weekday_date(day)} {day.year}"


def date_range(first: date, last: date) -> str:
    """Return one day, or both ends without repetition: "12 to 14 Oct 2026"."""
    if first == last:
        return f"{short_date(first)} {first.year}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} to {short_date(last)} {last.year}"
    if first.year == last.year:
        return f"{short_date(first)} to {short_date(last)} {last.year}"
    return f"{short_date(first)} {first.year} to {short_date(last)} {last.year}"


def week_end(monday: date) -> date:
    """Return the Sunday of the week."""
    return monday + timedelta(days=6)


def counted(count: int, singular: str) -> str:
    """Return "1 day" or "2 days"."""
    return f"{count} {singular}{'' if count == 1 else 's'}"


def members_text(user_ids: Collection[int]) -> str:
    """Return "member 10129" or "members 10129, 10130"."""
    return f"member{'' if len(user_ids) == 1 else 's'} {', '.join(map(str, sorted(user_ids)))}"


def workouts_text(summary: Mapping[str, Any]) -> str:
    """Return the sports of a day as text.

    WHOOP's list of sport slugs is open, so unknown ones are shown too.
    """
    count = summary.get("workout_count")
    if not count:
        return ""
    slugs = [slug.strip().removesuffix("_msk") for slug in (summary.get("sports") or "").split(",")]
    sports = ", ".join(slug.replace("-", " ").replace("_", " ") for slug in slugs if slug)
    if not sports:
        return counted(count, "workout")
    return f"{sports} ({count})" if count > 1 else sports
