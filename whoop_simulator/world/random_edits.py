"""Random edits like those of real members: moved sleeps, deleted workouts, new scores."""

import random
from collections.abc import Callable
from typing import Any

from whoop_simulator.timestamps import HOUR, MINUTE, to_text
from whoop_simulator.world.editing import RecordEditing, Touched
from whoop_simulator.world.records import (
    CYCLES,
    KEY,
    NO_END,
    RECOVERIES,
    SLEEPS,
    STREAMS,
    WORKOUTS,
    StoredRecord,
)

Action = Callable[[RecordEditing, int, random.Random], Touched | None]
"""Makes one edit, or returns None if the drawn record does not allow it."""


def random_edits(world: RecordEditing, user_id: int, count: int, seed: int) -> list[dict[str, Any]]:
    """Make `count` edits. The same world, clock and seed give the same edits.

    Returns:
        [{"action", "touched": [{"stream", "id"}, ...]}, ...] in the order of the edits.
    """
    rng = random.Random(f"{world.seed}/{user_id}/{seed}/random edits")
    done: list[dict[str, Any]] = []
    for _ in range(50 * count):
        if len(done) == count:
            break
        name = rng.choices(list(ACTIONS), [weight for weight, _ in ACTIONS.values()])[0]
        touched = ACTIONS[name][1](world, user_id, rng)
        if touched:
            done.append({"action": name, "touched": touched})
    return done


def move_sleep(world: RecordEditing, user_id: int, rng: random.Random) -> Touched | None:
    sleep = _pick(world, user_id, rng, SLEEPS)
    if sleep is None:
        return None
    start, end = sleep.start + _shift(rng), sleep.end + _shift(rng)
    starts = [cycle.start for cycle in world.member(user_id).records.streams[CYCLES]]
    lower = max((at for at in starts if at < sleep.start), default=0)
    upper = min((at for at in starts if at > sleep.start), default=world.now())
    if not lower + HOUR < start < end - 20 * MINUTE < upper - 50 * MINUTE:
        return None
    return world.edit(user_id, SLEEPS, sleep.key, {"start": to_text(start), "end": to_text(end)})


def move_workout(world: RecordEditing, user_id: int, rng: random.Random) -> Touched | None:
    workout = _pick(world, user_id, rng, WORKOUTS)
    if workout is None:
        return None
    start, end = workout.start + _shift(rng), workout.end + _shift(rng)
    if not start + 5 * MINUTE < end < world.now():
        return None
    return world.edit(user_id, WORKOUTS, workout.key, {"start": to_text(start), "end": to_text(end)})


def rescore(world: RecordEditing, user_id: int, rng: random.Random) -> Touched | None:
    stream = rng.choice(STREAMS)
    entry = _pick(world, user_id, rng, stream)
    return None if entry is None else world.rescore(user_id, stream, entry.key)


def lose_score(world: RecordEditing, user_id: int, rng: random.Random) -> Touched | None:
    stream = rng.choice(STREAMS)
    entry = _pick(world, user_id, rng, stream)
    if entry is None:
        return None
    state = rng.choice(("UNSCORABLE", "PENDING_SCORE"))
    return world.edit(user_id, stream, entry.key, {"score_state": state})


def delete(stream: str) -> Action:
    def delete_one(world: RecordEditing, user_id: int, rng: random.Random) -> Touched | None:
        entry = _pick(world, user_id, rng, stream)
        return None if entry is None else world.delete(user_id, stream, entry.key)

    return delete_one


def add_workout(world: RecordEditing, user_id: int, rng: random.Random) -> Touched | None:
    return _add(
        world, user_id, rng, WORKOUTS, rng.randint(10, 120), {"sport_name": "activity", "sport_id": -1}
    )


def add_nap(world: RecordEditing, user_id: int, rng: random.Random) -> Touched | None:
    return _add(world, user_id, rng, SLEEPS, rng.randint(15, 90), {"nap": True})


ACTIONS: dict[str, tuple[int, Action]] = {
    "move_sleep": (22, move_sleep),
    "rescore": (28, rescore),
    "delete_workout": (10, delete(WORKOUTS)),
    "delete_sleep": (7, delete(SLEEPS)),
    "delete_recovery": (2, delete(RECOVERIES)),
    "add_workout": (11, add_workout),
    "add_nap": (6, add_nap),
    "move_workout": (9, move_workout),
    "lose_score": (5, lose_score),
}
"""Name -> (weight, function)."""


def _add(
    world: RecordEditing, user_id: int, rng: random.Random, stream: str, minutes: int, fields: dict[str, Any]
) -> Touched | None:
    """Add a record at a random time of the waking part of a cycle."""
    cycle = _pick(world, user_id, rng, CYCLES)
    if cycle is None:
        return None
    start = cycle.start + rng.randrange(9 * HOUR, 15 * HOUR)
    end = start + minutes * MINUTE
    if not start < end < min(cycle.end, world.now()):
        return None
    record = world.add(user_id, stream, {"start": to_text(start), "end": to_text(end), **fields})
    return [{"stream": stream, "id": str(record[KEY[stream]])}]


def _pick(world: RecordEditing, user_id: int, rng: random.Random, stream: str) -> StoredRecord | None:
    entries = [entry for entry in world.member(user_id).records.streams[stream] if entry.end != NO_END]
    return rng.choice(entries) if entries else None


def _shift(rng: random.Random) -> int:
    """A random shift in milliseconds: mostly minutes, sometimes hours."""
    minutes = rng.gauss(0, 100) if rng.random() < 0.25 else rng.gauss(0, 14)
    return int(minutes) * MINUTE
