"""Generates the waking days of a member's history: naps, workouts, and the resulting strain."""

import math
from collections.abc import Sequence

from whoop_simulator.physiology.nights import Boundary
from whoop_simulator.physiology.operation_log import OperationLog
from whoop_simulator.physiology.scores import Score, load_of_strain, workout_score
from whoop_simulator.physiology.sleep_history import SleepHistory
from whoop_simulator.physiology.sports import SAUNA, Sport
from whoop_simulator.timestamps import DAY, HOUR, MINUTE, SECOND, local_date, to_text
from whoop_simulator.world.records import WORKOUTS, Record

MAX_WORKOUTS_PER_CYCLE = 3
"""Including saunas."""
SAUNA_AFTERWARDS = 0.08
STRAP_OFF_LOAD = 0.05
UNSCORABLE, PENDING, RESTATED = 0.006, 0.01, 0.02
"""Shares of the workouts. A restatement follows up to 143 h later."""


class DayHistory:
    def __init__(self, log: OperationLog, sleeps: SleepHistory) -> None:
        self._log = log
        self._persona = log.persona
        self._rng = log.rng
        self._sleeps = sleeps

    def write_day(self, cycle_id: int, begin: Boundary, after: Boundary, strain: float) -> float:
        """Generate the naps and workouts of a cycle.

        Args:
            strain: Strain of the previous cycle.

        Returns:
            The load of the day.
        """
        rng = self._rng
        from_, to = begin.awake_from + 30 * MINUTE, after.start - 40 * MINUTE
        sick = begin.sleep is not None and begin.sleep.sick
        load = 0.32 * math.exp(rng.gauss(0, 0.35)) * max(0.2, (after.start - begin.start) / DAY)
        nap_chance, count = rng.random(), self._workout_count(begin)
        if not begin.strap_on:
            return STRAP_OFF_LOAD
        busy: list[tuple[int, int]] = []
        if nap_chance < self._persona.nap_probability * (
            1.8 if self._sleeps.last_asleep < 6.2 * HOUR else 0.8
        ):
            nap = self._nap_time(begin.awake_from, to)
            if nap is not None:
                busy.append(nap)
                self._sleeps.write_nap(cycle_id, begin.created, *nap, strain)
        written = 0
        for _ in range(0 if sick else count):
            sport = self._sport()
            span = int(rng.uniform(*sport.minutes) * MINUTE) + rng.randrange(SECOND)
            start = self._free_time(busy, from_, to, span)
            if start is None or written == MAX_WORKOUTS_PER_CYCLE:
                continue
            busy.append((start, start + span))
            written += 1
            effort = min(19.5, max(1.5, rng.gauss(sport.strain, 2.2)))
            load += 0.8 * load_of_strain(effort)
            self._write_workout(sport, start, span, workout_score(rng, self._persona, sport, span, effort))
            rest = start + span + rng.randrange(4, 12) * MINUTE
            length = int(rng.uniform(*SAUNA.minutes) * MINUTE)
            free = rest + length < to and all(not start < begun < rest + HOUR for begun, _ in busy)
            if rng.random() < SAUNA_AFTERWARDS and written < MAX_WORKOUTS_PER_CYCLE and free:
                busy.append((rest, rest + length))
                written += 1
                self._write_workout(SAUNA, rest, length, None)
        return load

    def _workout_count(self, begin: Boundary) -> int:
        rng = self._rng
        zone = self._log.itinerary.zone_at(begin.awake_from)
        weekend = local_date(zone, begin.awake_from).weekday() in (5, 6)
        mean = self._persona.workouts_a_day * (1.25 if weekend else 0.92)
        count, left = 0, math.exp(-mean)
        chance = rng.random()
        total = left
        while chance > total and count < MAX_WORKOUTS_PER_CYCLE:
            count += 1
            left *= mean / count
            total += left
        return count

    def _sport(self) -> Sport:
        sports, weights = zip(*self._persona.routine, strict=True)
        sport: Sport = self._rng.choices(sports, weights)[0]
        return sport

    def _nap_time(self, awake_from: int, to: int) -> tuple[int, int] | None:
        rng = self._rng
        length = int(min(150, max(18, rng.gauss(52, 28))) * MINUTE) + rng.randrange(SECOND)
        start = awake_from + int(rng.uniform(5.0, 9.0) * HOUR)
        return (start, start + length) if start + length + 3 * HOUR < to else None

    def _free_time(self, busy: Sequence[tuple[int, int]], from_: int, to: int, span: int) -> int | None:
        rng = self._rng
        for _ in range(6):
            hours = rng.choice((rng.uniform(0.2, 2.0), rng.uniform(4.5, 6.5), rng.uniform(8.5, 12.5)))
            start = from_ + int(hours * HOUR)
            if start + span > to:
                continue
            if all(start > end + 15 * MINUTE or start + span + 15 * MINUTE < begun for begun, end in busy):
                return start
        return None

    def _write_workout(self, sport: Sport, start: int, span: int, score: Score | None) -> None:
        rng, end = self._rng, start + span
        made = end + int(min(20 * HOUR, 6 * MINUTE * math.exp(rng.gauss(0, 1.1))))
        key = self._log.new_uuid(start)
        chance = rng.random()
        record: Record = {
            "id": key,
            "v1_id": None,
            "user_id": self._persona.user_id,
            "created_at": to_text(made),
            "updated_at": to_text(made),
            "start": to_text(start),
            "end": to_text(end),
            "timezone_offset": self._log.offset_text(start),
            "sport_name": sport.sport_name,
            "score_state": "SCORED",
            "sport_id": sport.sport_id,
        }
        # Recovery activities (score None) have no score in real data either.
        if score is None or chance < UNSCORABLE:
            self._log.write(made, "create", WORKOUTS, key, record | {"score_state": "UNSCORABLE"})
        elif chance < UNSCORABLE + PENDING:
            at = made + rng.randrange(1, 40) * MINUTE
            self._log.write(made, "create", WORKOUTS, key, record | {"score_state": "PENDING_SCORE"})
            scored = {"score_state": "SCORED", "updated_at": to_text(at), "score": score}
            self._log.write(at, "change", WORKOUTS, key, scored)
        elif chance < UNSCORABLE + PENDING + RESTATED:
            at = made + rng.randrange(HOUR, 143 * HOUR)
            before = score | {"strain": round(score["strain"] * rng.uniform(0.9, 0.99), 7)}
            self._log.write_scored(made, WORKOUTS, record, before)
            self._log.write(at, "change", WORKOUTS, key, {"updated_at": to_text(at), "score": score})
        else:
            self._log.write_scored(made, WORKOUTS, record, score)
