"""Limits how much time faults of WHOOP may cost one endpoint and one run.

`transport` limits it for one request.

Failed attempts and the waits after them add up. A good response subtracts `SECONDS_PER_RESPONSE`, so a long
run survives transient faults, and an outage ends it. All members and streams of a run share the limits: one
member's requests detect the outage for all.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from whoop_assets.clock import Clock
from whoop_assets.whoop_api.errors import Unavailable

MAX_ENDPOINT_SECONDS = 120.0
"""After that the run sends nothing more to the endpoint. Greater than one request's limit, so one bad record
is no outage."""
MAX_RUN_SECONDS = 180.0
"""After that the run sends nothing more. Greater than one endpoint's limit, so one bad stream does not stop
the others."""
SECONDS_PER_RESPONSE = 10.0
"""Subtracted for a good response."""
RESET_AFTER = timedelta(minutes=10)
"""Without a new fault for so long the count starts again: a process can outlive an outage."""


@dataclass(slots=True)
class _LostTime:
    max_seconds: float
    seconds: float = 0.0
    changed_at: datetime | None = None

    def left(self, now: datetime) -> float:
        if self.changed_at is not None and now - self.changed_at > RESET_AFTER:
            self.seconds = 0.0
        return self.max_seconds - self.seconds


class FaultTime:
    """The time that faults have cost one run or command."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._run = _LostTime(MAX_RUN_SECONDS)
        self._endpoints: dict[str, _LostTime] = {}

    def require(self, method: str, path: str) -> None:
        """Raise Unavailable if no time is left for this endpoint or for the run."""
        now = self._clock.now()
        for lost, what in zip(self._of(path), ("this run", "this endpoint"), strict=True):
            if lost.left(now) <= 0.0:
                raise Unavailable(
                    f"{method} {path} was not sent, because WHOOP kept failing and retries for {what} have"
                    f" taken {lost.max_seconds:.0f} s: try again later.",
                    path=path,
                )

    def left(self, path: str) -> float:
        """Return the seconds that faults of this endpoint may still cost."""
        now = self._clock.now()
        return min(lost.left(now) for lost in self._of(path))

    def add(self, path: str, seconds: float) -> None:
        """Add the seconds that a fault of this endpoint has cost. A negative number counts as 0.

        It is negative if the clock was set back meanwhile.
        """
        now = self._clock.now()
        for lost in self._of(path):
            lost.left(now)  # forgets an old outage
            lost.seconds += max(0.0, seconds)
            lost.changed_at = now

    def record_response(self, path: str) -> None:
        """Record a good response of this endpoint, or a definite error."""
        for lost in self._of(path):
            lost.seconds = max(0.0, lost.seconds - SECONDS_PER_RESPONSE)

    def _of(self, path: str) -> tuple[_LostTime, _LostTime]:
        return self._run, self._endpoints.setdefault(endpoint(path), _LostTime(MAX_ENDPOINT_SECONDS))


def endpoint(path: str) -> str:
    """Return the path with `{id}` in place of ids.

    `/v2/cycle/93845/recovery` becomes `/v2/cycle/{id}/recovery`.

    So a record that always fails counts apart from its collection.
    """
    version, *parts = path.strip("/").split("/")
    return "/".join(["", version, *(part if part.replace("_", "").isalpha() else "{id}" for part in parts)])
