"""A year of one member through the UI's backfill: `dagster dev` as a real process, the backfill asked for by GraphQL.

    python -m benchmarks.ui_backfill [--days 365] [--seed 7]

Prints seconds, the number of runs, and the requests against the least possible number of pages.
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
    least = least_pages(stage.with_database(NAME), stage.members, first, last)
    return Backfilled(
        backfill_id,
        ended["status"],
        [run["id"] for run in ended["runs"]],
        ended["endTimestamp"] - ended["timestamp"],
        Sent(counting.requests(), least),
    )


if __name__ == "__main__":
    main()
