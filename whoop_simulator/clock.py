"""The simulator's clock: real time plus an offset, or a frozen instant. Tests move it. It never sleeps."""

import time
from typing import Any

from whoop_simulator.errors import SimulatorError
from whoop_simulator.timestamps import LATEST, from_datetime


class SimulatorClock:
    def __init__(self, now: int | None = None, *, frozen: bool = False) -> None:
        self._offset = 0
        self._frozen_at: int | None = None
        # Freeze first: a millisecond can pass between setting a running clock and freezing it.
        if frozen:
            self.freeze()
        if now is not None:
            self.set(now)

    def now(self) -> int:
        """Milliseconds since 1970."""
        return self._frozen_at if self._frozen_at is not None else _real() + self._offset

    @property
    def frozen(self) -> bool:
        return self._frozen_at is not None

    def set(self, instant: int) -> None:
        """Move the clock to an instant (milliseconds since 1970). A running clock continues from there."""
        checked_instant(instant)
        if self._frozen_at is not None:
            self._frozen_at = instant
        self._offset = instant - _real()

    def advance(self, milliseconds: int) -> None:
        self.set(self.now() + milliseconds)

    def freeze(self) -> None:
        self._frozen_at = self.now()

    def run(self) -> None:
        """Continue from the instant at which the clock was frozen."""
        if self._frozen_at is not None:
            self._offset = self._frozen_at - _real()
            self._frozen_at = None

    def to_json(self) -> dict[str, Any]:
        return {"offset_milli": self._offset, "frozen_at_milli": self._frozen_at}

    def restore(self, saved: dict[str, Any]) -> None:
        offset, frozen_at = int(saved["offset_milli"]), saved["frozen_at_milli"]
        checked_instant(_real() + offset if frozen_at is None else int(frozen_at))
        self._offset, self._frozen_at = offset, frozen_at


def checked_instant(instant: int) -> int:
    """Return the instant if the clock supports it, else raise SimulatorError."""
    if not 0 <= instant <= from_datetime(LATEST):
        raise SimulatorError(
            f"the clock can stand between 1970-01-01 and {LATEST:%Y-%m-%d}, no earlier or later"
        )
    return instant


def _real() -> int:
    return time.time_ns() // 1_000_000
