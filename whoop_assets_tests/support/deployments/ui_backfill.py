"""A backfill through the Dagster UI of a real `dagster dev`, launched by GraphQL, with its requests
counted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from whoop_assets_tests.support.deployments.dagster_environment import child_environment
from whoop_assets_tests.support.deployments.dagster_ui import Ui, running_ui
from whoop_assets_tests.support.deployments.request_counts import RequestCounter, SentRequests, least_pages
from whoop_assets_tests.support.deployments.simulator_process import SimulatedWhoop

NAME = "ui"
MAX_BASE_SECONDS, MAX_SECONDS_PER_DAY = 180.0, 2.0
"""Maximum seconds of a backfill: a constant and an amount per day."""


@dataclass(frozen=True)
class Backfilled:
    """The result of a backfill."""

    backfill_id: str
    status: str
    runs: list[str]
    seconds: float
    waited: float
    """Seconds from the mutation to the creation of the first run."""
    worked: float
    """Seconds from the creation of the first run to the end of the last run."""
    sent: SentRequests


def connect(stage: SimulatedWhoop) -> None:
    """Creates the database and connects all members. Stop the sensors before, or they start imports."""
    database, connection = stage.database(NAME)
    connection.close()
    database.close()


@contextmanager
def serving(stage: SimulatedWhoop, home: Path) -> Iterator[Ui]:
    """Run `dagster dev` on the stage's warehouse, with schedules off."""
    with running_ui(home, child_environment(stage, NAME)) as ui:
        ui.stop_reading()
        yield ui


def backfill(stage: SimulatedWhoop, ui: Ui, first: date, last: date) -> Backfilled:
    """Backfill all assets over the days and wait for the end."""
    counter = RequestCounter(stage)
    backfill_id = ui.launch_backfill(first, last)
    ended = ui.finished(backfill_id, MAX_BASE_SECONDS + MAX_SECONDS_PER_DAY * ((last - first).days + 1))
    created = min(run["creationTime"] for run in ended["runs"])
    least = least_pages(stage.with_database(NAME), stage.members, first, last)
    return Backfilled(
        backfill_id,
        ended["status"],
        [run["id"] for run in ended["runs"]],
        ended["endTimestamp"] - ended["timestamp"],
        created - ended["timestamp"],
        max(run["endTime"] for run in ended["runs"]) - created,
        SentRequests(counter.requests(), least),
    )
