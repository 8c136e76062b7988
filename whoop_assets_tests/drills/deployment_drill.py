"""Shared parts of the deployment drills: a log of kills, and the comparison of the warehouse with WHOOP."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from whoop_assets.db.database import Database
from whoop_assets_tests.drills.comparisons import comparable, differences_from_naive_rules, rows
from whoop_assets_tests.support.deployments.compose_processes import Deployment
from whoop_assets_tests.support.deployments.dagster_ui import UiError
from whoop_assets_tests.support.deployments.simulator_process import SimulatedWhoop
from whoop_assets_tests.support.home import KEY, RECORDS, days_of
from whoop_assets_tests.support.waiting import SLOW_POLL_SECONDS, wait_until
from whoop_simulator.running import Control

T = TypeVar("T")

MAX_WAIT_SECONDS = 900.0
"""Maximum seconds of any wait on a busy machine."""

STARTED = re.compile(r"Started process for (?:resumed )?run \(pid: (\d+)\)")
LOGS = """
query ($id: ID!) {
  logsForRun(runId: $id) { ... on EventConnection { events { ... on MessageEvent { message } } }
   ... on Error { message } }
}"""

RESPONSE_SECONDS = 6.0
"""Response time of WHOOP in seconds, long enough to kill a process during a request."""


@dataclass
class Log:
    """Prints events with the seconds since the start."""

    began: float = field(default_factory=time.monotonic)
    lines: list[str] = field(default_factory=list)

    def __call__(self, line: str) -> None:
        entry = f"{time.monotonic() - self.began:6.1f} s  {line}"
        self.lines.append(entry)
        print(entry, flush=True)


@dataclass
class Drill:
    """A deployment with connected members and a frozen WHOOP clock."""

    deployment: Deployment
    stage: SimulatedWhoop
    database: Database
    log: Log
    edits: int = 0

    @property
    def control(self) -> Control:
        return Control(self.stage.base_url)

    def edit(self, count: int = 1) -> None:
        """Edit records of every member."""
        for user_id in self.stage.members:
            self.edits += 1
            self.control.post("random_edits", user_id=user_id, count=count, seed=self.edits)

    def announced(self) -> tuple[int, int]:
        """Send all due deliveries; return the numbers of those with and without a 2xx response."""
        sent = self.control.post("webhooks/deliver")
        delivered = sum(delivery["status"] == "delivered" for delivery in sent)
        return delivered, len(sent) - delivered

    def runs(self, **tags: str) -> list[dict[str, Any]]:
        """The runs with these tags, newest first. `__` in a tag name stands for `/`."""
        wanted = {name.replace("__", "/"): value for name, value in tags.items()}
        return [run for run in self.query(self.deployment.ui.runs) if wanted.items() <= run["tags"].items()]

    def query(self, send: Callable[[], T]) -> T:
        """Queries the web server; repeats the query if a connection was lost in a crash of PostgreSQL."""

        def response() -> list[T] | None:
            try:
                return [send()]
            except UiError as error:
                if "OperationalError" not in str(error):
                    raise
                return None

        return wait_until(response, "a response of the web server", MAX_WAIT_SECONDS, SLOW_POLL_SECONDS)[0]

    def await_reading(self, more: int) -> None:
        """Wait until WHOOP has received that many more requests."""
        target = self.stage.requests() + more
        wait_until(
            lambda: self.stage.requests() >= target,
            f"{more} more requests",
            MAX_WAIT_SECONDS,
            SLOW_POLL_SECONDS,
        )

    def started(self, *, requests: int = 4, **tags: str) -> dict[str, Any]:
        """Wait until the newest run with these tags is active and has sent that many requests."""

        def active() -> dict[str, Any] | None:
            found = [run for run in self.runs(**tags) if run["status"] == "STARTED"]
            return found[0] if found else None

        run = wait_until(active, f"a run with {tags}", MAX_WAIT_SECONDS, SLOW_POLL_SECONDS)
        self.await_reading(requests)
        return run

    def process_of(self, run: dict[str, Any]) -> int:
        """The process id of the run, from its log."""
        logs = self.query(lambda: self.deployment.ui.query(LOGS, id=run["id"]))["logsForRun"]
        found = [STARTED.search(event.get("message", "")) for event in logs["events"]]
        (process,) = {int(match[1]) for match in found if match is not None}
        return process

    def open_events(self) -> int:
        return sum(row["state"] != "done" for row in rows(self.database, "webhook_events"))

    def await_end(self, backfill_id: str) -> dict[str, Any]:
        """Wait for the end of the backfill, with any status."""

        def ended() -> dict[str, Any] | None:
            found = self.query(lambda: self.deployment.ui.backfill(backfill_id))
            return found if found["status"].startswith(("COMPLETED", "FAILED", "CANCELED")) else None

        return wait_until(ended, f"the end of backfill {backfill_id}", MAX_WAIT_SECONDS, SLOW_POLL_SECONDS)

    def await_idle(self) -> None:
        """Wait until no event is open and no summary is stale."""

        def is_idle() -> bool:
            ledgers = ("stale_days", "stale_trends")
            return self.open_events() == 0 and not any(rows(self.database, ledger) for ledger in ledgers)

        wait_until(is_idle, "events and summaries", MAX_WAIT_SECONDS, SLOW_POLL_SECONDS)


def differences(drill: Drill, first: date, last: date) -> list[tuple[Any, ...]]:
    """Compare the warehouse with WHOOP.

    Returns:
        Records that are missing, different, on the wrong day, or unknown to WHOOP, and summaries that
        differ from those by the written rules.
    """
    found: list[tuple[Any, ...]] = []
    for user_id in drill.stage.members:
        truth = drill.control.get(f"truth/{user_id}")
        days = days_of(truth)
        for stream in RECORDS:
            expected = {str(record[KEY[stream]]): record for record in truth[stream]}
            stored = {
                str(row[KEY[stream]]): row
                for row in rows(drill.database, stream)
                if row["user_id"] == user_id and row["deleted_at"] is None
            }
            for key, day in days[stream].items():
                if day is not None and first <= day <= last and str(key) not in stored:
                    found.append((stream, key, "missing here", str(day)))
            for key, row in stored.items():
                record = expected.get(key)
                if record is None:
                    found.append((stream, key, "only here", str(row["day"])))
                elif comparable(stream, row["payload"]) != comparable(stream, record):
                    found.append((stream, key, "differs", str(row["day"])))
                elif {str(k): day for k, day in days[stream].items()}[key] not in (row["day"], None):
                    found.append((stream, key, "wrong day", str(row["day"])))
    return found + differences_from_naive_rules(drill.database)


def unfinished_work(database: Database) -> list[tuple[Any, ...]]:
    """Returns open and duplicate events, open failures, stale days and quarantined records."""
    events = rows(database, "webhook_events")
    found: list[tuple[Any, ...]] = [
        ("webhook_events", row["trace_id"], row["state"], row["last_error"])
        for row in events
        if row["state"] != "done"
    ]
    if len({row["trace_id"] for row in events}) < len(events):
        found.append(("webhook_events", "twice"))
    for table in ("load_failures", "stale_days", "quarantine"):
        found += [(table, str(row)) for row in rows(database, table)]
    return found
