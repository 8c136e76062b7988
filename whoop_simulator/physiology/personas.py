"""Personas of the simulated members: home zone, body, habits.

All follow from the seed and the member's place.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from whoop_simulator.physiology.sports import ROUTINES, Sport

ZONES = (
    "America/New_York",
    "Europe/Berlin",
    "Europe/London",
    "Australia/Sydney",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Pacific/Auckland",
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Pacific/Honolulu",
)
"""Home zones of the members in order: the first member lives in New York, the third works nights in London.
"""

NIGHT_SHIFT_PLACE = 2
_FIRST = ("Alex", "Robin", "Sam", "Jo", "Kim", "Noa", "Chris", "Mika", "Toni", "Sasha")
_LAST = ("Sample", "Example", "Tester", "Placeholder", "Demo", "Fixture", "Model", "Draft")


@dataclass(frozen=True)
class Persona:
    place: int
    """0 for the first member of the world."""
    user_id: int
    first_name: str
    last_name: str
    email: str
    home: str
    """IANA name of the home zone."""
    height_meter: float
    weight_kilogram: float
    max_heart_rate: int
    hrv_milli: float
    """Personal mean of the heart rate variability (the median of its log-normal distribution)."""
    resting_heart_rate: float
    respiratory_rate: float
    bedtime_minutes: float
    """Usual bedtime in minutes after the local midnight that begins the evening's date."""
    hours_asleep: float
    workouts_a_day: float
    routine: tuple[tuple[Sport, float], ...]
    steps_a_day: int
    nap_probability: float
    naps_recover: bool
    """Whether the member's naps have recoveries (observed in 1 of 4 real accounts)."""
    night_shift: bool
    has_temperature: bool
    """A strap of generation 4.0 or newer: SpO2 and skin temperature."""
    counts_steps: bool
    early_zero_cycle: bool
    """Whether a stray cycle of zeros lies six days before the first real cycle (observed in 1 real account).
    """


def make_persona(seed: int, place: int, zones: Sequence[str] = ZONES) -> Persona:
    rng = random.Random(f"{seed}/{place}/persona")
    max_heart_rate = rng.randint(178, 201)
    return Persona(
        place=place,
        user_id=rng.randrange(1_000, 40_000) * 1_000 + place,
        first_name=_FIRST[place % len(_FIRST)],
        last_name=_LAST[rng.randrange(len(_LAST))],
        email=f"member-{place + 1}@example.com",
        home=zones[place % len(zones)],
        height_meter=round(rng.uniform(1.58, 1.93), 4),
        weight_kilogram=round(rng.uniform(56, 94), 4),
        max_heart_rate=max_heart_rate,
        hrv_milli=min(150.0, max(28.0, math.exp(rng.gauss(math.log(64), 0.33)))),
        resting_heart_rate=rng.uniform(46, 61),
        respiratory_rate=rng.uniform(13.6, 16.4),
        bedtime_minutes=rng.uniform(22.3, 23.6) * 60,
        hours_asleep=rng.uniform(7.1, 7.3),
        workouts_a_day=rng.uniform(0.9, 1.7) if place == 0 else rng.uniform(0.5, 1.5),
        routine=ROUTINES[place % len(ROUTINES)],
        steps_a_day=rng.randrange(6_000, 12_000),
        nap_probability=rng.uniform(0.10, 0.22) if place % 2 == 0 else rng.uniform(0.02, 0.10),
        naps_recover=place % 2 == 0,
        night_shift=place % len(ZONES) == NIGHT_SHIFT_PLACE,
        has_temperature=place % 4 != 1,
        counts_steps=place % 4 != 3,
        early_zero_cycle=place % 3 == 1,
    )
