"""Bounds the time that faults of WHOOP cost one endpoint and one run; `sending` bounds it for one request.

An account adds the seconds of failed attempts and of the waits after them. A good response gives `SECONDS_PER_RESPONSE` back,
so a long run survives faults that pass, and an outage ends it. The accounts of one run are shared by all its members and
streams: what one member's requests have found out, the next member's do not find out again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from whoop_assets.clock import Clock
from whoop_assets.whoop_api.errors import Unavailable

MAX_ENDPOINT_SECONDS = 120.0
"""Then the run sends no more requests to this endpoint. More than one request's share: one bad record closes nothing."""
MAX_RUN_SECONDS = 180.0
"""Then the run sends no more requests at all. More than one endpoint's share: one bad stream does not stop the others."""
SECONDS_PER_RESPONSE = 10.0
"""What a good response gives back: faults may cost a run so much time per good response on average."""
RESET_AFTER = timedelta(minutes=10)
"""An account without a new fault for so long begins anew: a process may live longer than an outage."""


@dataclass(slots=True)
class _Account:
    limit: float
    lost: float = 0.0
    changed_at: datetime | None = None

    def left(self, now: datetime) -> float:
        """Seconds that faults may still cost."""
        if self.changed_at is not None and now - self.changed_at > RESET_AFTER:
            self.lost = 0.0
        return self.limit - self.lost

    def add(self, seconds: float, now: datetime) -> None:
        self.left(now)
        self.lost += seconds
        self.changed_at = now

    def give_back(self) -> None:
        self.lost = max(0.0, self.lost - SECONDS_PER_RESPONSE)


class FaultTime:
    """The accounts of one run, or of one command."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._run = _Account(MAX_RUN_SECONDS)
        self._endpoints: dict[str, _Account] = {}

    def require(self, method: str, path: str) -> None:
        """Raise Unavailable if faults of this endpoint, or of WHOOP as a whole, have used up the run's time."""
        now = self._clock.now()
        for account, what in ((self._run, "this run"), (self._account(path), "this endpoint")):
            if account.left(now) <= 0.0:
                raise Unavailable(
                    f"{method} {path} was not sent, because WHOOP kept failing and retries for {what} have taken"
                    f" {account.limit:.0f} s: try again later.",
                    path=path,
                )

    def left(self, path: str) -> float:
        """Seconds that faults of this endpoint may still cost."""
        now = self._clock.now()
        return min(self._run.left(now), self._account(path).left(now))

    def add(self, path: str, seconds: float) -> None:
        """A fault of this endpoint has cost so many seconds."""
        now = self._clock.now()
        for account in (self._run, self._account(path)):
            account.add(seconds, now)

    def answered(self, path: str) -> None:
        """WHOOP has given a good response at this endpoint, or a definite refusal."""
        for account in (self._run, self._account(path)):
            account.give_back()

    def _account(self, path: str) -> _Account:
        return self._endpoints.setdefault(endpoint(path), _Account(MAX_ENDPOINT_SECONDS))


def endpoint(path: str) -> str:
    """The path with `{id}` for an id: `/v2/cycle/93845/recovery` is `/v2/cycle/{id}/recovery`.

    A record that always fails must not close the collection, so the two are different endpoints.
    """
    version, *parts = path.strip("/").split("/")
    return "/".join(["", version, *(part if part.replace("_", "").isalpha() else "{id}" for part in parts)])
