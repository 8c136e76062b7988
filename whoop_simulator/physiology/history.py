"""Generates a member's history from the start date as a list of operations.

No code here reads a clock: the same seed and start date give the same operations, in any number of steps.
This module creates the cycles; `sleep_history` and `day_history` fill them.
"""

import math
from datetime import date
from zoneinfo import ZoneInfo

from whoop_simulator.physiology.day_history import DayHistory
from whoop_simulator.physiology.nights import Boundary, Nights
from whoop_simulator.physiology.operation_log import OperationLog
from whoop_simulator.physiology.personas import Persona
from whoop_simulator.physiology.scores import ZERO_CYCLE_SCORE, OpenCycle, cycle_score
from whoop_simulator.physiology.sleep_history import SleepHistory
from whoop_simulator.physiology.travel import Itinerary
from whoop_simulator.timestamps import DAY, HOUR, MINUTE, at_local, offset_text, to_text
from whoop_simulator.world.operations import Operation
from whoop_simulator.world.records import CYCLES, Record

FIRST_CYCLE_ID = 1_090_000_000
CYCLE_ID_STEP = 1_000_000
"""Ids grow by about this step per cycle, as on a platform with many members, and exceed 32 bits after some
years.
"""
STRAP_OFF_STRAIN = 4.0
"""Strain that the night after a day without the strap assumes."""


