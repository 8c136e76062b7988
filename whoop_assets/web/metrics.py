"""Metrics of the service in Prometheus' text format. No metric names a member."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

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
"""Outcomes of a delivery. The first three got a 2xx after a commit; `not_stored` got a 503."""
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds. WHOOP expects a response within about one."""


class Metrics:
    """Counts of this process, and the gauges of the database that `text` gets."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        deliveries = Counter(
            "whoop_deliveries_total", "Webhook deliveries by outcome.", ["outcome"], registry=self._registry
        )
        self._outcomes = {outcome: deliveries.labels(outcome) for outcome in OUTCOMES}
        self._seconds = Histogram(
            "whoop_delivery_seconds",
            "Time from a delivery's headers to its response.",
            registry=self._registry,
            buckets=_BUCKETS,
        )
        self._up = Gauge("whoop_database_up", "Whether the database answers.", registry=self._registry)

    def count_delivery(self, outcome: str, seconds: float) -> None:
        """Count a delivery with one of OUTCOMES, and the seconds from its headers to its response."""
        self._outcomes[outcome].inc()
        self._seconds.observe(seconds)

    def text(self, database: dict[str, tuple[str, float]] | None) -> bytes:
        """Return all metrics. `database`: gauge -> (meaning, value); None if the database does not answer."""
        self._up.set(0 if database is None else 1)
        registry = CollectorRegistry()
        for name, (meaning, value) in (database or {}).items():
            Gauge(name, meaning, registry=registry).set(value)
        return generate_latest(self._registry) + generate_latest(registry)
