"""Daily rows of constructed members: gaps, travel, clock changes, night shifts, one value."""

import math
import random
from collections.abc import Callable, Container
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from whoop_assets.summaries.record_columns import ZONES
from whoop_assets.summaries.trends.columns import DAILY_READ
from whoop_assets.summaries.weeks import DAILY_READ_BY_WEEKS

COLUMNS = {**DAILY_READ, **DAILY_READ_BY_WEEKS}
"""The columns of a daily row that trends or weeks read."""

WINTER = date(2026, 1, 1)
LENGTH = 130
ILL = range(100, 104)

Row = dict[str, Any]
OffsetOf = Callable[[date], int]
"""Day -> minutes east of UTC of its cycle."""


def empty(user_id: int, day: date) -> Row:
    """Return a daily row without values."""
    return dict.fromkeys(COLUMNS) | {"user_id": user_id, "day": day, "is_partial": False}


def full(
    user_id: int, number: int, day: date, offset: int, bed: float, rng: random.Random, *, ill: bool = False
) -> Row:
    """Return a day with a value in every column.

    Args:
        user_id: The member.
        number: Number of the day; HRV and sleep drift with it.
        day: The WHOOP day.
        offset: Minutes east of UTC.
        bed: Local hour of falling asleep, relative to midnight at the start of the day.
        rng: Source of the spread between days.
        ill: Whether all signs of illness are far from usual.
    """
    worse = 4.0 if ill else 0.0
    start = datetime.combine(day, time(), UTC) + timedelta(hours=bed + rng.gauss(0, 0.4), minutes=-offset)
    asleep = 430 + 30 * math.sin(number / 9) + rng.gauss(0, 35)
    workouts = rng.choice([0, 0, 1, 2])
    band = rng.choice(["green", "green", "yellow", "red"])
    values: Row = {
        "is_partial": False,
        "strain": round(rng.uniform(4, 19), 2),
        "kilojoule": round(rng.uniform(6e3, 15e3), 1),
        "recovery_score": {"green": 80.0, "yellow": 50.0, "red": 20.0}[band] + rng.randint(-9, 9),
        "recovery_band": band,
        "user_calibrating": False,
        "hrv_rmssd_milli": math.exp(4 + 0.15 * math.sin(number / 12) + 0.12 * (rng.gauss(0, 1) - worse)),
        "resting_heart_rate": float(round(52 + 2 * (rng.gauss(0, 1) + worse))),
        "respiratory_rate": 15 + 0.3 * (rng.gauss(0, 1) + worse),
        "skin_temp_celsius": 33.7 + 0.3 * (rng.gauss(0, 1) + worse),
        "sleep_start_time": start,
        "sleep_end_time": start + timedelta(minutes=asleep + 25),
        "sleep_duration_minutes": asleep,
        "sleep_needed_minutes": 480 + rng.uniform(0, 60),
        "sleep_debt_minutes": rng.uniform(0, 50),
        "sleep_performance_percentage": float(rng.randint(60, 100)),
        "nap_minutes": rng.choice([0.0, 0.0, 25.0]),
        "timezone_offset": f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}",
        "workout_count": workouts,
        "workout_minutes": 40.0 * workouts,
        "workout_kilojoule": 1500.0 * workouts if workouts else None,
        "distance_meter": 5000.0 * workouts if workouts else None,
        **{zone: rng.randrange(1_500_000) if workouts else None for zone in ZONES},
    }
    assert set(values) | {"user_id", "day"} == set(COLUMNS)
    return values | {"user_id": user_id, "day": day}


def member(
    user_id: int,
    *,
    first: date = WINTER,
    days: int = LENGTH,
    offset_of: OffsetOf = lambda _day: 0,
    bed_of: Callable[[int], float] = lambda _number: -1.0,
    without: Container[int] = (),
) -> list[Row]:
    """Return a member's days.

    Args:
        user_id: The member, also the seed.
        first: The first day.
        days: Number of days.
        offset_of: The offset of each day.
        bed_of: The local hour of falling asleep of each day number.
        without: Numbers of days without a row.
    """
    rng = random.Random(user_id)
    rows = []
    for number in range(days):
        day = first + timedelta(days=number)
        row = full(user_id, number, day, offset_of(day), bed_of(number), rng, ill=number in ILL)
        if number not in without:
            rows.append(row)
    return rows


def at(zone: str) -> OffsetOf:
    """Return the offsets of that time zone; a cycle begins at 23:00 on the evening before."""

    def offset(day: date) -> int:
        evening = datetime.combine(day - timedelta(days=1), time(23), ZoneInfo(zone))
        return int((evening.utcoffset() or timedelta()) / timedelta(minutes=1))

    return offset


def with_gaps(user_id: int) -> list[Row]:
    """A member with missing rows and values: WHOOP's calibration, a strap left at home, an open last day."""
    rng = random.Random(user_id)
    rows = member(user_id, without={9, 30, *range(45, 49), *range(70, 95)})
    for number, row in enumerate(rows):
        row["user_calibrating"] = number < 5
        for name in rng.sample(sorted(set(COLUMNS) - {"user_id", "day", "is_partial"}), 6):
            row[name] = None
        if row["workout_count"] is None:
            row |= dict.fromkeys(("workout_minutes", "workout_kilojoule", "distance_meter", *ZONES))
        if number % 17 == 3:
            row |= {"strain": 0.0, "kilojoule": 0.0}
    rows[-1]["is_partial"] = True
    return rows


def traveller(user_id: int) -> list[Row]:
    """A member of Los Angeles in Auckland (over the date line), Frankfurt and Dubai (twelve hours)."""
    journeys = {range(40, 52): 780, range(60, 66): 60, range(90, 110): 240}

    def offset(day: date) -> int:
        number = (day - WINTER).days
        return next((away for days, away in journeys.items() if number in days), -480)

    return member(user_id, offset_of=offset)


def with_one_value(user_id: int) -> list[Row]:
    """A member with empty days, and one day with one value."""
    rows = [empty(user_id, WINTER + timedelta(days=number)) for number in range(70)]
    rows[35]["hrv_rmssd_milli"] = 55.0
    return rows


MEMBERS = {
    "complete": member(1),
    "gaps": with_gaps(2),
    "travel": traveller(3),
    "clocks of New York in spring": member(4, offset_of=at("America/New_York")),
    "clocks of Berlin in autumn": member(
        5,
        first=date(2025, 9, 1),
        days=90,
        offset_of=at("Europe/Berlin"),
        without=range(53, 56),
    ),
    "clocks of New York in a gap of five days": member(
        11, days=90, offset_of=at("America/New_York"), without=range(63, 67)
    ),
    "night shifts": member(6, days=60, bed_of=lambda number: 9.0 if number % 2 else -3.0),
    "new definitions": member(7, first=date(2025, 1, 20)),
    "one day": member(8, days=1),
    "one value": with_one_value(9),
    "no spread": [
        empty(10, WINTER + timedelta(days=number))
        | {"hrv_rmssd_milli": 50.0, "resting_heart_rate": 50.0, "strain": 9.0, "workout_count": 0}
        for number in range(75)
    ],
}
