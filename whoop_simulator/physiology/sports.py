"""Sports of the members: WHOOP's `sport_id` and slug (pairs from real data), with typical effort."""

from typing import NamedTuple


class Sport(NamedTuple):
    sport_id: int
    sport_name: str
    strain: float
    """Typical workout strain, 0..21."""
    minutes: tuple[int, int]
    metres_per_minute: float
    """0 for sports without distance."""
    climbs: bool = False


RUNNING = Sport(0, "running", 11.5, (25, 75), 165.0, True)
CYCLING = Sport(1, "cycling", 11.0, (40, 130), 400.0, True)
SWIMMING = Sport(33, "swimming", 9.0, (25, 60), 38.0)
DANCE = Sport(42, "dance", 8.0, (40, 80), 0.0)
PILATES = Sport(43, "pilates", 5.0, (40, 60), 0.0)
YOGA = Sport(44, "yoga", 4.0, (30, 75), 0.0)
WEIGHTLIFTING = Sport(45, "weightlifting", 8.0, (35, 80), 0.0)
HIKING = Sport(52, "hiking-rucking", 10.5, (70, 200), 70.0, True)
WALKING = Sport(63, "walking", 5.0, (20, 70), 88.0, True)
ELLIPTICAL = Sport(65, "elliptical", 8.0, (20, 50), 0.0)
STAIRMASTER = Sport(66, "stairmaster", 9.0, (15, 40), 0.0)
JUMPING_ROPE = Sport(84, "jumping-rope", 9.0, (10, 30), 0.0)
STRENGTH_TRAINER = Sport(123, "weightlifting_msk", 9.0, (40, 80), 0.0)
BADMINTON = Sport(231, "badminton", 10.0, (45, 100), 0.0)
ACTIVITY = Sport(-1, "activity", 6.0, (15, 60), 0.0)

SAUNA = Sport(233, "sauna", 0.0, (10, 22), 0.0)
"""A recovery activity: WHOOP lists it among the workouts and never scores it."""

ROUTINES: tuple[tuple[tuple[Sport, float], ...], ...] = (
    ((RUNNING, 5), (STRENGTH_TRAINER, 3), (WALKING, 3), (CYCLING, 1), (SWIMMING, 1), (ACTIVITY, 1)),
    ((CYCLING, 4), (WEIGHTLIFTING, 2), (WALKING, 3), (YOGA, 2), (HIKING, 1), (ACTIVITY, 1)),
    ((WALKING, 5), (PILATES, 3), (DANCE, 2), (ELLIPTICAL, 1), (ACTIVITY, 2)),
    ((WEIGHTLIFTING, 5), (STAIRMASTER, 3), (JUMPING_ROPE, 2), (WALKING, 3), (BADMINTON, 2)),
)
"""Mixtures of sports, as (sport, weight); members get them in turn."""
