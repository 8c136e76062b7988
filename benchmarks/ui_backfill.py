"""A year of one member through the UI's backfill: `dagster dev` as a real process, the backfill asked for by GraphQL.

    python -m benchmarks.ui_backfill [--days 365] [--seed 7]

Prints seconds, the number of runs, and the requests against the least possible number of pages. Dagster's daemon looks at
backfills every 30 s, a constant in its code: once to create the run, and once more to see that it has ended. The seconds
from the run's creation to its end are what it takes between the two looks.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from benchmarks.least_pages import Counting, Sent, least_pages
from benchmarks.stage import Stage, last_days, staged
from benchmarks.surroundings import child_environment
from benchmarks.ui import Ui, new_home, running_ui

NAME = "ui"
AT_LEAST, A_DAY = 180.0, 2.0
"""Seconds that a backfill may take: this much, and so much more per day."""


@dataclass(frozen=True)
class Backfilled:
    """What became of a backfill."""

    backfill_id: str
    status: str
    runs: list[str]
    seconds: float
    waited: float
    """Seconds from the mutation to the creation of the first run."""
    worked: float
    """Seconds from then to the end of the last run."""
    sent: Sent


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=7)
    chosen = parser.parse_args()
    with (
        staged(members=1, days=chosen.days + 15, seed=chosen.seed) as stage,
        serving(stage, new_home(stage.folder / "dagster")) as ui,
    ):
        connect(stage)
        done = backfill(stage, ui, *last_days(stage, chosen.days))
        print(f"{chosen.days} days through the UI: {done.status}, {len(done.runs)} run, {done.seconds:.1f} s")
        print(
            f"{done.waited:.1f} s until the daemon created the run, {done.worked:.1f} s until the run ended, then"
            f" {done.seconds - done.waited - done.worked:.1f} s until the daemon saw it"
        )
        print(*done.sent.lines(), sep="\n")
        print(f"ratio {done.sent.ratio:.3f} (at most 1.10)")
        print("materialized (failed):", ui.materialized())


def connect(stage: Stage) -> None:
    """A new warehouse with every member connected; once nothing reads by itself, or their import would begin."""
    database, connection = stage.database(NAME)
    connection.close()
    database.close()


@contextmanager
def serving(stage: Stage, home: Path) -> Iterator[Ui]:
    """`dagster dev` on the stage's warehouse, nothing scheduled."""
    with running_ui(home, child_environment(stage, NAME)) as ui:
        ui.stop_reading()
        yield ui


def backfill(stage: Stage, ui: Ui, first: date, last: date) -> Backfilled:
    """Backfill all assets over the days and wait for the end."""
    counting = Counting(stage)
    backfill_id = ui.launch_backfill(first, last)
    ended = ui.finished(backfill_id, AT_LEAST + A_DAY * ((last - first).days + 1))
    created = min(run["creationTime"] for run in ended["runs"])
    least = least_pages(stage.with_database(NAME), stage.members, first, last)
    return Backfilled(
        backfill_id,
        ended["status"],
        [run["id"] for run in ended["runs"]],
        ended["endTimestamp"] - ended["timestamp"],
        created - ended["timestamp"],
        max(run["endTime"] for run in ended["runs"]) - created,
        Sent(counting.requests(), least),
    )


if __name__ == "__main__":
    main()
