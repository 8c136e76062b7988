"""Generates the starts of a member's cycles: nights, days without the strap, and lost nights.

A cycle runs from the start of one main sleep to the start of the next. Without a sleep it begins at local
midnight or at the usual bedtime. `Nights.after(last)` draws the next boundary from the last one.
"""

import math
import random
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from whoop_simulator.physiology.personas import Persona
from whoop_simulator.physiology.scores import SleepShape, sleep_shape
from whoop_simulator.physiology.travel import Itinerary
from whoop_simulator.timestamps import DAY, HOUR, MINUTE, SECOND, at_local, local_date

EARLY_SLEEP_SHARE = 0.07
"""Share of main sleeps that WHOOP creates before they end (24 of 340 in real data)."""
STRAP_OFF_CHANCE = 1 / 45
"""Chance per night that the member takes the strap off for one to three nights."""
LOST_NIGHT_CHANCE = 1 / 130
"""Chance per night without sleep, with a main sleep in the next afternoon."""
HALF_DAY_CYCLE_CHANCE = 0.3
"""Chance that a period without the strap ends with a twelve-hour cycle without sleep."""
PENDING_SLEEP_SHARE, UNSCORABLE_SLEEP_SHARE = 0.015, 0.007


@dataclass(frozen=True)
class MainSleep:
    start: int
    end: int
    early_end: int | None
    """The first end of the record, if WHOOP created it at an earlier waking."""
    created: int
    completed: int
    """Time of the final end; equal to `created` if the sleep was never extended."""
    shape: SleepShape
    state: Literal["SCORED", "PENDING_SCORE", "UNSCORABLE"]
    scored: int
    """Time of the score of a pending sleep; else equal to `created`."""
    sick: bool


@dataclass(frozen=True)
class Boundary:
    """The start of a cycle."""

    start: int
    created: int
    """Time at which WHOOP creates the cycle and closes the previous one."""
    offset: int
    sleep: MainSleep | None = None
    strap_on: bool = True

    @property
    def awake_from(self) -> int:
        return self.sleep.end if self.sleep else self.start


def sync_lag(rng: random.Random) -> int:
    """Milliseconds from waking to the processed sleep: median 9 min, 95% within 2.2 h, at most 14 h."""
    return int(min(14 * HOUR, max(MINUTE, 9 * MINUTE * math.exp(rng.gauss(0, 1.63)))))


