"""Checks of the values in requests to the control API."""

import math
from collections.abc import Mapping
from typing import Any

from whoop_simulator.errors import SimulatorError

MAX_INTEGER = 1_000_000_000


def needed(order: Mapping[str, Any], name: str) -> Any:
    """Return the value of that name, else raise SimulatorError."""
    if name not in order:
        raise SimulatorError(f"the order lacks {name}")
    return order[name]


def whole(name: str, value: Any, minimum: int, maximum: int = MAX_INTEGER) -> int:
    """Return the value if it is an integer in the range, else raise SimulatorError."""
    if type(value) is not int or not minimum <= value <= maximum:
        raise SimulatorError(f"{name} must be an integer from {minimum} to {maximum}, not {value!r}")
    return value


def number(name: str, value: Any, minimum: float, maximum: float) -> float:
    """Return the value if it is a finite number in the range, else raise SimulatorError."""
    if type(value) not in (int, float) or not math.isfinite(value) or not minimum <= value <= maximum:
        raise SimulatorError(f"{name} must be a number from {minimum:g} to {maximum:g}, not {value!r}")
    return float(value)


def flag(name: str, value: Any) -> bool:
    """Return the value if it is a boolean, else raise SimulatorError."""
    if not isinstance(value, bool):
        raise SimulatorError(f"{name} must be true or false, not {value!r}")
    return value
