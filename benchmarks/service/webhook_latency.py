"""Time from WHOOP's POST to the new daily row, with the service, `dagster dev` and the simulator as
processes.

    python -m benchmarks.service.webhook_latency [--events 30] [--members 2] [--seed 7]

The simulator rescores a record and announces it. The latency is the difference between the row's `built_at`
and the event's `received_at`, both by the database's clock. Prints the seconds until the run was created,
started, and had built the row.
"""

import random
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import select

from benchmarks.options import options
from whoop_assets.cli.processes.processes import child
from whoop_assets.db.database import Database
from whoop_assets.records.tables import sleeps, workouts
from whoop_assets.schema import open_database
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.summaries.tables import daily_summary
from whoop_assets.sync.load_members import LoadRequest, load_members
from whoop_assets.webhooks.tables import webhook_events
from whoop_assets.whoop_api.streams import STREAMS
from whoop_assets_tests.support.deployments.dagster_environment import child_environment
from whoop_assets_tests.support.deployments.dagster_ui import Ui, new_ui_home, running_ui
from whoop_assets_tests.support.deployments.simulator_process import (
    SimulatedWhoop,
    last_days,
    simulator_process,
    table,
)
from whoop_assets_tests.support.waiting import SLOW_POLL_SECONDS, wait_until

NAME = "latency"
DAYS = 30
WITHIN = 120.0
APART = (3.0, 12.0)
"""Random seconds between a row and the next event, so that events have no fixed place in any interval."""

RUNS = """
{ runsOrError(limit: 20) {
 ... on Runs { results { id status creationTime startTime endTime tags { key value } } }
  ... on Error { message } } }"""


@dataclass(frozen=True)
class Way:
    """Seconds of each step of one event, from its receipt."""

    stream: str
    days_back: int
    made: float
    began: float
    built: float
    ended: float


def main() -> None:
    chosen = options(__doc__, events=30, members=2, seed=7)
    with simulator_process(members=chosen.members, days=DAYS + 15, seed=chosen.seed) as stage:
        fill(stage)
        home = new_ui_home(stage.folder / "dagster")
        with serving(stage, home), running_ui(home, child_environment(stage, NAME)) as ui:
            ui.stop_reading()
            database = open_database(stage.with_database(NAME), create=True)
            ways = list(measured(stage, ui, database, chosen.events, random.Random(chosen.seed)))
            database.close()
    print(table([vars(way) for way in ways]))
    built = sorted(way.built for way in ways)
    p95 = built[min(len(built) - 1, int(len(built) * 0.95))]
    print(
        f"{len(ways)} events, POST to row: median {statistics.median(built):.1f} s (at most 8), 95%"
        f" within {p95:.1f} s"
        f" (at most 15), longest {built[-1]:.1f} s; median until the run was made"
        f" {statistics.median(way.made for way in ways):.1f} s, until it began"
        f" {statistics.median(way.began for way in ways):.1f} s"
    )


def fill(stage: SimulatedWhoop) -> None:
    """Create a warehouse with all members connected and the last days loaded."""
    database, connection = stage.database(NAME)
    first, last = last_days(stage, DAYS)
    with database.read() as transaction:
        now = database.now(transaction)
    for stream in STREAMS:
        load_members(connection, LoadRequest(stream, first, last, last, until=now, since=now))
    rebuild_days(database, stage.members, first - timedelta(days=10), last)
    connection.close()
    database.close()


@contextmanager
def serving(stage: SimulatedWhoop, folder: Path) -> Iterator[None]:
    """Run `whoop-assets serve`, subscribed to the simulator's webhooks."""
    command = [sys.executable, "-m", "whoop_assets.cli", "serve", "--port", "0"]
    environment = child_environment(stage, NAME) | {"PYTHONUNBUFFERED": "1"}
    log = folder / "serve.log"
    with log.open("wb") as output, child(command, environment=environment, output=output, folder=folder):

        def address() -> str | None:
            said = log.read_text()
            return said.split()[-1] if "/webhooks/whoop" in said else None

        url = wait_until(address, "the service", WITHIN, SLOW_POLL_SECONDS)
        httpx.post(f"{stage.base_url}/_control/webhooks/subscribe", json={"url": url}).raise_for_status()
        yield


def measured(
    stage: SimulatedWhoop, ui: Ui, database: Database, events: int, chance: random.Random
) -> Iterator[Way]:
    """Rescore records one after the other, and follow each to its row."""
    for number in range(events):
        time.sleep(chance.uniform(*APART))
        source = sleeps if number % 2 else workouts
        with database.read() as connection:
            query = select(source.c.user_id, source.c.id, source.c.day).where(source.c.deleted_at.is_(None))
            user_id, key, day = chance.choice(connection.execute(query.order_by(source.c.id)).all())
            before = database.now(connection)
        order = {"user_id": user_id, "stream": source.name, "id": key}
        httpx.post(f"{stage.base_url}/_control/rescore", json=order).raise_for_status()

        def row(of: int = user_id, on: object = day, since: datetime = before) -> datetime | None:
            c = daily_summary.c
            with database.read() as connection:
                query = select(c.built_at).where(c.user_id == of, c.day == on, c.built_at > since)
                return connection.scalar(query)

        built_at = wait_until(row, f"the row of {day}", WITHIN, SLOW_POLL_SECONDS)
        yield _way(ui, database, source.name, (stage.today - day).days, key, before, built_at)


def _way(
    ui: Ui, database: Database, stream: str, days_back: int, key: str, before: datetime, built_at: datetime
) -> Way:
    c = webhook_events.c
    query = select(c.received_at, c.closed_by).where(
        c.record_id == key, c.stream == stream, c.received_at > before, c.closed_by.is_not(None)
    )
    with database.read() as connection:
        received_at, run_id = connection.execute(query.order_by(c.received_at)).first() or (None, "")
    assert received_at is not None

    def ended() -> dict[str, float] | None:
        runs = {run["id"]: run for run in ui.query(RUNS)["runsOrError"]["results"]}
        run = runs.get(run_id)
        return run if run is not None and run["endTime"] is not None else None

    run = wait_until(ended, f"the end of run {run_id}", WITHIN, SLOW_POLL_SECONDS)
    zero = received_at.timestamp()
    made, began, end = (round(run[name] - zero, 2) for name in ("creationTime", "startTime", "endTime"))
    return Way(stream, days_back, made, began, round((built_at - received_at).total_seconds(), 2), end)


if __name__ == "__main__":
    main()