class Nights:
    def __init__(self, seed: int, persona: Persona, itinerary: Itinerary, first: date) -> None:
        self._rng = random.Random(f"{seed}/{persona.place}/nights")
        self._persona = persona
        self._itinerary = itinerary
        self._first = first
        self._off_nights = 0
        self._late_night = False
        self._slept = 0
        self._sick_from = self._rng.randrange(35, 80)
        self._sick_days = self._rng.randrange(5, 9)

    def sick_on(self, instant: int) -> bool:
        """Whether the member is sick: about a week every few months."""
        day = (local_date(self._itinerary.zone_at(instant), instant) - self._first).days
        while day >= self._sick_from + self._sick_days:
            self._sick_from += self._rng.randrange(110, 240)
            self._sick_days = self._rng.randrange(5, 9)
        return day >= self._sick_from

    def after(self, last: Boundary) -> Boundary:
        rng = self._rng
        if self._off_nights:
            self._off_nights -= 1
            if self._off_nights:
                return self._without_sleep(last)
            if rng.random() < HALF_DAY_CYCLE_CHANCE:
                return self._half_day_on(last)
        elif self._slept > 3 and rng.random() < STRAP_OFF_CHANCE:
            self._off_nights = rng.choice((1, 1, 2, 3))
            return self._without_sleep(last)
        elif self._slept > 3 and not self._persona.night_shift and rng.random() < LOST_NIGHT_CHANCE:
            return self._afternoon_sleep(last)
        return self._night(last)

    def _night(self, last: Boundary) -> Boundary:
        rng, persona = self._rng, self._persona
        noise = rng.gauss(0, 32) + (rng.uniform(60, 150) if rng.random() < 0.06 else 0)
        awake = 5 * HOUR if persona.night_shift or self._late_night else 7.5 * HOUR
        start, evening = self._bedtime(last.awake_from + int(awake), noise)
        morning = (evening + timedelta(days=1)).weekday()
        hours = persona.hours_asleep + (0.55 if morning in (5, 6) else -0.22) + rng.gauss(0, 0.88)
        self._late_night = False
        return self._asleep(last, start, hours)

    def _afternoon_sleep(self, last: Boundary) -> Boundary:
        zone = self._itinerary.zone_at(last.awake_from)
        day = local_date(zone, last.awake_from) + timedelta(days=1)
        start = at_local(zone, day, self._rng.uniform(13.4, 14.6) * 60)
        self._late_night = True
        return self._asleep(last, start, self._rng.uniform(4.2, 4.9))

    def _asleep(self, last: Boundary, start: int, hours: float) -> Boundary:
        rng, persona = self._rng, self._persona
        sick = self.sick_on(start)
        shape = sleep_shape(rng, persona, sick=sick)
        hours = min(11.0, max(3.2, hours + (0.7 if sick else 0)))
        end = start + int(hours * HOUR / shape.efficiency) + shape.gap + rng.randrange(SECOND)
        early_end = None
        if rng.random() < EARLY_SLEEP_SHARE:
            early_end = end - int(
                min(3.8 * HOUR, (end - start) * 0.5, 12 * MINUTE + rng.expovariate(1 / HOUR))
            )
        created = (early_end or end) + (rng.randrange(2 * MINUTE, 9 * MINUTE) if early_end else sync_lag(rng))
        created = max(created, last.created + 2 * MINUTE)
        completed = max(created + MINUTE, end + sync_lag(rng)) if early_end else created
        chance, scored = rng.random(), created
        state: Literal["SCORED", "PENDING_SCORE", "UNSCORABLE"] = "SCORED"
        if early_end is None and chance < PENDING_SLEEP_SHARE:
            state = "PENDING_SCORE"
            scored = created + (
                rng.randrange(2, 45) * MINUTE if rng.random() < 0.85 else rng.randrange(1, 4) * DAY
            )
        elif early_end is None and chance < PENDING_SLEEP_SHARE + UNSCORABLE_SLEEP_SHARE:
            state = "UNSCORABLE"
        self._slept += 1
        sleep = MainSleep(start, end, early_end, created, completed, shape, state, scored, sick)
        return Boundary(start, created, self._itinerary.offset_at(start), sleep)

    def _without_sleep(self, last: Boundary) -> Boundary:
        """A boundary without sleep: local midnight, or exactly the usual bedtime."""
        rng = self._rng
        earliest = last.awake_from + 6 * HOUR
        zone = self._itinerary.zone_at(earliest)
        minutes = 24 * 60.0
        odd = 0
        if rng.random() < 0.3 and not self._persona.night_shift:
            minutes, odd = self._persona.bedtime_minutes, 44_960
        day = local_date(zone, earliest) - timedelta(days=1)
        while at_local(zone, day, minutes) + odd < earliest:
            day += timedelta(days=1)
        start = at_local(zone, day, int(minutes)) + odd
        return self._sleepless(last, start, strap_on=False)

    def _half_day_on(self, last: Boundary) -> Boundary:
        """The strap is on again about noon, after a cycle of twelve hours on the same day."""
        start = last.start + self._rng.randrange(10 * HOUR, 11 * HOUR + 40 * MINUTE)
        return self._sleepless(last, start, strap_on=True)

    def _sleepless(self, last: Boundary, start: int, *, strap_on: bool) -> Boundary:
        lag = int(min(14 * HOUR, 1.5 * HOUR * math.exp(self._rng.gauss(0, 0.9))))
        created = max(start + lag, last.created + 2 * MINUTE)
        return Boundary(start, created, self._itinerary.offset_at(start), strap_on=strap_on)

    def _bedtime(self, earliest: int, noise: float) -> tuple[int, date]:
        """The first bedtime at or after `earliest`, and the date of its evening."""
        zone = self._itinerary.zone_at(earliest)
        day = local_date(zone, earliest) - timedelta(days=2)
        while True:
            start = at_local(zone, day, self._bedtime_minutes(day) + noise)
            if start >= earliest:
                # Random milliseconds, as in real data.
                return start + self._rng.randrange(SECOND), day
            day += timedelta(days=1)

    def _bedtime_minutes(self, evening: date) -> float:
        if self._late_night:
            return 24 * 60 + 3.4 * 60
        if self._persona.night_shift and self._works_the_night_of(evening):
            return 24 * 60 + 8.6 * 60
        return self._persona.bedtime_minutes + (50 if evening.weekday() in (4, 5) else 0)

    def _works_the_night_of(self, evening: date) -> bool:
        """Whether the member works that night: four nights of work, four nights off."""
        return (evening - self._first).days % 8 < 4
