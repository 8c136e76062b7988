"""Figures of the service in Prometheus' text format, version 0.0.4. No figure names a member.

The format is a line per figure; a library for it would be one more dependency.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

OUTCOMES = (
    "open",
    "parked",
    "duplicate",
    "unsigned",
    "stale",
    "malformed",
    "too_large",
    "too_slow",
    "broken_off",
    "not_stored",
)
"""What became of a delivery. The first three were answered 2xx, after a commit; `not_stored` is answered 503."""
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds. WHOOP wants an answer within about one."""


@dataclass
class Deliveries:
    """Counts of this process since it began; changed in the event loop alone."""

    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    _buckets: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS) + 1))
    _seconds: float = 0.0

    def count(self, outcome: str, seconds: float) -> None:
        """One delivery, and how long it took from its first byte to its answer."""
        self.outcomes[outcome] += 1
        self._buckets[bisect_left(_BOUNDS, seconds)] += 1
        self._seconds += seconds

    def lines(self) -> Iterator[str]:
        """The counts as Prometheus reads them."""
        yield "# HELP whoop_deliveries_total Webhook deliveries by what became of them."
        yield "# TYPE whoop_deliveries_total counter"
        for outcome, count in self.outcomes.items():
            yield f'whoop_deliveries_total{{outcome="{outcome}"}} {count}'
        yield "# HELP whoop_delivery_seconds Time from a delivery's headers to its answer."
        yield "# TYPE whoop_delivery_seconds histogram"
        total = 0
        for bound, count in zip((*map(str, _BOUNDS), "+Inf"), self._buckets, strict=True):
            total += count
            yield f'whoop_delivery_seconds_bucket{{le="{bound}"}} {total}'
        yield f"whoop_delivery_seconds_sum {self._seconds:.6f}"
        yield f"whoop_delivery_seconds_count {total}"


def gauge(name: str, meaning: str, value: float) -> Iterator[str]:
    """A figure that goes up and down."""
    yield f"# HELP {name} {meaning}"
    yield f"# TYPE {name} gauge"
    yield f"{name} {value:g}"
