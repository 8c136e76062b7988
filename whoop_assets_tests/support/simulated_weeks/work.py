"""The work of runs and ticks, and the slots of the processes in the shared memory."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from whoop_assets.planner.current_plan import Group, planner_settings_at
from whoop_assets.settings import Settings
from whoop_assets.sync.events.load_events import (
    PartitionBounds,
)
from whoop_assets_tests.support.simulated_weeks.shared_clock import (
    EPOCH,
    MICROSECOND,
)

SIMULATOR, RECEIVER, DAEMON, DRIVER, FIRST_RUN = 1, 2, 3, 4, 5
"""Slots in the shared memory."""
BUILDS = {
    "events": ("summary", "trends"),
    "reading": ("summary", "trends"),
    "summary": ("summary", "trends"),
    "trends": ("trends",),
    "weeks": ("weeks",),
}
"""Kind of run -> kinds of summaries that it builds."""


@dataclass(frozen=True)
class Work:
    """The work of a run: events of a day, a group of fetch tasks, stale entries of a ledger, or tokens."""

    kind: str
    reason: str
    lane: str
    first: date = date.min
    last: date = date.max
    streams: tuple[str, ...] = ()
    group: Group | None = None
    run_key: str = ""
    """The run key. Dagster never starts a second run with the same key."""

    def builds(self, kind: str, day: date) -> bool:
        """Whether the run builds this summary. A run of events builds all days that it changes."""
        return kind in BUILDS.get(self.kind, ()) and (self.kind == "events" or self.first <= day <= self.last)

    def includes(self, task: Any) -> bool:
        """Whether the run includes the fetch task, by the rule of the `due_readings` sensor."""
        group = self.group
        return (
            group is not None
            and task.user_id in group.members
            and set(task.streams) <= set(self.streams)
            and self.first <= task.first
            and task.last <= self.last
        )


@dataclass(frozen=True)
class TickInput:
    """Input of a tick: active runs, and killed runs with a noticed end."""

    in_flight: dict[str, Work]
    ended: tuple[str, ...]
    run_keys: frozenset[str]
    """Run keys of all event runs so far."""


@dataclass(frozen=True)
class TickResult:
    """Result of a tick: runs to start, and the time of the next tick."""

    works: list[Work]
    next_at: datetime
    to_reconnect: list[int]
    problem: str = ""


@dataclass
class RunOutcome:
    """The result of a run that was not killed."""

    failures: list[str] = field(default_factory=list)
    problem: str = ""


def partition_bounds(settings: Settings, now: datetime) -> PartitionBounds:
    return PartitionBounds(settings.start_date, planner_settings_at(settings, now).last_day)


def moment_of(micro: int) -> datetime:
    return EPOCH + micro * MICROSECOND
