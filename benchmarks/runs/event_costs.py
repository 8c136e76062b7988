"""Parts of the time of a Dagster run: measures how long the storage of events takes, by event type."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import dagster as dg


PLANNED, MATERIALIZED = "ASSET_MATERIALIZATION_PLANNED", "ASSET_MATERIALIZATION"


@dataclass
class EventCosts:
    """Seconds and counts of stored events by type, seconds of the run's creation, and total seconds."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    events: Counter[str] = field(default_factory=Counter)
    creation: float = 0.0
    total: float = 0.0

    def store(self, write: Callable[[Any], None], event: Any) -> None:
        """Store an event, and measure the time."""
        self.store_batch(lambda events: write(*events), [event])

    def store_batch(self, write: Callable[[Any], None], events: Any) -> None:
        """Store events, and measure the time. The time of a batch counts for the type of its first event."""
        kinds = [
            event.dagster_event.event_type_value if event.is_dagster_event else "LOG" for event in events
        ]
        began = time.perf_counter()
        write(events)
        self.seconds[kinds[0]] += time.perf_counter() - began
        self.events.update(kinds)

    def create(self, make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Create the run, and measure the time without its events."""
        began, stored = time.perf_counter(), sum(self.seconds.values())
        run = make(*args, **kwargs)
        self.creation += time.perf_counter() - began - (sum(self.seconds.values()) - stored)
        return run

    def lines(self, partitions: int) -> list[str]:
        """Each part as a share of the total, and per materialized partition."""
        others = {kind: number for kind, number in self.events.items() if kind not in (PLANNED, MATERIALIZED)}
        parts = (
            (f"storing {self.events[PLANNED]} planned events", self.seconds[PLANNED]),
            (f"storing {self.events[MATERIALIZED]} materialization events", self.seconds[MATERIALIZED]),
            (f"storing {sum(others.values())} other events", sum(self.seconds[kind] for kind in others)),
            ("creating the run, its events not counted", self.creation),
            (
                "the rest: making events, resolving, the assets",
                self.total - self.creation - sum(self.seconds.values()),
            ),
        )
        return [
            f"  {seconds:7.2f} s {seconds / self.total:5.0%} {seconds / partitions * 1000:8.3f} ms per"
            f" partition  {name}"
            for name, seconds in (*parts, ("in all", self.total))
        ]


@contextmanager
def watched(instance: "dg.DagsterInstance") -> Iterator[EventCosts]:
    """Measure what the instance stores during the block. The wrapper costs about a microsecond per event."""
    costs = EventCosts()
    storage: Any = instance.event_log_storage
    whole: Any = instance
    storage.store_event = partial(costs.store, storage.store_event)
    storage.store_event_batch = partial(costs.store_batch, storage.store_event_batch)
    whole.create_run_for_job = partial(costs.create, whole.create_run_for_job)
    began = time.perf_counter()
    try:
        yield costs
    finally:
        costs.total = time.perf_counter() - began
        del storage.store_event, storage.store_event_batch, whole.create_run_for_job