class History:
    floating_offsets = True

    def __init__(self, seed: int, persona: Persona, start: date) -> None:
        # The first cycle begins at 00:00 UTC.
        begin = at_local(ZoneInfo("UTC"), start, 0)
        itinerary = Itinerary(seed, persona.place, persona.home, begin)
        self.persona = persona
        self._log = OperationLog(seed, persona, itinerary)
        self._rng = self._log.rng
        self._nights = Nights(seed, persona, itinerary, start)
        self._sleeps = SleepHistory(self._log)
        self._days = DayHistory(self._log, self._sleeps)
        self._written_to = 0
        self._cycles = 0
        self._strain = 10.0
        self._previous_id: int | None = None
        self._previous_final: Record = {}
        if persona.early_zero_cycle:
            self._write_zero_cycle(begin)
        self._boundary = Boundary(begin, begin + self._rng.randrange(14 * HOUR, 16 * HOUR), 0)

    @property
    def v1_ids(self) -> dict[int, str]:
        return self._log.v1_ids

    def profile(self, now: int) -> Record:
        persona = self.persona
        return {
            "user_id": persona.user_id,
            "email": persona.email,
            "first_name": persona.first_name,
            "last_name": persona.last_name,
        }

    def body_measurement(self, now: int) -> Record:
        persona, week = self.persona, now // (7 * DAY)
        change = 1.4 * math.sin(week / 5.3) + 0.3 * math.sin(week)
        return {
            "height_meter": persona.height_meter,
            "weight_kilogram": round(persona.weight_kilogram + change, 4),
            "max_heart_rate": persona.max_heart_rate,
        }

    def operations_to(self, instant: int) -> list[Operation]:
        """All operations up to the instant, and some later ones.

        The list is not sorted and grows only at its end.
        """
        while self._written_to <= instant:
            self._write_cycle()
        return self._log.operations

    def offset_text(self, now: int) -> str:
        """The member's offset at `now`, which WHOOP shows on all sleeps and workouts."""
        return self._log.offset_text(now)

    def _write_cycle(self) -> None:
        begin = self._boundary
        after = self._nights.after(begin)
        cycle_id = self._next_cycle_id()
        self._sleeps.begin_cycle()
        if begin.sleep is not None:
            self._sleeps.write_night(cycle_id, begin.sleep, self._strain)
        load = self._days.write_day(cycle_id, begin, after, self._strain)
        self._write_cycle_record(cycle_id, begin, after, load)
        self._boundary = after
        # No operation of the next cycle is visible before its start.
        self._written_to = after.start

    def _write_cycle_record(self, cycle_id: int, begin: Boundary, after: Boundary, load: float) -> None:
        rng, span = self._rng, after.start - begin.start
        state, score = "SCORED", cycle_score(rng, self.persona, span, load)
        chance, steps = rng.random(), rng.gauss(1, 0.3)
        if not begin.strap_on:
            if chance < 0.5:
                score = dict(ZERO_CYCLE_SCORE)
            elif chance < 0.75:
                state = "UNSCORABLE"
        step_count = None
        if begin.strap_on and self.persona.counts_steps:
            step_count = max(
                300, int(self.persona.steps_a_day * max(0.2, steps) * span / DAY * (0.6 + 0.4 * load))
            )
        self._strain = score["strain"] if begin.strap_on else STRAP_OFF_STRAIN
        record: Record = {
            "id": cycle_id,
            "user_id": self.persona.user_id,
            "created_at": to_text(begin.created),
            "updated_at": to_text(begin.created),
            "start": to_text(begin.start),
            "end": None,
            "timezone_offset": offset_text(begin.offset),
            "score_state": state,
            "step_count": None,
        }
        growing = OpenCycle(begin.start, span, score, step_count) if state == "SCORED" else None
        pending = rng.random() < 0.02 and growing is not None
        if pending:
            record["score_state"] = "PENDING_SCORE"
        self._close_previous(begin)
        self._log.write(begin.created, "create", CYCLES, cycle_id, record, None if pending else growing)
        if pending:
            scored = min(begin.created + rng.randrange(5, 60) * MINUTE, after.created - 1)
            self._log.write(scored, "open", CYCLES, cycle_id, {}, growing)
        self._previous_id = cycle_id
        self._previous_final = {"score_state": state, "step_count": step_count}
        if state == "SCORED":
            self._previous_final["score"] = score

    def _close_previous(self, begin: Boundary) -> None:
        """Close the previous cycle when the next one is created, with an end in the past.

        A quarter is restated later.
        """
        if self._previous_id is None:
            return
        rng = self._rng
        final, at, end = self._previous_final, begin.created, to_text(begin.start)
        lasting = {"end": end, "updated_at": to_text(at), **final}
        chance, restated = rng.random(), at
        if chance < 0.25:
            restated += int(HOUR * math.exp(rng.gauss(0, 1.2)))
        elif chance < 0.29:
            restated += rng.randrange(12 * HOUR, 200 * HOUR)
        if restated > at and "score" in final:
            first = dict(final["score"])
            first["strain"] = round(first["strain"] * rng.uniform(0.96, 1.0), 7)
            first["kilojoule"] = round(first["kilojoule"] * rng.uniform(0.97, 1.0), 3)
            lasting["score"] = first
            self._log.write(
                restated, "change", CYCLES, self._previous_id, {"updated_at": to_text(restated), **final}
            )
        self._log.write(at, "change", CYCLES, self._previous_id, lasting)

    def _write_zero_cycle(self, begin: int) -> None:
        """Create a stray cycle of zeros six days before the first real cycle."""
        cycle_id = self._next_cycle_id()
        at = begin + self._rng.randrange(15 * HOUR, 20 * HOUR)
        record = {
            "id": cycle_id,
            "user_id": self.persona.user_id,
            "created_at": to_text(at),
            "updated_at": to_text(at),
            "start": to_text(begin - 6 * DAY),
            "end": to_text(begin - 5 * DAY),
            "timezone_offset": self._log.offset_text(begin - 6 * DAY),
            "score_state": "SCORED",
            "score": dict(ZERO_CYCLE_SCORE),
            "step_count": None,
        }
        self._log.write(at, "create", CYCLES, cycle_id, record)

    def _next_cycle_id(self) -> int:
        self._cycles += 1
        step = self._rng.randrange(1000) * 1000 + self.persona.place
        return FIRST_CYCLE_ID + self._cycles * CYCLE_ID_STEP + step
