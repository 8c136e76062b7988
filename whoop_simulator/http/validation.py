"""What an order's values must be before anything is done with them."""

import math
from typing import Any

from whoop_simulator.errors import SimulatorError

MOST = 1_000_000_000


def whole(name: str, value: Any, least: int, most: int = MOST) -> int:
    """An integer from `least` to `most`; SimulatorError for anything else."""
    if type(value) is not int or not least <= value <= most:
        raise SimulatorError(f"{name} must be an integer from {least} to {most}, not {value!r}")
    return value


def number(name: str, value: Any, least: float, most: float) -> float:
    """A finite number from `least` to `most`; SimulatorError for anything else."""
    if type(value) not in (int, float) or not math.isfinite(value) or not least <= value <= most:
        raise SimulatorError(f"{name} must be a number from {least:g} to {most:g}, not {value!r}")
    return float(value)


def flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise SimulatorError(f"{name} must be true or false, not {value!r}")
    return value
