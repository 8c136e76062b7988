"""The parameters of a simulated period, and its counts."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

KINDS = ("receiver", "daemon", "run")


@dataclass(frozen=True)
class Scenario:
    """Parameters of a simulated period."""

    members: int
    history: timedelta
    life: timedelta
    prelude: timedelta
    """Time before `start` with connected members and the receiver, but without the daemon: webhooks prove
    themselves and pile up.
    """
    settling: timedelta
    settled_within: timedelta
    kills: int
    edits_a_day: float
    start: datetime
    dagster: bool = False
    """Whether the simulation evaluates the real sensors and executes real Dagster runs."""
    seed: int = 20261121


@dataclass
class Counts:
    """Counts of a simulated period."""

    deliveries: Counter[str] = field(default_factory=Counter)
    announced: set[str] = field(default_factory=set)
    delivered: dict[str, datetime] = field(default_factory=dict)
    hits: dict[str, Counter[str]] = field(default_factory=lambda: {kind: Counter() for kind in KINDS})
    runs: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    exchanges: int = 0
    ticks: int = 0
    leaps: int = 0
    reconnected: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        return sum(sum(hits.values()) for hits in self.hits.values())

    def __str__(self) -> str:
        return (
            f"{sum(self.runs.values())} runs, {self.ticks} ticks, {len(self.delivered)} events,"
            f" {self.kills} kills,"
            f" {len(self.problems)} problems"
        )

    def lines(self, whoop: dict[str, Any], sent: dict[str, int], member_days: float) -> list[str]:
        """The counts as lines of text.

        Args:
            whoop: Request statistics of the simulator.
            sent: Delivery statistics of the simulator.
            member_days: Members times days.
        """
        return [
            f"Deliveries: {sent['attempts']} attempts, {self.deliveries['retries']} of them retries;"
            f" {sent['delivered']} delivered, {self.deliveries['delivered'] - len(self.delivered)} of"
            f" them duplicates;"
            f" {sent['never sent']} never sent, {sent['given up']} given up, {sent['waiting']} waiting",
            *(f"Kills of the {kind}: {counted(hits)}" for kind, hits in self.hits.items()),
            f"Members that connected again: {self.reconnected}",
            f"Runs: {counted(self.runs)}; {self.ticks} ticks",
            f"Requests: {counted(self.requests)}; {self.exchanges} token exchanges",
            f"Requests a member and day: {sum(self.requests.values()) / member_days:.1f};"
            f" at WHOOP {whoop['requests']}, at most {whoop['worst_minute']} a minute, {whoop['limited']}"
            f" limited",
            f"Failures that were recorded: {counted(self.failures)}",
        ]


def counted(counts: Mapping[str, int]) -> str:
    """The counts as text, largest first."""
    return ", ".join(f"{count} {name}" for name, count in Counter(counts).most_common()) or "none"
